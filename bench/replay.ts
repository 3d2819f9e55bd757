/**
 * `node bench/replay.ts [--last 500] <repository>...`: docs/replay.md. Judges the pull requests that were merged last as the App judges
 * an open one: what the head adds against its merge base, and the check and comment that come of it. No value is printed.
 */
import { writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadRuleset } from "../src/config/detectors.ts";
import type { Finding } from "../src/finding.ts";
import { gitText } from "../src/git.ts";
import { checkOf } from "../src/github/check-run.ts";
import { isQuiet } from "../src/github/comment.ts";
import type { IncidentView, PullRequestView } from "../src/github/view.ts";
import { aliasingScan } from "../src/scan/aliases.ts";
import { suppress } from "../src/scan/suppress.ts";
import { scopeSalt } from "../src/secret.ts";
import { scanPullRequest } from "../src/source/pull-request.ts";

interface Pull {
  readonly title: string;
  readonly base: string;
  readonly head: string;
}

interface Replayed {
  readonly repository: string;
  readonly pulls: number;
  readonly commits: number;
  readonly comments: number;
  readonly red: number;
  readonly neutral: number;
  /** One line each: detector, confidence, place and the pull request. */
  readonly findings: readonly string[];
}

const { values, positionals } = parseArgs({ options: { last: { type: "string", default: "500" } }, allowPositionals: true });
const ruleset = await loadRuleset();
const keyring = { tenant: [scopeSalt("replay")], salts: [scopeSalt("replay")] };
const replayed: Replayed[] = [];
for (const repository of positionals) replayed.push(await replay(repository, Number(values.last)));
writeFileSync(fileURLToPath(new URL("../docs/replay.md", import.meta.url)), page(replayed));
process.stdout.write(page(replayed));

async function replay(cwd: string, last: number): Promise<Replayed> {
  const pulls = await mergedPulls(cwd, last);
  const counts = { commits: 0, comments: 0, red: 0, neutral: 0 };
  const findings: string[] = [];
  for (const [index, { title, base, head }] of pulls.entries()) {
    const seen = aliasingScan(ruleset, keyring);
    const judged = await scanPullRequest({ cwd, base, head, scan: seen.scan });
    const found = judged.added.map(({ finding: { allowed: _, ...finding } }) => finding);
    const rules = { ignore: [], baseline: new Set<string>(), today: "2026-01-01", aliases: seen.aliases, placed: seen.placed };
    const added = suppress(found, rules).kept;
    const view = viewOf(index, head, added, judged.complete, judged.commits);
    const { conclusion } = checkOf(view);
    counts.commits += judged.commits;
    if (!isQuiet(view)) counts.comments++;
    if (conclusion === "action_required" || conclusion === "failure") counts.red++;
    if (conclusion === "neutral") counts.neutral++;
    for (const { detector, confidence, location } of added)
      findings.push(`${detector} (${confidence}) in ${location.path ?? location.kind}:${location.startLine}, ${title}`);
  }
  return { repository: nameOf(cwd), pulls: pulls.length, ...counts, findings };
}

/** Merge commits (the head is the second parent) and squashed ones, whose subject ends in the number, of the default branch. */
async function mergedPulls(cwd: string, last: number): Promise<Pull[]> {
  const log = await gitText(["log", "--first-parent", "-n", String(last * 8), "--format=%H%x00%P%x00%s", "HEAD"], { cwd });
  return log
    .split("\n")
    .flatMap((line): Pull[] => {
      const [commit = "", parents = "", title = ""] = line.split("\0");
      const [first, second] = parents.split(" ");
      const number = /\(#(\d+)\)$|^Merge pull request #(\d+)/.exec(title);
      if (first === undefined || first === "" || number === null) return [];
      return [{ title: `#${number[1] ?? number[2]}`, base: first, head: second ?? commit }];
    })
    .slice(0, last);
}

/** What the App would show of these findings, before anything is known of their validity. */
function viewOf(number: number, headSha: string, findings: readonly Finding[], complete: boolean, commits: number): PullRequestView {
  const incidents = findings.map(
    ({ id, title, severity, confidence, revoke, location }): IncidentView => ({
      id: `RK-${id.slice(0, 4)}`,
      title,
      severity,
      confidence,
      state: "unverified",
      validity: "unknown",
      ...(location.path === undefined ? {} : { path: location.path }),
      line: location.startLine,
      evidence: [],
      revoke,
      approvals: [],
      exposedAt: "2026-01-01T00:00:00Z",
      detectedAt: "2026-01-01T00:00:00Z",
    }),
  );
  return { number, headSha, disclosure: "full", incidents, complete, commits, requests: [] };
}

function page(all: readonly Replayed[]): string {
  const total = (key: "pulls" | "comments" | "red") => all.reduce((sum, entry) => sum + entry[key], 0);
  const rows = all.map(
    ({ repository, pulls, commits, comments, red, neutral }) =>
      `| ${repository} | ${pulls} | ${commits} | ${comments} | ${red} | ${neutral} |`,
  );
  const found = all.flatMap(({ repository, findings }) => findings.map((finding) => `- ${repository}: ${finding}`));
  return `# Merged pull requests, judged again

Made by \`node bench/replay.ts <repositories>\`; ${ruleset.detectors.length} detectors. The pull requests that were merged last, at most
${values.last} a repository, judged as the App judges an open one: a comment and a red check where a credential of at least medium confidence is added, a neutral
check that names them where all are of low confidence. No key was called.

| repository | pull requests | commits | comments | red checks | neutral checks |
|---|---|---|---|---|---|
${rows.join("\n")}

${total("pulls")} pull requests: ${((1000 * total("comments")) / Math.max(1, total("pulls"))).toFixed(1)} comments per 1,000, ${total("red")} red checks.
${found.length === 0 ? "" : `\n${found.join("\n")}\n`}`;
}

function nameOf(repository: string): string {
  const folder = basename(repository) === "repo" ? dirname(repository) : repository;
  return basename(folder).replace("+", "/");
}
