import { policyPath } from "../config/github-policy.ts";
import { repositoryRules } from "../config/repository.ts";
import { ConfigError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { gitText } from "../git.ts";
import { type CodeRemote, fetchBlobs, fetchBothSides, withBareRepository } from "../github/fetch-code.ts";
import type { EventRepository } from "../github/handlers.ts";
import { type DeclaredIdentities, declarationOf } from "../identity/declared.ts";
import { buildGraph, type Graph, overlay, type SourceFile } from "../identity/graph.ts";
import { isInventoryPath } from "../identity/inventory.ts";
import { linksFor } from "../identity/links.ts";
import { reachedThings } from "../identity/reach.ts";
import type { IncidentEvent } from "../incident/event.ts";
import { aliasingScan } from "../scan/aliases.ts";
import { suppress } from "../scan/suppress.ts";
import { type Added, neededBlobs, scanPullRequest } from "../source/pull-request.ts";
import { openOrAddOccurrence, recordEvents } from "../store/incidents.ts";
import type { SilenceRequest } from "../store/schema.ts";
import { keyringOf, remoteOf, scopeOf } from "./code.ts";
import { githubHost, type Rekey } from "./context.ts";
import { changedPaths, defaultBranchFiles, filesAt } from "./inventory.ts";
import { rulesetOf } from "./own-detectors.ts";
import { policyProblem } from "./rollout.ts";
import { silenceIfWanted } from "./silence.ts";
import { storeMatches } from "./store-match.ts";

/** What is judged: everything that `head` has and `base` has not. */
export interface Sides {
  readonly base: string;
  readonly head: string;
  /** GitHub's number of those commits. */
  readonly aheadBy: number;
  /** The account that pushed: what it may not see of the secret managers is not joined (contracts.md §9). */
  readonly pusher: string;
  /** The tip of the default branch, where the caller knows it. */
  readonly defaultTip?: string | undefined;
}

export interface JudgedCode {
  readonly added: readonly Added[];
  readonly declared: DeclaredIdentities | undefined;
  environment(finding: Finding): string | undefined;
  readonly complete: boolean;
  readonly reason?: string | undefined;
  readonly commits: number;
  /** What the head's own rules would silence: requests, which silence nothing (contracts.md §6). */
  readonly requests: readonly SilenceRequest[];
  /** Of these commits, those that the base has by now. */
  contained(commits: readonly string[]): Promise<string[]>;
}

const ruleFiles = { salt: ".rekey/salt", ignore: ".rekey/ignore.yml", baseline: ".rekey/baseline" } as const;

/** Clones what is needed, scans it, and gives `use` the findings with their identities, while the clone still exists. */
export async function judgeCode<T>(
  rekey: Rekey,
  repository: EventRepository,
  sides: Sides,
  use: (judged: JudgedCode) => Promise<T>,
): Promise<T> {
  return withBareRepository(async (gitDir) => {
    const remote = await remoteOf(rekey, repository);
    const reached = await fetchBothSides(gitDir, remote, sides);
    await fetchBlobs(gitDir, remote, await neededBlobs({ cwd: gitDir, ...sides, expectedCommits: sides.aheadBy }));
    const files = await defaultBranchFiles(rekey, repository, remote, sides.defaultTip);

    const scope = scopeOf(rekey, repository.fullName);
    const { rules, problem: brokenRules } = rulesOf(files, scope);
    const { ruleset, problem: brokenDetectors } = await rulesetOf(rekey, files);
    const problem = brokenRules ?? brokenDetectors;
    const headFiles = await filesAt(gitDir, remote, sides.head, (path) => [...Object.values<string>(ruleFiles), policyPath].includes(path));
    const headRules = rulesOf(headFiles, scope).rules;
    const wrong = problem ?? policyProblem(repository.fullName, headFiles);
    const known = new Set(rules.salts.map(({ kid }) => kid));
    const salts = [...rules.salts, ...headRules.salts.filter(({ kid }) => !known.has(kid))];
    const seen = aliasingScan(ruleset, keyringOf(rekey, repository.fullName, salts));
    const judged = await scanPullRequest({
      cwd: gitDir,
      expectedCommits: sides.aheadBy,
      base: sides.base,
      head: sides.head,
      repository: scope,
      scan: seen.scan,
    });

    const applied = { aliases: seen.aliases, placed: seen.placed, today: new Date().toISOString().slice(0, 10) };
    const found = judged.added.map(({ finding }) => finding);
    const { kept } = suppress(found.map(withoutInline), { ...rules, ...applied });
    const asked = new Map(suppress(found, { ...headRules, ...applied }).suppressed.map(({ finding, by }) => [finding.id, by]));
    const changed = await changes(gitDir, remote, judged.mergeBase ?? sides.base, sides.head, found);
    const matches = await storeMatches(rekey, repository, sides.pusher, kept);
    const graph = buildGraph({ ...overlay({ scope, files, findings: [], storeMatches: matches }, changed), findings: kept });
    const reported = new Set(kept.map(({ id }) => id));
    return use({
      added: judged.added.flatMap((added): Added[] =>
        reported.has(added.finding.id) ? [{ ...added, finding: requested(identified(added.finding, graph), asked) }] : [],
      ),
      declared: graph.declared,
      environment: (finding) => declarationOf(finding.identities, finding.detector, graph.declared, finding.slot?.variable)?.environment,
      complete: judged.complete && reached && wrong === undefined,
      reason: judged.reason ?? (reached ? wrong : "history not fully scanned"),
      commits: judged.commits,
      requests: newEntries(rules, headRules, files, headFiles),
      contained: (commits) => containedIn(gitDir, sides.base, commits),
    });
  });
}

/** The files that the head changes and an inventory reads, or that hold a finding; without a text where it removes them. */
async function changes(
  gitDir: string,
  remote: CodeRemote,
  from: string,
  head: string,
  found: readonly Finding[],
): Promise<{ path: string; text: string | undefined }[]> {
  const holding = new Set(found.flatMap(({ location }) => location.path ?? []));
  const paths = new Set((await changedPaths(gitDir, from, head)).filter((path) => holding.has(path) || isInventoryPath(path)));
  const files = await filesAt(gitDir, remote, head, (path) => paths.has(path));
  const there = new Set(files.map(({ path }) => path));
  return [...files, ...[...paths].filter((path) => !there.has(path)).map((path) => ({ path, text: undefined }))];
}

/** Opens the incident of a finding, or adds this place to it, with the identities that the graph links. */
export async function openIncident(
  rekey: Rekey,
  repository: EventRepository,
  sighted: {
    finding: Finding;
    exposedAt: string;
    preExisting?: boolean;
    pullRequest?: number;
    pushedBy?: string;
    authors?: readonly string[];
    environment?: string | undefined;
  },
): Promise<string> {
  const { finding, environment, preExisting = false, ...rest } = sighted;
  return rekey.database.db.transaction().execute(async (trx) => {
    const { incident, opened } = await openOrAddOccurrence(trx, {
      ...rest,
      finding,
      preExisting,
      tenant: githubHost(rekey),
      repository: repository.fullName,
    });
    const known = new Set(incident.identities.map(({ id, owner, grade }) => `${id}\0${owner ?? ""}\0${grade}`));
    const links = finding.identities
      .filter(({ id, owner, grade }) => !known.has(`${id}\0${owner ?? ""}\0${grade}`))
      .map(
        ({ id, kind, name, owner, grade }): IncidentEvent => ({
          type: "identity-linked",
          identity: id,
          kind,
          name,
          grade,
          ...(owner === undefined ? {} : { owner }),
          ...(environment === undefined ? {} : { environment }),
        }),
      );
    if (links.length > 0) await recordEvents(trx, incident.id, links);
    if (opened) await silenceIfWanted(trx, incident);
    return incident.id;
  });
}

/** An inline allow in a head is a request, not a rule (contracts.md §6): it silences nothing until somebody accepts it. */
function withoutInline(finding: Finding): Finding {
  const { allowed: _, ...rest } = finding;
  return rest;
}

/** That somebody asks to silence it, and how; never the words, which may hold anything. */
function requested(finding: Finding, asked: ReadonlyMap<string, string>): Finding {
  const by = asked.get(finding.id);
  return withoutInline(by === undefined ? finding : { ...finding, attributes: { ...finding.attributes, silenceRequested: by } });
}

export function identified(finding: Finding, graph: Graph): Finding {
  const { identities, evidence } = linksFor(finding, graph);
  return { ...finding, identities, reach: reachedThings(finding, graph), evidence: [...finding.evidence, ...evidence] };
}

type RepositoryRules = ReturnType<typeof repositoryRules>;

/** A file with an error applies nothing, and the scan says so: it must not stop the judgement. */
export function rulesOf(files: readonly SourceFile[], scope: string): { rules: RepositoryRules; problem?: string } {
  const text = (path: string) => files.find((file) => file.path === path)?.text;
  const all = { salt: text(ruleFiles.salt), ignore: text(ruleFiles.ignore), baseline: text(ruleFiles.baseline) };
  try {
    return { rules: repositoryRules(all, scope) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // only the place: what stands there may be anything
    return {
      rules: repositoryRules({}, scope),
      problem: `${error.file}${error.line === undefined ? "" : `:${error.line}`} is not valid; it silences nothing`,
    };
  }
}

function newEntries(
  rules: RepositoryRules,
  head: RepositoryRules,
  files: readonly SourceFile[],
  headFiles: readonly SourceFile[],
): SilenceRequest[] {
  const same = (path: string) => files.find((file) => file.path === path)?.text === headFiles.find((file) => file.path === path)?.text;
  const known = new Set(rules.ignore.map((entry) => JSON.stringify(entry)));
  const counts: [string, number][] = [
    [ruleFiles.ignore, head.ignore.filter((entry) => !known.has(JSON.stringify(entry))).length],
    [ruleFiles.baseline, [...head.baseline].filter((entry) => !rules.baseline.has(entry)).length],
  ];
  return counts.flatMap(([file, entries]) => (entries === 0 || same(file) ? [] : [{ file, entries }]));
}

async function containedIn(gitDir: string, base: string, commits: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const commit of new Set(commits)) {
    const known = await gitText(["rev-parse", "--verify", "--quiet", `${commit}^{commit}`], { cwd: gitDir, accept: [1, 128] });
    if (known.trim() === "") continue;
    const common = await gitText(["merge-base", commit, base], { cwd: gitDir, accept: [1] });
    if (common.trim() === commit) found.push(commit);
  }
  return found;
}
