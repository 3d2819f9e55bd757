import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { argument, git, gitText } from "../git.ts";

/** A repository on GitHub as git fetches it. The token goes through the environment, never into argv or a config file. */
export interface CodeRemote {
  readonly url: string;
  readonly token: string;
  readonly loopback: boolean;
}

const limits = { firstDepth: 50, doublings: 8, timeout: 300_000, blob: "128m" };

/** An empty bare repository that is gone when `use` has ended. */
export async function withBareRepository<T>(use: (gitDir: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "rekey-code-"));
  try {
    await git(["init", "--bare", "--quiet", folder], { cwd: tmpdir() });
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Fetches base and head without blobs, deep enough to judge what the head adds (contracts.md §6): until no listed commit stands at
 * the edge of the clone and their number is GitHub's `ahead_by`. Returns whether that was reached within the bound.
 */
export async function fetchBothSides(
  gitDir: string,
  remote: CodeRemote,
  sides: { base: string; head: string; aheadBy: number },
): Promise<boolean> {
  const { base, head } = { base: argument(sides.base), head: argument(sides.head) };
  let depth = Math.max(limits.firstDepth, sides.aheadBy + 1);
  for (let attempt = 0; attempt <= limits.doublings; attempt++, depth *= 2) {
    const reach = attempt === limits.doublings ? ["--unshallow"] : [`--depth=${depth}`];
    await fetchInto(gitDir, remote, [...reach, "--filter=blob:none"], [base, head]);
    if (await judgeable(gitDir, base, head, sides.aheadBy)) return true;
    if (!(await isShallow(gitDir))) return false; // everything is here, and GitHub still counts other commits
  }
  return false;
}

async function isShallow(gitDir: string): Promise<boolean> {
  return (await gitText(["rev-parse", "--is-shallow-repository"], { cwd: gitDir })).trim() === "true";
}

/** The blobs of both sides in one request. */
export async function fetchBlobs(gitDir: string, remote: CodeRemote, blobs: readonly string[]): Promise<void> {
  for (let at = 0; at < blobs.length; at += 5000) {
    await fetchInto(gitDir, remote, [`--filter=blob:limit=${limits.blob}`, "--stdin"], [], `${blobs.slice(at, at + 5000).join("\n")}\n`);
  }
}

/** One commit, and of its files the one blob, to read a place again. */
export async function fetchCommit(gitDir: string, remote: CodeRemote, commit: string, blob?: string): Promise<void> {
  await fetchInto(gitDir, remote, ["--depth=1", "--filter=tree:0"], [argument(commit)]);
  if (blob === undefined) return;
  try {
    await fetchBlobs(gitDir, remote, [blob]);
  } catch {
    // a server that gives no single blob of a commit that no ref reaches any more may still give the whole commit
    await fetchInto(gitDir, remote, ["--depth=1", "--refetch"], [argument(commit)]);
  }
}

/** One commit and its trees, without files and without history. */
export async function fetchTree(gitDir: string, remote: CodeRemote, commit: string): Promise<void> {
  await fetchInto(gitDir, remote, ["--depth=1", "--filter=blob:none"], [argument(commit)]);
}

/** The whole history of every branch, tag and pull request (a closed one can still be read), or of one branch as it stood at a commit, with all files but huge ones. */
export async function fetchHistory(gitDir: string, remote: CodeRemote, of?: { commit: string; branch: string }): Promise<void> {
  const wants =
    of === undefined
      ? ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", "+refs/pull/*/head:refs/pull/*/head"]
      : [`+${argument(of.commit)}:refs/heads/${of.branch}`];
  await fetchInto(gitDir, remote, [`--filter=blob:limit=${limits.blob}`], wants);
}

async function fetchInto(
  gitDir: string,
  { url, token, loopback }: CodeRemote,
  options: readonly string[],
  wants: readonly string[],
  input?: string,
): Promise<void> {
  await git(
    [
      "-c",
      "fetch.negotiationAlgorithm=noop",
      "-c",
      "transfer.fsckObjects=true",
      "fetch",
      "--quiet",
      "--no-tags",
      "--no-write-fetch-head",
      ...options,
      url,
      ...wants,
    ],
    {
      cwd: gitDir,
      timeout: limits.timeout,
      remote: { url, token, loopback },
      ...(input === undefined ? {} : { input }),
    },
  );
}

async function judgeable(gitDir: string, base: string, head: string, aheadBy: number): Promise<boolean> {
  const listed = (await gitText(["rev-list", head, "--not", base], { cwd: gitDir })).split("\n").filter(Boolean);
  const edge = new Set((await gitText(["rev-list", "--max-parents=0", head, base], { cwd: gitDir })).split("\n").filter(Boolean));
  return listed.length === aheadBy && !((await isShallow(gitDir)) && listed.some((commit) => edge.has(commit)));
}
