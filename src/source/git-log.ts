import { argument, gitStream } from "../git.ts";
import { agentsInTrailers } from "../identity/agent-names.ts";

/** One path of one commit, against its parents. */
export interface Change {
  readonly path: string;
  /** Blob after the commit; undefined where the path is gone. */
  readonly after: string | undefined;
  readonly submodule: boolean;
}

export interface CommitInfo {
  readonly id: string;
  /** Place in the order of the log: parents before children, otherwise by time. From 0. */
  readonly rank: number;
  readonly author: { readonly name: string; readonly email: string };
  /** Coding agents that its trailers name; absent where there is none. */
  readonly agents?: readonly string[];
  /** Committer date, ISO 8601 UTC. */
  readonly date: string;
}

export interface Commit extends CommitInfo {
  readonly tree: string;
  readonly parents: readonly string[];
  readonly message: Buffer;
  readonly changes: readonly Change[];
}

export interface LogOptions {
  readonly cwd: string;
  /** `git rev-list` words: `--all`, `--not`, revisions. */
  readonly revisions: readonly string[];
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** `false`: without what each commit changed, which is most of git's work. */
  readonly changes?: boolean | undefined;
  /** These commits only, in this order, not what leads to them. */
  readonly only?: readonly string[] | undefined;
}

/**
 * Commits with what each one changed, oldest first. Merges show what differs from every parent (`-c`), so that what only a merge
 * introduced is seen. Renames are a removal and an addition. Held in memory one commit at a time.
 */
export async function* gitLog({ cwd, revisions, env = {}, changes = true, only }: LogOptions): AsyncGenerator<Commit> {
  const words = revisions.map((word) => (["--all", "--not"].includes(word) ? word : argument(word)));
  const format = ["%H", "%T", "%P", "%an", "%ae", "%ct", "%B"].join("%x00");
  const order = only === undefined ? ["--date-order", "--reverse"] : ["--no-walk=unsorted", "--stdin"];
  const shown = changes ? ["--raw", "-c", "--no-abbrev", "--no-renames"] : ["--no-patch"];
  const args = ["log", ...order, ...shown, "-z", "--encoding=UTF-8", `--format=${format}%x00`, ...words];
  const input = only === undefined ? {} : { input: `${only.join("\n")}\n` };
  yield* parseLog(gitStream(only === undefined ? [...args, "--"] : args, { cwd, env, ...input }));
}

/** The commits of such a log as git writes it, in chunks of any size. A damaged one gives wrong commits, never an error. */
export async function* parseLog(stream: AsyncGenerator<Buffer>): AsyncGenerator<Commit> {
  const fields = nulFields(stream);
  let rank = 0;
  let id = await nextId(fields);
  while (id !== undefined) {
    const [tree = "", parents = "", name = "", email = "", time = ""] = [
      await fields(),
      await fields(),
      await fields(),
      await fields(),
      await fields(),
    ].map((field) => field?.toString());
    const message = (await fields()) ?? Buffer.alloc(0);
    const { changes: changed, following } = await readChanges(fields);
    yield {
      id,
      rank: rank++,
      tree,
      parents: parents === "" ? [] : parents.split(" "),
      author: { name, email },
      ...agentsOf(message),
      date: isoDate(time),
      message,
      changes: changed,
    };
    id = following;
  }
}

function agentsOf(message: Buffer): Pick<CommitInfo, "agents"> {
  const agents = agentsInTrailers(message.toString("utf8"));
  return agents.length === 0 ? {} : { agents };
}

type Fields = () => Promise<Buffer | undefined>;

/** A commit's id stands where neither a change nor an empty field does: hexadecimal digits only. */
async function nextId(fields: Fields): Promise<string | undefined> {
  for (let field = await fields(); field !== undefined; field = await fields()) {
    const text = field.toString("latin1").trim();
    if (text !== "") return text;
  }
  return undefined;
}

async function readChanges(fields: Fields): Promise<{ changes: Change[]; following: string | undefined }> {
  const changes: Change[] = [];
  for (;;) {
    const header = await nextId(fields);
    if (header === undefined || !header.startsWith(":")) return { changes, following: header };
    const path = (await fields())?.toString("utf8") ?? "";
    changes.push(change(header, path));
  }
}

/** `:100644 100644 <old> <new> M`; for a merge of n parents `::` with n+1 modes and n+1 ids. The last of each is the result. */
function change(header: string, path: string): Change {
  const parents = /^:+/.exec(header)?.[0].length ?? 1;
  const words = header.slice(parents).split(" ");
  const after = words[2 * parents + 1] ?? "";
  return { path, after: /^0*$/.test(after) ? undefined : after, submodule: words[parents] === "160000" };
}

/** A date that git cannot have written is a damaged commit's: the epoch, which nobody takes for real. */
function isoDate(seconds: string): string {
  const date = new Date(Number(seconds) * 1000);
  return (Number.isNaN(date.getTime()) ? new Date(0) : date).toISOString().replace(".000Z", "Z");
}

/** The NUL-terminated fields of a stream, one a call. */
function nulFields(stream: AsyncGenerator<Buffer>): Fields {
  let chunk: Buffer = Buffer.alloc(0);
  let at = 0;
  return async () => {
    const parts: Buffer[] = [];
    for (;;) {
      const end = chunk.indexOf(0, at);
      if (end !== -1) {
        const field = chunk.subarray(at, end);
        at = end + 1;
        return parts.length === 0 ? field : Buffer.concat([...parts, field]);
      }
      if (at < chunk.length) parts.push(chunk.subarray(at));
      const { value, done } = await stream.next();
      chunk = done ? Buffer.alloc(0) : value;
      at = 0;
      if (done) return parts.length === 0 ? undefined : Buffer.concat(parts);
    }
  };
}
