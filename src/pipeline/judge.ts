import { z } from "zod";
import { repositoryRules } from "../config/repository.ts";
import { RetryError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { call, type RepositoryClient } from "../github/client.ts";
import { fetchBlobs, fetchBothSides, withBareRepository } from "../github/fetch-code.ts";
import type { EventRepository } from "../github/handlers.ts";
import { declarationOf } from "../identity/declared.ts";
import { buildGraph, overlay, type SourceFile } from "../identity/graph.ts";
import { linksFor } from "../identity/links.ts";
import type { IncidentEvent } from "../incident/event.ts";
import { aliasingScan } from "../scan/aliases.ts";
import { suppress } from "../scan/suppress.ts";
import { type Added, neededBlobs, scanPullRequest } from "../source/pull-request.ts";
import { openOrAddOccurrence, recordEvents } from "../store/incidents.ts";
import { savePullRequest, savePullRequestFindings } from "../store/pull-requests.ts";
import { rotateByPolicy } from "./automatic.ts";
import { clientOf, keyringOf, readPull, remoteOf, scopeOf } from "./code.ts";
import { githubHost, type Rekey } from "./context.ts";
import { fetchDefaultBranch, inventoryFiles } from "./inventory.ts";
import { planFor } from "./planning.ts";
import { storeMatches } from "./store-match.ts";
import { queueCheck, redraw } from "./surfaces.ts";
import { observeValidity } from "./verify.ts";

const Pull = z.object({
  number: z.number(),
  state: z.string(),
  user: z.object({ login: z.string() }),
  head: z.object({ sha: z.string(), ref: z.string(), repo: z.object({ id: z.number() }).nullable() }),
  base: z.object({ sha: z.string(), ref: z.string(), repo: z.object({ id: z.number(), default_branch: z.string() }) }),
});
const Compare = z.object({ ahead_by: z.number(), base_commit: z.object({ sha: z.string() }) });

/** Judges a pull request by what it adds against its merge base, and brings its surfaces up to date. */
export async function judgePullRequest(
  rekey: Rekey,
  repository: EventRepository,
  number: number,
  event: { sender: string; receivedAt: string },
): Promise<void> {
  const { db } = rekey.database;
  const client = await clientOf(rekey, repository);
  const pull = Pull.parse(await readPull(client, number));
  await saveRepository(rekey, repository);
  const key = { host: githubHost(rekey), repositoryId: repository.id, number };
  await savePullRequest(db, key, {
    installation_id: repository.installation,
    repository: repository.fullName,
    head_sha: pull.head.sha,
    head_ref: pull.head.ref,
    base_sha: pull.base.sha,
    base_ref: pull.base.ref,
    state: pull.state,
    private: repository.private,
    fork: pull.head.repo?.id !== pull.base.repo.id,
    sender: event.sender,
    author: pull.user.login,
  });
  await queueCheck(rekey, client, key, pull.head.sha);
  const { base, aheadBy } = await baseOf(client, pull);

  const judged = await scanCode(rekey, repository, {
    base,
    head: pull.head.sha,
    aheadBy,
    defaultBranch: pull.base.repo.default_branch,
    pusher: event.sender,
  });
  const found: { finding: Finding; incident: string }[] = [];
  for (const added of judged.added) {
    const incident = await openIncident(rekey, repository, number, added, pull.user.login, event, judged.environment(added.finding));
    found.push({ finding: withHeadLine(added), incident });
  }
  await db.transaction().execute((trx) => savePullRequestFindings(trx, key, pull.head.sha, found));
  await savePullRequest(db, key, { scanned_sha: pull.head.sha, scan_complete: judged.complete, scan_reason: judged.reason ?? null });
  for (const { incident, finding } of found) {
    if (rekey.config.policy.probe === "on") await observeValidity(rekey, incident, finding);
    await planFor(rekey, incident, judged.declared);
    await rotateByPolicy(rekey, incident);
  }
  await redraw(rekey, key);
}

/**
 * What the head is judged against: the tip of the base branch, since the head may have merged a newer one than `base.sha`, which GitHub
 * sets when the head moves. `base.sha` where the branch is gone.
 */
async function baseOf(client: RepositoryClient, pull: z.output<typeof Pull>): Promise<{ base: string; aheadBy: number }> {
  for (const base of [pull.base.ref, pull.base.sha]) {
    const compared = Compare.safeParse(
      await call(client, "GET /repos/{owner}/{repo}/compare/{basehead}", { basehead: `${base}...${pull.head.sha}`, per_page: 1 }),
    );
    if (compared.success) return { base: compared.data.base_commit.sha, aheadBy: compared.data.ahead_by };
  }
  throw new RetryError("GitHub could not compare base and head yet");
}

/** Clones what is needed, scans it, and names the identities from the default branch's inventory with the changes laid over it. */
async function scanCode(
  rekey: Rekey,
  repository: EventRepository,
  sides: { base: string; head: string; aheadBy: number; defaultBranch: string; pusher: string },
) {
  return withBareRepository(async (gitDir) => {
    const remote = await remoteOf(rekey, repository);
    const reached = await fetchBothSides(gitDir, remote, sides);
    await fetchBlobs(gitDir, remote, await neededBlobs({ cwd: gitDir, ...sides, expectedCommits: sides.aheadBy }));
    // in a repository of its own: fetching it shallow into this one would cut the base's ancestry
    const files = await withBareRepository(async (own) => {
      const tip = await fetchDefaultBranch(own, remote, sides.defaultBranch);
      return inventoryFiles(own, remote, tip, new Set([".rekey/salt", ".rekey/ignore.yml", ".rekey/baseline"]));
    });

    const scope = scopeOf(rekey, repository.fullName);
    const rules = rulesOf(files, scope);
    const seen = aliasingScan(rekey.ruleset, keyringOf(rekey, repository.fullName, rules.salts));
    const judged = await scanPullRequest({
      cwd: gitDir,
      expectedCommits: sides.aheadBy,
      base: sides.base,
      head: sides.head,
      repository: scope,
      scan: seen.scan,
    });

    const { kept } = suppress(judged.added.map(({ finding }) => finding).map(withoutInline), {
      ...rules,
      aliases: seen.aliases,
      today: new Date().toISOString().slice(0, 10),
    });
    const touched = new Set(judged.added.flatMap(({ finding }) => finding.location.path ?? []));
    const changed = await inventoryFiles(gitDir, remote, sides.head, touched);
    const matches = await storeMatches(rekey, repository, sides.pusher, kept);
    const graph = buildGraph({ ...overlay({ scope, files, findings: [], storeMatches: matches }, changed), findings: kept });
    const reported = new Set(kept.map(({ id }) => id));
    return {
      added: judged.added.flatMap((added): Added[] =>
        reported.has(added.finding.id) ? [{ ...added, finding: identified(added.finding, graph) }] : [],
      ),
      declared: graph.declared,
      environment: (finding: Finding) =>
        declarationOf(finding.identities, finding.detector, graph.declared, finding.slot?.variable)?.environment,
      complete: judged.complete && reached,
      reason: judged.reason ?? (reached ? undefined : "the history between base and head could not be fetched whole"),
    };
  });
}

/** An inline allow in a head is a request, not a rule (contracts.md §6): it silences nothing until somebody accepts it. */
function withoutInline(finding: Finding): Finding {
  const { allowed: _, ...rest } = finding;
  return rest;
}

function identified(finding: Finding, graph: ReturnType<typeof buildGraph>): Finding {
  const { identities, evidence } = linksFor(finding, graph);
  return { ...finding, identities, evidence: [...finding.evidence, ...evidence] };
}

function rulesOf(files: readonly SourceFile[], scope: string) {
  const text = (path: string) => files.find((file) => file.path === path)?.text;
  return repositoryRules({ salt: text(".rekey/salt"), ignore: text(".rekey/ignore.yml"), baseline: text(".rekey/baseline") }, scope);
}

async function openIncident(
  rekey: Rekey,
  repository: EventRepository,
  number: number,
  { finding }: Added,
  author: string,
  event: { sender: string; receivedAt: string },
  environment: string | undefined,
): Promise<string> {
  return rekey.database.db.transaction().execute(async (trx) => {
    const { incident } = await openOrAddOccurrence(trx, {
      finding,
      tenant: githubHost(rekey),
      exposedAt: event.receivedAt,
      preExisting: false,
      repository: repository.fullName,
      pullRequest: number,
      pushedBy: event.sender,
      authors: [author],
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
    return incident.id;
  });
}

function withHeadLine({ finding, headLine }: Added): Finding {
  return headLine === undefined ? finding : { ...finding, attributes: { ...finding.attributes, headLine: String(headLine) } };
}

export async function saveRepository(rekey: Rekey, repository: EventRepository): Promise<void> {
  const row = {
    installation_id: repository.installation,
    full_name: repository.fullName,
    private: repository.private,
    default_branch: repository.defaultBranch,
    updated_at: new Date(),
  };
  await rekey.database.db
    .insertInto("repository")
    .values({ host: githubHost(rekey), id: repository.id, ...row })
    .onConflict((conflict) => conflict.columns(["host", "id"]).doUpdateSet(row))
    .execute();
}
