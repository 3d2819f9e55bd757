import type { Readable } from "node:stream";
import { argument, collected, GitError, gitText, notInstalled, startGit } from "../git.ts";

/**
 * One object of a repository. `bytes` is absent where the object is missing (partial clone), damaged, or larger than the cap;
 * then `size` is its size in bytes where git knows it.
 */
export interface GitObject {
  readonly id: string;
  readonly type: "blob" | "tree" | "commit" | "tag" | "missing" | "damaged";
  readonly size: number;
  readonly bytes?: Buffer;
}

export interface CatFileOptions {
  /** The body of a larger object is passed over. Bytes. */
  readonly maxBytes: number;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Reads objects in the order given through one long-lived `git cat-file --batch`. Holds one object at a time; a view given out is
 * valid until the next one is asked for. An object on which git dies is reported as damaged, and reading goes on behind it.
 */
export async function* readObjects(cwd: string, ids: Iterable<string>, { maxBytes, env = {} }: CatFileOptions): AsyncGenerator<GitObject> {
  const source = ids[Symbol.iterator]();
  let asked = take(source, window);
  if (asked.length === 0) return;
  let present: ReadonlySet<string> | undefined;
  for (let restarts = 0; ; restarts++) {
    const batch = openBatch(cwd, env);
    try {
      batch.ask(asked);
      for (;;) {
        for (const id of take(source, window - asked.length)) {
          if (present?.has(id) === false) yield { id, type: "missing", size: 0 };
          else asked.push(batch.ask([id]));
        }
        if (asked.length === 0) return;
        const object = await batch.answer(maxBytes);
        if (object === undefined) break;
        asked.shift();
        yield object;
      }
    } finally {
      batch.close();
    }
    if (batch.problem("start")) throw new GitError("git cat-file could not start; is this a git repository?", null);
    if (restarts >= maxRestarts) throw new GitError(`git cat-file stopped ${maxRestarts} times; run git fsck`, null);
    if (present === undefined && batch.problem("promised")) {
      // older git dies on an object that a partial clone does not have, since it may not fetch it
      present = await presentObjects(cwd, env);
      const known = present;
      for (const id of asked) if (!known.has(id)) yield { id, type: "missing", size: 0 };
      asked = asked.filter((id) => known.has(id));
    } else {
      const [damaged = "", ...rest] = asked;
      yield { id: damaged, type: "damaged", size: 0 };
      asked = rest;
    }
  }
}

/** Requests that git may have ahead, so that it never waits for us. */
const window = 128;
const maxRestarts = 100;

interface Batch {
  /** Gives the last id back. */
  ask(ids: readonly string[]): string;
  /** The next answer; undefined where git has ended. */
  answer(maxBytes: number): Promise<GitObject | undefined>;
  /** Why git ended: it could not start at all, or it wanted an object from a promisor remote. */
  problem(kind: "start" | "promised"): boolean;
  close(): void;
}

function openBatch(cwd: string, env: Readonly<Record<string, string>>): Batch {
  const child = startGit(["cat-file", "--batch"], { cwd, env });
  const reader = new ByteReader(child.stdout);
  const stderr = collected(child.stderr);
  let problem: unknown;
  const ended = new Promise<void>((resolve) => {
    child.on("close", () => resolve());
    child.on("error", (error) => {
      problem = notInstalled(error);
      resolve();
    });
  });
  child.stdin.on("error", () => undefined); // git has ended: its missing answer says so
  return {
    ask(ids) {
      if (ids.length > 0) child.stdin.write(`${ids.map(objectId).join("\n")}\n`);
      return ids.at(-1) ?? "";
    },
    async answer(maxBytes) {
      const header = await reader.line();
      if (header === undefined) await ended;
      if (problem !== undefined) throw problem;
      if (header === undefined) return undefined;
      const [id = "", type = "missing", length = "0"] = header.split(" ");
      if (type === "missing" || type === "ambiguous") return { id, type: "missing", size: 0 };
      const size = Number(length);
      const kind = type as GitObject["type"];
      if (size > maxBytes) return (await reader.skip(size + 1)) ? { id, type: kind, size } : undefined;
      const bytes = await reader.bytes(size);
      return bytes !== undefined && (await reader.skip(1)) ? { id, type: kind, size, bytes } : undefined;
    },
    problem: (kind) => (kind === "start" ? /not a git repository|unsupported|unknown option/i : /promisor|not allowed/i).test(stderr()),
    close() {
      child.stdin.end();
      child.kill("SIGKILL");
    },
  };
}

/** Ids of all objects that the repository has, reachable or not; nothing is fetched for it. */
async function presentObjects(cwd: string, env: Readonly<Record<string, string>>): Promise<Set<string>> {
  const args = ["cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)"];
  return new Set((await gitText(args, { cwd, env })).split("\n"));
}

function objectId(id: string): string {
  if (!/^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(id)) argument(`-${id}`);
  return id;
}

function take(source: Iterator<string>, count: number): string[] {
  const taken: string[] = [];
  while (taken.length < count) {
    const { value, done } = source.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

/** Lines and counted bytes of a stream, without copying what lies in one chunk. */
class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #chunk: Buffer = Buffer.alloc(0);

  constructor(stream: Readable) {
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  async line(): Promise<string | undefined> {
    for (let from = 0; ; ) {
      const end = this.#chunk.indexOf(10, from);
      if (end !== -1) return this.#take(end + 1).toString("latin1", 0, end);
      from = this.#chunk.length;
      if (!(await this.#more(true))) return undefined;
    }
  }

  async bytes(count: number): Promise<Buffer | undefined> {
    if (this.#chunk.length >= count) return this.#take(count);
    const whole = Buffer.allocUnsafe(count);
    let filled = 0;
    while (filled < count) {
      const part = this.#take(Math.min(count - filled, this.#chunk.length));
      filled += part.copy(whole, filled);
      if (filled < count && !(await this.#more(false))) return undefined;
    }
    return whole;
  }

  async skip(count: number): Promise<boolean> {
    for (let left = count; ; ) {
      left -= this.#take(Math.min(left, this.#chunk.length)).length;
      if (left === 0) return true;
      if (!(await this.#more(false))) return false;
    }
  }

  #take(count: number): Buffer {
    const taken = this.#chunk.subarray(0, count);
    this.#chunk = this.#chunk.subarray(count);
    return taken;
  }

  async #more(keep: boolean): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done) return false;
    this.#chunk = keep && this.#chunk.length > 0 ? Buffer.concat([this.#chunk, value]) : value;
    return true;
  }
}
