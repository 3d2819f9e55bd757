import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { gitEnvironment } from "./config/git-environment.ts";
import { RefusedError, UsageError } from "./errors.ts";

export interface GitOptions {
  readonly cwd: string;
  readonly input?: string | Uint8Array;
  /** Further variables, above all those of `hookEnvironment()`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds; git is killed after it. */
  readonly timeout?: number;
  /** git is killed when it answers with more; 1 GiB by default. */
  readonly maxBytes?: number;
  /** Exit codes besides 0 that are an answer. */
  readonly accept?: readonly number[];
  /** Without it git may not speak to anybody. */
  readonly remote?: Remote;
  /** Ends git. With a remote a signal from the terminal does not reach it by itself. */
  readonly signal?: AbortSignal;
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** Whom git may call. Only https and ssh, unless `loopback` or `file` say that the caller has checked it. */
export interface Remote {
  readonly url: string;
  /** Sent as `Authorization: Basic x-access-token:…` through the environment: never in argv, an address or a config file. */
  readonly token?: string;
  /** Plain http to this machine: stand-ins and tests (contracts.md §4). */
  readonly loopback?: boolean;
  /** `file://` addresses. */
  readonly file?: boolean;
  /** Use the person's own git configuration: credential helper, proxy, ssh. Only for what a person typed. */
  readonly userConfig?: boolean;
}

/** git failed. The message holds the first lines of its stderr, without addresses. */
export class GitError extends Error {
  override name = "GitError";
  readonly code: number | null;

  constructor(message: string, code: number | null) {
    super(message);
    this.code = code;
  }
}

/** Runs git and returns its stdout. Throws GitError, or UsageError where git is not installed. */
export async function git(args: readonly string[], options: GitOptions): Promise<Buffer> {
  const limit = options.maxBytes ?? 1 << 30;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of gitStream(args, options)) {
    size += chunk.length;
    if (size > limit) throw new GitError(`git ${args[0]} answered with more than ${limit} bytes`, null);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** As `git`, decoded as UTF-8. */
export async function gitText(args: readonly string[], options: GitOptions): Promise<string> {
  return (await git(args, options)).toString("utf8");
}

/** As `git`, without holding the answer in memory. Leaving the loop early ends git. */
export async function* gitStream(args: readonly string[], options: GitOptions): AsyncGenerator<Buffer> {
  const child = startGit(args, options);
  const closed = once(child, "close") as Promise<[number | null]>;
  closed.catch(() => undefined); // seen below, or of no interest any more when the caller has left
  const stop = () => end(child, options.remote);
  options.signal?.addEventListener("abort", stop, { once: true });
  const timer = options.timeout === undefined ? undefined : setTimeout(stop, options.timeout);
  const stderr = collected(child.stderr);
  child.stdin.on("error", () => undefined); // git may close its input early: its exit code tells
  child.stdin.end(options.input ?? "");
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const [code] = await closed;
    if (code !== 0 && !options.accept?.includes(code ?? -1))
      throw new GitError(`git ${args[0]} failed (${code ?? "killed"}): ${withoutAddresses(stderr())}`, code);
  } catch (error) {
    throw notInstalled(error);
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", stop);
    if (child.exitCode === null) stop();
  }
}

/** With a remote, git has helpers that speak to the network for it and hold its pipes: they are of one process group. */
function end(child: Child, remote: Remote | undefined): void {
  if (remote === undefined || child.pid === undefined || process.platform === "win32") child.kill("SIGKILL");
  else {
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // the group has ended by itself
    }
  }
}

/** Starts git, hardened, with pipes. For callers in this module that talk with it: `cat-file --batch`. */
export function startGit(args: readonly string[], options: GitOptions): Child {
  return spawn("git", [...hardening, ...protocols(options.remote), ...args], {
    cwd: options.cwd,
    env: environment(options),
    stdio: ["pipe", "pipe", "pipe"],
    detached: options.remote !== undefined,
  });
}

/** A ref, revision or path that somebody else wrote, safe to stand in argv. Throws RefusedError. */
export function argument(text: string): string {
  if (text === "" || text.startsWith("-") || /[\0\n]/.test(text))
    throw new RefusedError(`expected a git revision or path, got ${JSON.stringify(text.slice(0, 60))}`);
  return text;
}

/** The start of what a stream says, for error messages. */
export function collected(stream: Readable): () => string {
  let text = "";
  stream.on("data", (chunk: Buffer) => {
    if (text.length < 4096) text += chunk.toString("utf8");
  });
  return () => text;
}

/** ENOENT of spawn as an error that a person can act on; anything else as it is. */
export function notInstalled(error: unknown): unknown {
  return error instanceof Error &&
    "syscall" in error &&
    String(error.syscall).startsWith("spawn") &&
    "code" in error &&
    error.code === "ENOENT"
    ? new UsageError("git is needed on PATH, and the folder must exist; install git and run this again", { cause: error })
    : error;
}

/**
 * Nothing in a repository or on the machine may run code, ask questions, hide objects (replace refs, grafts) or reach the
 * network. A repository's own config is read by git and is hostile input: every key that starts a program in the commands that
 * Rekey uses is overridden here or not reachable (no work tree filters, no textconv, no pager on a pipe).
 */
const hardening = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.quotePath=false",
  "core.commitGraph=false",
  "log.showSignature=false",
  "log.showRoot=true",
  "log.mailmap=false",
  "gc.auto=0",
  "maintenance.auto=false",
  "safe.directory=*",
  "advice.graftFileDeprecated=false",
  "protocol.allow=never",
].flatMap((setting) => ["-c", setting]);

function protocols(remote: Remote | undefined): string[] {
  if (remote === undefined) return [];
  const allowed = ["https", "ssh", ...(remote.loopback && isLoopback(remote.url) ? ["http"] : []), ...(remote.file ? ["file"] : [])];
  return [
    ...allowed.map((name) => `protocol.${name}.allow=always`),
    // a redirect could carry the token to another host
    ...(remote.token === undefined ? [] : ["http.followRedirects=false", "credential.helper="]),
  ].flatMap((setting) => ["-c", setting]);
}

/** Whether an address names this machine by a loopback address or `localhost`. */
export function isLoopback(url: string): boolean {
  return URL.canParse(url) && /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])$/.test(new URL(url).hostname);
}

function environment({ env = {}, remote }: GitOptions): Record<string, string> {
  const inherited = gitEnvironment();
  // curl would read ~/.netrc and could send what stands there instead of the token
  if (remote?.token !== undefined) delete inherited["HOME"];
  const own = remote?.userConfig
    ? {}
    : { GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", GIT_SSH_COMMAND: "ssh -o BatchMode=yes" };
  return {
    ...inherited,
    LC_ALL: "C.UTF-8",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "true",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_NO_LAZY_FETCH: "1",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_GRAFT_FILE: "/dev/null",
    ...own,
    ...env,
    ...credential(remote),
  };
}

function credential(remote: Remote | undefined): Record<string, string> {
  if (remote?.token === undefined) return {};
  const basic = Buffer.from(`x-access-token:${remote.token}`).toString("base64");
  return { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "http.extraHeader", GIT_CONFIG_VALUE_0: `Authorization: Basic ${basic}` };
}

function withoutAddresses(stderr: string): string {
  return stderr
    .replace(/[a-z][a-z0-9+.-]*:\/\/\S+/gi, "<address>")
    .replace(/\S+@\S+:\S+/g, "<address>")
    .trim()
    .split("\n")
    .slice(0, 3)
    .join("; ");
}
