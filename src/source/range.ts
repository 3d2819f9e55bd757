import { UsageError } from "../errors.ts";
import { gitText } from "../git.ts";
import { earliest, scanCommits } from "./commits.ts";
import { type PullRequestOptions, scanPullRequest } from "./pull-request.ts";
import { type Result, Tally } from "./scanner.ts";

export interface PushOptions extends Omit<PullRequestOptions, "base" | "head"> {
  /** The ref's commit before the push; all zeros for a new ref. */
  readonly before: string;
  readonly after: string;
  /** What a new ref is judged against; absent for the default branch itself, which then counts as a whole. */
  readonly defaultBranch?: string | undefined;
}

/** What a push adds (contracts.md §6): judged like a pull request from `before` to `after`. */
export async function scanPush({ before, after, defaultBranch, ...options }: PushOptions): Promise<Result> {
  const base = /^0+$/.test(before) ? defaultBranch : before;
  if (base !== undefined) {
    const { added, stats, complete, reason } = await scanPullRequest({ ...options, base, head: after });
    const noted = reason === undefined || !stats.complete ? stats.skipped : [...stats.skipped, { path: ".", reason }];
    return { findings: added.map(({ finding }) => finding), stats: { ...stats, skipped: noted, complete } };
  }
  const tally = new Tally(options);
  const ranked = await scanCommits({ ...options, tally, revisions: [after] });
  return { findings: earliest(ranked), stats: tally.stats() };
}

/** `a..b` as a person types it; an empty side is HEAD. Throws UsageError where a side is no commit. */
export async function resolveRange(range: string, cwd: string): Promise<{ before: string; after: string }> {
  const [, a, b] = /^(.*?)\.\.(?!\.)(.*)$/.exec(range) ?? [];
  if (a === undefined || b === undefined || range.startsWith("-"))
    throw new UsageError(`expected a range a..b of two commits, got '${range}'`);
  return { before: await commitOf(a || "HEAD", cwd), after: await commitOf(b || "HEAD", cwd) };
}

async function commitOf(name: string, cwd: string): Promise<string> {
  const zeros = /^0{40}(?:0{24})?$/.test(name);
  if (zeros) return name;
  const answer = await gitText(["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`], { cwd, accept: [1, 128] });
  const id = answer.trim();
  if (id === "") throw new UsageError(`expected a commit, tag or branch, got '${name}', which this repository does not have`);
  return id;
}
