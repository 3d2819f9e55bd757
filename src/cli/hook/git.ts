import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type DetectorText, isRepositoryDetector, loadRuleset, readRepositoryDetectors } from "../../config/detectors.ts";
import { hookEnvironment } from "../../config/git-environment.ts";
import { loadRepositoryConfig, repositoryRules } from "../../config/repository.ts";
import { UsageError } from "../../errors.ts";
import type { Finding } from "../../finding.ts";
import { gitText } from "../../git.ts";
import { printable } from "../../report/text.ts";
import { advice, placeOf } from "../../report/words.ts";
import { aliasingScan } from "../../scan/aliases.ts";
import { type Suppressed, suppress } from "../../scan/suppress.ts";
import { scanPush } from "../../source/range.ts";
import type { Result, Scan, Stats } from "../../source/scanner.ts";
import { scanStaged } from "../../source/staged.ts";
import { absolute, today } from "../surroundings.ts";
import { reasonOf, recordOverride } from "./override.ts";

/** What a hook found and what silenced parts of it. */
interface Judged {
  readonly kept: readonly Finding[];
  readonly suppressed: readonly Suppressed[];
  readonly stats: Pick<Stats, "complete" | "skipped">;
}

export async function preCommit(): Promise<void> {
  const repository = loadRepositoryConfig(".");
  const seen = aliasingScan(await loadRuleset({ repository: readRepositoryDetectors(repository.top) }), repository.keyring);
  const { findings, stats } = await scanStaged({ cwd: repository.top, scan: seen.scan, env: absolute(hookEnvironment()) });
  const judged = { ...suppress(findings, { ...repository, today: today(), aliases: seen.aliases, placed: seen.placed }), stats };
  await conclude("pre-commit", judged, { where: "what you are about to commit", again: 'REKEY_ALLOW="<reason>" git commit …' });
}

export async function prePush(remote: string): Promise<void> {
  const env = absolute(hookEnvironment());
  const cwd = process.cwd();
  const repository = loadRepositoryConfig(".");
  const seen = aliasingScan(await loadRuleset({ repository: readRepositoryDetectors(repository.top) }), repository.keyring);
  const results: Result[] = [];
  for (const [, local, , theirs] of refLines(4)) {
    if (isZero(local)) continue; // a branch is deleted: nothing is sent
    const known = !isZero(theirs) && (await commitAt(cwd, env, theirs)) !== undefined;
    const before = known ? theirs : "0".repeat(local.length);
    results.push(await scanPush({ cwd, env, scan: seen.scan, before, after: local, defaultBranch: await remoteHead(cwd, env, remote) }));
  }
  const { findings, stats } = together(results);
  const judged = { ...suppress(findings, { ...repository, today: today(), aliases: seen.aliases, placed: seen.placed }), stats };
  await conclude("pre-push", judged, { where: "the commits that you are about to push", again: 'REKEY_ALLOW="<reason>" git push …' });
}

export interface ReceiveOptions {
  /** Milliseconds. */
  readonly budget: number;
  readonly onTimeout: "allow" | "deny";
  readonly override: boolean;
}

/** The rules are those of the default branch as it stood before the push: what a push brings does not judge itself. */
export async function preReceive({ budget, onTimeout, override }: ReceiveOptions): Promise<void> {
  const deadline = performance.now() + budget;
  const env = absolute(hookEnvironment());
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeUp()), budget);
  });
  try {
    const judged = await Promise.race([received(env, deadline), late]);
    await conclude("pre-receive", judged, {
      where: "this push",
      again: override ? 'git push -o rekey.allow="<reason>"' : undefined,
      reason: override ? pushOption() : undefined,
    });
  } catch (error) {
    if (!(error instanceof TimeUp)) throw error;
    const outcome = onTimeout === "allow" ? "the push is accepted without having been scanned wholly" : "the push is refused";
    process.stderr.write(`rekey: the scan took longer than ${budget} ms: ${outcome}\n`);
    process.exit(onTimeout === "allow" ? 0 : 1); // git children of the scan end with their pipes
  } finally {
    clearTimeout(timer);
  }
}

class TimeUp extends Error {
  override name = "TimeUp";
}

async function received(env: Record<string, string>, deadline: number): Promise<Judged> {
  const cwd = process.cwd();
  const head = await commitAt(cwd, env, "HEAD");
  const rules = await rulesAt(cwd, env, head);
  const ruleset = await loadRuleset({ repository: await detectorsAt(cwd, env, head) });
  const seen = aliasingScan(ruleset, { tenant: [], salts: rules.salts });
  // between two documents nothing else runs, not even the timer
  const scan: Scan = (document) => {
    if (performance.now() > deadline) throw new TimeUp();
    return seen.scan(document);
  };
  const results: Result[] = [];
  for (const [before, after] of refLines(3)) {
    if (!isZero(after)) results.push(await scanPush({ cwd, env, scan, before, after, defaultBranch: head }));
  }
  const { findings, stats } = together(results);
  return { ...suppress(findings, { ...rules, today: today(), aliases: seen.aliases, placed: seen.placed }), stats };
}

async function detectorsAt(cwd: string, env: Record<string, string>, commit: string | undefined): Promise<DetectorText[]> {
  if (commit === undefined) return [];
  const listed = await gitText(["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit, ".rekey/detectors"], { cwd, env });
  const paths = listed.split("\0").filter(isRepositoryDetector);
  return Promise.all(paths.map(async (path) => ({ path, text: await blobAt(cwd, env, commit, path) })));
}

function blobAt(cwd: string, env: Record<string, string>, commit: string, path: string): Promise<string> {
  return gitText(["cat-file", "blob", `${commit}:${path}`], { cwd, env, maxBytes: 1 << 20 });
}

async function rulesAt(cwd: string, env: Record<string, string>, commit: string | undefined) {
  const at = async (path: string) => {
    if (commit === undefined) return undefined;
    const listed = await gitText(["ls-tree", "-z", commit, "--", path], { cwd, env });
    return listed === "" ? undefined : blobAt(cwd, env, commit, path);
  };
  const [salt, ignore, baseline] = [await at(".rekey/salt"), await at(".rekey/ignore.yml"), await at(".rekey/baseline")];
  return repositoryRules({ salt, ignore, baseline }, ".");
}

function together(results: readonly Result[]): { findings: Finding[]; stats: Judged["stats"] } {
  const findings = [...new Map(results.flatMap((result) => result.findings).map((finding) => [finding.id, finding])).values()];
  const skipped = results.flatMap(({ stats }) => stats.skipped);
  return { findings, stats: { skipped, complete: results.every(({ stats }) => stats.complete) } };
}

/** Only a name with a likely value behind it is `low`: it is shown and stops nobody. */
async function conclude(
  hook: string,
  { kept, suppressed, stats }: Judged,
  how: { where: string; again?: string | undefined; reason?: string | undefined },
): Promise<void> {
  const blocking = kept.filter(({ confidence }) => confidence !== "low");
  const say = (text: string) => process.stderr.write(`rekey: ${text}\n`);
  const counted = (findings: readonly Finding[]) => `${findings.length} ${findings.length === 1 ? "credential" : "credentials"}`;
  const list = (findings: readonly Finding[]) => {
    for (const finding of findings.slice(0, 20)) {
      const commit = finding.location.commit === undefined ? "" : `  commit ${finding.location.commit.slice(0, 12)}`;
      process.stderr.write(`  ${finding.severity}  ${finding.title}  ${printable(placeOf(finding))}${commit}  (${finding.id})\n`);
      process.stderr.write(`    revoke: ${advice(finding)}\n`);
    }
    if (findings.length > 20) process.stderr.write(`  and ${findings.length - 20} more; rekey scan lists all\n`);
  };
  for (const { path, reason } of stats.complete ? [] : stats.skipped.slice(0, 5)) say(`not read: ${printable(path)}: ${printable(reason)}`);
  const warned = kept.filter(({ confidence }) => confidence === "low");
  if (warned.length > 0) {
    say(`perhaps ${counted(warned)} in ${how.where} (a warning only):`);
    list(warned);
  }
  if (suppressed.length > 0) say(`${suppressed.length} silenced by rules`);
  if (blocking.length === 0) return;
  say(`${counted(blocking)} in ${how.where}:`);
  list(blocking);
  const reason = how.reason ?? (hook === "pre-receive" ? undefined : reasonOf(process.env["REKEY_ALLOW"]));
  if (reason !== undefined) {
    await recordOverride({ hook, reason, findings: blocking.map(({ id }) => id) });
    say(`let through, and written down: ${printable(reason)}`);
    return;
  }
  say('take it out, and revoke it if it was ever shared. A false alarm: rekey ignore <id> --reason "<why>"');
  if (how.again !== undefined) say(`this one time: ${how.again}`);
  process.exitCode = 1;
}

/** `git push -o rekey.allow=<reason>`; the server must have receive.advertisePushOptions. */
function pushOption(): string | undefined {
  const count = Math.min(Number(process.env["GIT_PUSH_OPTION_COUNT"] ?? 0) || 0, 100);
  for (let at = 0; at < count; at++) {
    const [name, value] = /^([^=]+)=(.*)$/s.exec(process.env[`GIT_PUSH_OPTION_${at}`] ?? "")?.slice(1) ?? [];
    if (name === "rekey.allow") return reasonOf(value);
  }
  return undefined;
}

function refLines<N extends 3 | 4>(fields: N): (N extends 3 ? [string, string, string] : [string, string, string, string])[] {
  const lines = readFileSync(0, "utf8").split("\n").filter(Boolean);
  return lines.map((line) => {
    const parts = line.split(" ");
    const ids = fields === 3 ? parts.slice(0, 2) : [parts[1], parts[3]];
    if (parts.length < fields || ids.some((id) => !/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(id ?? "")))
      throw new UsageError("expected the ref lines that git writes to a hook's stdin; this command is run by git");
    return parts as N extends 3 ? [string, string, string] : [string, string, string, string];
  });
}

async function commitAt(cwd: string, env: Record<string, string>, name: string): Promise<string | undefined> {
  const args = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`];
  return (await gitText(args, { cwd, env, accept: [1, 128] })).trim() || undefined;
}

/** What a branch that the remote does not have yet is judged against. */
async function remoteHead(cwd: string, env: Record<string, string>, remote: string): Promise<string | undefined> {
  for (const name of ["HEAD", "main", "master"]) {
    const id = await commitAt(cwd, env, `refs/remotes/${remote}/${name}`);
    if (id !== undefined) return id;
  }
  return undefined;
}

function isZero(id: string): boolean {
  return /^0+$/.test(id);
}

/** Where git keeps what belongs to the whole repository, whatever the work tree. */
export async function commonFolder(cwd: string, env: Record<string, string>): Promise<string> {
  return resolve(cwd, (await gitText(["rev-parse", "--git-common-dir"], { cwd, env })).trim());
}
