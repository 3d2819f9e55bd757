import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { UsageError } from "../errors.ts";

/** What the lock file of an embedded database says about its owner. */
const Owner = z.object({
  pid: z.number().int(),
  /** When the process started, as the operating system counts it: tells a reused pid from the owner. */
  started: z.string(),
  host: z.string(),
  nonce: z.string(),
  /** Path of the owner's unix socket (its JSON API), once it listens. */
  socket: z.string().optional(),
});
export type Owner = z.output<typeof Owner>;

export interface Lock {
  /** Publishes the path of the owner's unix socket in the lock file. */
  announce(socket: string): void;
  release(): void;
}

/** The database belongs to a live process. `owner.socket` is where to ask it instead. */
export class LockedError extends UsageError {
  override name = "UsageError";
  readonly owner: Owner;

  constructor(message: string, owner: Owner) {
    super(message);
    this.owner = owner;
  }
}

/**
 * Takes the exclusive lock of a data directory: PGlite itself takes none, and two processes on one directory destroy it.
 * A lock is taken over only from a process of this host that is provably gone. Throws LockedError otherwise.
 */
export async function acquireLock(directory: string): Promise<Lock> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, "lock");
  const own: Owner = { pid: process.pid, started: startTime(process.pid) ?? "unknown", host: hostname(), nonce: randomUUID() };

  for (let attempt = 0; attempt < 20; attempt++) {
    if (create(path, own)) return held(path, own);
    const found = readText(path);
    if (found === undefined) continue;
    const owner = parseOwner(found);
    if (owner === undefined)
      throw new UsageError(`the lock file ${path} is not one of ours; remove it if no rekey process uses ${directory}`);
    if (!isGone(owner)) throw new LockedError(describe(owner, directory, path), owner);
    remove(path, found);
    if (!create(path, own)) continue;
    // Somebody who judged the same old lock a moment ago may still move ours away; look again before trusting it.
    await sleep(150);
    if (parseOwner(readText(path) ?? "")?.nonce === own.nonce) return held(path, own);
  }
  throw new UsageError(`the lock file ${path} keeps changing hands; is another rekey process starting on ${directory}?`);
}

/** Who owns the data directory now, if a live process does. For commands that then ask its socket. */
export function lockOwner(directory: string): Owner | undefined {
  const owner = parseOwner(readText(join(directory, "lock")) ?? "");
  return owner === undefined || isGone(owner) ? undefined : owner;
}

function held(path: string, own: Owner): Lock {
  return {
    announce(socket) {
      const next = `${path}.${own.nonce}`;
      writeFileSync(next, JSON.stringify({ ...own, socket }), { mode: 0o600 });
      renameSync(next, path);
    },
    release() {
      if (parseOwner(readText(path) ?? "")?.nonce === own.nonce) rmSync(path, { force: true });
    },
  };
}

/** Appears whole or not at all: written beside, then linked, which fails if the name is taken. */
function create(path: string, own: Owner): boolean {
  const draft = `${path}.${own.nonce}`;
  writeFileSync(draft, JSON.stringify(own), { mode: 0o600 });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Moves away exactly the lock that was judged; a newer one that slipped in is put back. */
function remove(path: string, judged: string): void {
  const aside = `${path}.gone.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (isCode(error, "ENOENT")) return;
    throw error;
  }
  if (readText(aside) !== judged) {
    try {
      linkSync(aside, path);
    } catch (error) {
      if (!isCode(error, "EEXIST")) throw error;
    }
  }
  rmSync(aside, { force: true });
}

function isGone(owner: Owner): boolean {
  if (owner.host !== hostname()) return false;
  const started = startTime(owner.pid);
  return started === undefined || (owner.started !== "unknown" && started !== "unknown" && started !== owner.started);
}

/** `undefined` = no such process; "unknown" = it lives but its start cannot be read. */
function startTime(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (isCode(error, "ESRCH")) return undefined;
  }
  const stat = readText(`/proc/${pid}/stat`);
  if (stat !== undefined) {
    // Field 22 of proc(5), counted behind the command name, which may hold spaces. A zombie (state Z) holds no files any more.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : (fields[19] ?? "unknown");
  }
  try {
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8", timeout: 5000 }).trim() || "unknown";
  } catch {
    return "unknown";
  }
}

function describe(owner: Owner, directory: string, path: string): string {
  if (owner.host !== hostname()) {
    return `the database in ${directory} is locked by process ${owner.pid} on host ${owner.host}; if that process has ended, remove ${path}`;
  }
  return `the database in ${directory} is in use by process ${owner.pid}; stop it, or use another directory (REKEY_DATA or --data)`;
}

function parseOwner(text: string): Owner | undefined {
  try {
    const result = Owner.safeParse(JSON.parse(text));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT") || isCode(error, "ESRCH")) return undefined;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
