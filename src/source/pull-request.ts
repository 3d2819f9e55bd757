import { existsSync, readFileSync } from "node:fs";
import { credentialKey, type Finding } from "../finding.ts";
import { argument, gitText } from "../git.ts";
import { blobsAt, scanCommitTree } from "./commit-tree.ts";
import { earliest, type Ranked, scanCommits } from "./commits.ts";
import { gitLog } from "./git-log.ts";
import { type Scan, type Stats, Tally } from "./scanner.ts";

export interface PullRequestOptions {
  /** A repository's folder, bare or not, that has both sides. */
  readonly cwd: string;
  readonly base: string;
  readonly head: string;
  readonly scan: Scan;
  /** GitHub's `ahead_by`, where it is known: another number of commits means that this clone does not know what the head adds. */
  readonly expectedCommits?: number | undefined;
  readonly repository?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly progress?: ((files: number, bytes: number) => void) | undefined;
}

/** A credential that the commits add, at the earliest of them, and where it still stands in the head, if it does. */
export interface Added {
  readonly finding: Finding;
  /** 1-based line of the head's version of that path; absent where the head does not hold the value there. */
  readonly headLine?: number;
}

export interface PullRequestScan {
  readonly added: readonly Added[];
  /** Credentials in the commits' content that stood in the merge base already: never a reason for red. */
  readonly stood: readonly Finding[];
  /** Number of commits that were judged. */
  readonly commits: number;
  /** Undefined where the two sides have no commit in common. */
  readonly mergeBase: string | undefined;
  /** False where something was not read, or not every commit was here; then `reason` says it. Never green on it. */
  readonly complete: boolean;
  readonly reason?: string;
  readonly stats: Stats;
}

/**
 * What `base...head` adds (contracts.md §6). Every commit that the head has and the base has not counts, also what a later one
 * removes. A credential stood there already if the merge base holds it in any path that these commits touch; a copy from an
 * untouched file is new. In a shallow clone that cuts through these commits, the difference of the two trees is judged instead.
 */
export async function scanPullRequest(options: PullRequestOptions): Promise<PullRequestScan> {
  const { cwd, scan, repository, env } = options;
  const tally = new Tally(options);
  const [base, head] = [argument(options.base), argument(options.head)];
  const [bases, isShort] = await Promise.all([
    mergeBases(cwd, base, head, env),
    isCut({ cwd, base, head, env, expectedCommits: options.expectedCommits }),
  ]);
  const whole = !isShort;

  const touched = new Set<string>();
  let commits = 0;
  const ranked = whole
    ? await scanCommits({
        cwd,
        scan,
        repository,
        env,
        tally,
        revisions: [head, "--not", base],
        onCommit: ({ changes }) => {
          commits++;
          for (const { path } of changes) touched.add(path);
        },
      })
    : await scanDifference(options, bases[0] ?? base, touched, tally);
  const found = earliest(ranked);

  const against = found.length === 0 ? [] : bases.length > 0 ? bases : whole ? [] : [base];
  const standing = await Promise.all(against.map((commit) => scanCommitTree({ cwd, commit, paths: [...touched], scan, env })));
  for (const { stats } of standing) for (const { path, reason } of stats.complete ? [] : stats.skipped) tally.skip(path, reason, true);
  const known = new Set(standing.flatMap(({ findings }) => findings.map(credentialKey)));
  const fresh = found.filter((finding) => !known.has(credentialKey(finding)));
  const stats = tally.stats();
  return {
    added: await withHeadLines(fresh, options),
    stood: found.filter((finding) => known.has(credentialKey(finding))),
    commits,
    mergeBase: bases[0],
    complete: whole && stats.complete,
    ...(whole ? (stats.complete ? {} : { reason: "some content could not be read" }) : { reason: "history not fully scanned" }),
    stats,
  };
}

/**
 * The blobs that `scanPullRequest` will read, for a clone without blobs: they are fetched in one batch before (github-app.md 3.2).
 * Needs commits and trees only.
 */
export async function neededBlobs({
  cwd,
  base,
  head,
  expectedCommits,
}: Pick<PullRequestOptions, "cwd" | "base" | "head" | "expectedCommits">): Promise<string[]> {
  const needed = new Set<string>();
  const touched = new Set<string>();
  const whole = !(await isCut({ cwd, base: argument(base), head: argument(head), expectedCommits }));
  if (whole) {
    for await (const { changes } of gitLog({ cwd, revisions: [head, "--not", base] })) {
      for (const { path, after, submodule } of changes) {
        touched.add(path);
        if (after !== undefined && !submodule) needed.add(after);
      }
    }
  }
  const bases = await mergeBases(cwd, base, head, undefined);
  if (!whole) for (const { path } of await difference(cwd, bases[0] ?? base, head)) touched.add(path);
  for (const side of [head, ...(bases.length === 0 ? [base] : bases)])
    for (const { blob } of await blobsAt(cwd, side, [...touched])) needed.add(blob);
  return [...needed];
}

async function mergeBases(cwd: string, base: string, head: string, env: PullRequestOptions["env"]): Promise<string[]> {
  const answer = await gitText(["merge-base", "--all", base, head], { cwd, accept: [1], ...(env === undefined ? {} : { env }) });
  return answer.split("\n").filter(Boolean);
}

/** Whether a listed commit stands at the edge of a shallow clone (its parents, and so what it changed, are not known), or too many are listed. */
async function isCut({ cwd, base, head, env, expectedCommits }: Omit<PullRequestOptions, "scan">): Promise<boolean> {
  const options = { cwd, ...(env === undefined ? {} : { env }) };
  const file = (await gitText(["rev-parse", "--path-format=absolute", "--git-path", "shallow"], options)).trim();
  const edge = new Set(existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : []);
  if (edge.size === 0 && expectedCommits === undefined) return false;
  const listed = (await gitText(["rev-list", head, "--not", base], options)).split("\n").filter(Boolean);
  return listed.some((id) => edge.has(id)) || (expectedCommits !== undefined && listed.length !== expectedCommits);
}

/** Head against one commit, as if one commit had made the difference. */
async function scanDifference(options: PullRequestOptions, from: string, touched: Set<string>, tally: Tally): Promise<Ranked[]> {
  const { cwd, head, scan, repository } = options;
  for (const { path } of await difference(cwd, from, head)) touched.add(path);
  const { findings, stats } = await scanCommitTree({ cwd, commit: head, paths: [...touched], scan, repository, env: options.env });
  for (const { path, reason } of stats.skipped) tally.skip(path, reason, !stats.complete);
  return findings.map((finding) => ({ finding, rank: 0 }));
}

async function difference(cwd: string, from: string, to: string): Promise<{ path: string }[]> {
  const listing = await gitText(["diff-tree", "-r", "-z", "--name-only", "--no-renames", argument(from), argument(to)], { cwd });
  return listing
    .split("\0")
    .filter(Boolean)
    .map((path) => ({ path }));
}

async function withHeadLines(fresh: readonly Finding[], { cwd, head, scan, env }: PullRequestOptions): Promise<Added[]> {
  const paths = [...new Set(fresh.flatMap(({ location }) => location.path?.split("!/")[0] ?? []))];
  const { findings } = await scanCommitTree({ cwd, commit: head, paths, scan, env });
  const lines = new Map(findings.map((finding) => [placeKey(finding), finding.location.startLine]));
  return fresh.map((finding) => {
    const headLine = lines.get(placeKey(finding));
    return headLine === undefined ? { finding } : { finding, headLine };
  });
}

function placeKey(finding: Finding): string {
  return `${credentialKey(finding)}\0${finding.location.path ?? finding.location.kind}`;
}
