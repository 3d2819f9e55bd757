import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { accessSync, constants, mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A server process of ours on loopback. `stop()` ends it and removes its folder; it also ends when this process ends, however that happens. */
export interface Child {
  stop(): Promise<void>;
}

/**
 * Ends the server when our end of its standard input closes: on a clean stop, and when this process is killed.
 * `exec` is avoided on purpose; the shell stays as the guard between the two.
 */
const guard = `
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
{ cat <&3; kill -TERM $child; for i in 1 2 3 4 5 6 7 8 9 10; do kill -0 $child || exit; sleep 0.3; done; kill -KILL $child; } >/dev/null 2>&1 &
wait $child
status=$?
folder=$PWD
cd /
rm -rf "$folder" 2>/dev/null
exit $status
`;

/**
 * Starts `command` as a user without rights (nobody when we are root) in `folder` and waits until `ready()` is true.
 * Throws with the end of the server's own output when it stops early or is not ready within `within` milliseconds.
 */
export async function startChild(options: {
  name: string;
  command: string;
  args: readonly string[];
  folder: string;
  ready: () => Promise<boolean>;
  env?: Readonly<Record<string, string>>;
  within?: number;
  /** Keep our own user, for a program that nobody cannot reach. */
  asSelf?: boolean;
}): Promise<Child> {
  const child = spawn("/bin/sh", ["-c", guard, "sh", options.command, ...options.args], {
    cwd: options.folder,
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: options.folder, TMPDIR: options.folder, LC_ALL: "C", ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    ...(options.asSelf === true ? {} : unprivileged()),
  });
  child.stdin.on("error", () => undefined); // it may be gone before we close our end
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-4000);
    });
  }
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const stop = async () => {
    child.ref();
    child.stdin.end();
    await ended;
    child.stdout.destroy();
    child.stderr.destroy();
    rmSync(options.folder, { recursive: true, force: true });
  };

  const deadline = Date.now() + (options.within ?? 30_000);
  while (!(await options.ready().catch(() => false))) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
      await stop();
      const how = child.exitCode === null ? "was not ready in time" : `stopped with exit code ${child.exitCode}`;
      throw new Error(`${options.name} ${how}; the end of its output:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  child.unref(); // a forgotten server does not keep a test or the demo from ending
  for (const stream of [child.stdin, child.stdout, child.stderr]) {
    if ("unref" in stream && typeof stream.unref === "function") stream.unref();
  }
  return { stop };
}

/** `spawn` options that drop root: PostgreSQL refuses root, and no server of ours needs it. Nothing when we are not root. */
export function unprivileged(): { uid?: number; gid?: number } {
  return process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
}

/** An empty folder of its own, which the unprivileged user can reach; also where the home of root hides the checkout from it. */
export function freshFolder(prefix: string): string {
  const base = [tmpdir(), "/tmp", "/var/tmp", "/dev/shm"].find(reachable);
  if (base === undefined) throw new Error("no folder for temporary files that other users can enter (tried TMPDIR, /tmp, /var/tmp)");
  return mkdtempSync(join(base, prefix));
}

/** Whether the unprivileged user can enter every folder down to `path` (as ourselves: always, since it is ours). */
export function reachable(path: string): boolean {
  try {
    if (process.getuid?.() !== 0) {
      accessSync(path, constants.X_OK);
      return true;
    }
    for (let folder = path; ; folder = dirname(folder)) {
      if ((statSync(folder).mode & 0o001) === 0) return false;
      if (dirname(folder) === folder) return true;
    }
  } catch {
    return false;
  }
}

/**
 * A loopback port that was free a moment ago. Below those that systems give to outgoing connections and to `listen(0)` (RFC 6335: 49152 and
 * up; Linux: 32768 and up), so that none of these takes it meanwhile. Throws if twenty in a row are taken.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const port = randomInt(10_000, 32_000);
    if (await isFree(port)) return port;
  }
  throw new Error("twenty loopback ports between 10000 and 32000 are taken; expected one that is free");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
