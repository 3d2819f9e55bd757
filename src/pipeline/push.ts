import { z } from "zod";
import { RetryError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { checkOf, withoutBlocking } from "../github/check-run.ts";
import { call } from "../github/client.ts";
import { fetchHistory, withBareRepository } from "../github/fetch-code.ts";
import type { EventRepository } from "../github/handlers.ts";
import { publishCheck } from "../github/publish.ts";
import type { IncidentView } from "../github/view.ts";
import { buildGraph } from "../identity/graph.ts";
import { aliasingScan } from "../scan/aliases.ts";
import { suppress } from "../scan/suppress.ts";
import { scanHistory } from "../source/history.ts";
import { getIncident } from "../store/incidents.ts";
import { clientOf, keyringOf, remoteOf, scopeOf } from "./code.ts";
import { githubHost, type Rekey } from "./context.ts";
import { defaultBranchFiles, refreshInventory } from "./inventory.ts";
import { compare, notePullRequest, sentenceOf } from "./judge.ts";
import { rulesetOf } from "./own-detectors.ts";
import { planFor } from "./planning.ts";
import { policyOf } from "./rollout.ts";
import { identified, judgeCode, openIncident, rulesOf } from "./scan-code.ts";
import { incidentView } from "./surfaces.ts";
import { observeValidity } from "./verify.ts";

export interface Pushed {
  readonly repository: EventRepository;
  /** `refs/heads/…` */
  readonly ref: string;
  /** Zeros for a new branch. */
  readonly before: string;
  readonly after: string;
  readonly sender: string;
  /** ISO 8601 UTC: when the push reached us, which is when the credential was exposed. */
  readonly receivedAt: string;
}

const zeros = /^0+$/;

/**
 * A push without a pull request is judged as one would be, and quietly: incidents are opened, nothing is written to GitHub. A new
 * branch is judged against the default branch; the first push of the default branch against nothing.
 */
export async function judgePush(rekey: Rekey, { repository, ref, before, after, sender, receivedAt }: Pushed): Promise<void> {
  const branch = ref.replace(/^refs\/heads\//, "");
  const isDefault = branch === repository.defaultBranch;
  if (isDefault) await refreshInventory(rekey, repository);
  if (zeros.test(after) || (await hasPullRequest(rekey, repository, branch))) return;
  if (isDefault && zeros.test(before)) {
    await scanWhole(rekey, repository, { preExisting: false, exposedAt: receivedAt, sender, at: { commit: after, branch } });
    return;
  }
  const client = await clientOf(rekey, repository);
  // a force-push may have taken `before` away: then it is judged like a new branch
  const known = zeros.test(before) ? undefined : await compare(client, before, after);
  const compared = known ?? (await compare(client, repository.defaultBranch, after));
  if (compared === undefined) return; // deleted meanwhile; the event of that says so
  await judgeCode(
    rekey,
    repository,
    { ...compared, head: after, pusher: sender, defaultTip: isDefault ? after : undefined },
    async (judged) => {
      for (const { finding } of judged.added) {
        const environment = judged.environment(finding);
        const incident = await openIncident(rekey, repository, { finding, exposedAt: receivedAt, pushedBy: sender, environment });
        if (rekey.config.policy.probe === "on") await observeValidity(rekey, incident, finding);
        await planFor(rekey, incident, judged.declared);
      }
    },
  );
}

/** The pull request's own judgement sees the same commits. */
async function hasPullRequest(rekey: Rekey, repository: EventRepository, branch: string): Promise<boolean> {
  const row = await rekey.database.db
    .selectFrom("pull_request")
    .select("number")
    .where("host", "=", githubHost(rekey))
    .where("repository_id", "=", repository.id)
    .where("head_ref", "=", branch)
    .where("fork", "=", false)
    .where("state", "=", "open")
    .executeTakeFirst();
  return row !== undefined;
}

/** The head of a merge queue's group has a check of its own, without which the queue waits for ever. */
export async function judgeMergeGroup(
  rekey: Rekey,
  {
    repository,
    base,
    head,
    sender,
    receivedAt,
  }: { repository: EventRepository; base: string; head: string; sender: string; receivedAt: string },
): Promise<void> {
  const known = await policyOf(rekey, repository.id);
  if (known === undefined || known.policy.stage === "observe") return;
  const { stage, disclosure, onUnavailable } = known.policy;
  const client = await clientOf(rekey, repository);
  const write = async (view: { incidents: IncidentView[]; complete: boolean; commits: number; reason?: string; failed?: string }) => {
    const check = checkOf({
      number: 0,
      headSha: head,
      disclosure,
      requests: [],
      ...view,
      ...(view.failed === undefined ? {} : { pending: { overdue: true, block: onUnavailable === "block", reason: view.failed } }),
    });
    await publishCheck(
      await clientOf(rekey, repository, "converse"),
      { number: 0, headSha: head },
      stage === "block" || stage === "rotate" ? check : withoutBlocking(check),
      {},
    );
  };
  try {
    const compared = await compare(client, base, head);
    if (compared === undefined) return; // the group is gone
    await judgeCode(rekey, repository, { ...compared, head, pusher: sender }, async (judged) => {
      const incidents: IncidentView[] = [];
      for (const { finding } of judged.added) {
        const id = await openIncident(rekey, repository, { finding, exposedAt: receivedAt, environment: judged.environment(finding) });
        const incident = await getIncident(rekey.database.db, id);
        if (incident !== undefined)
          incidents.push(await incidentView(rekey, { incident, findings: [{ finding, headSha: head, present: true }] }));
      }
      await write({
        incidents,
        complete: judged.complete,
        commits: judged.commits,
        ...(judged.reason === undefined ? {} : { reason: judged.reason }),
      });
    });
  } catch (error) {
    await write({ incidents: [], complete: false, commits: 0, failed: sentenceOf(error) });
    throw error;
  }
}

/**
 * Everything that any branch, tag or pull request reaches; gives how many credentials that holds. As history it is a cohort of its own, exposed since its commit, and nobody is notified;
 * as the first push it is as new as any other.
 */
export async function scanWhole(
  rekey: Rekey,
  repository: EventRepository,
  as: { preExisting: boolean; exposedAt?: string; sender?: string; at?: { commit: string; branch: string } },
): Promise<number> {
  // an open pull request's own keys are new; only when they are known is the rest history
  if (as.preExisting && (await isJudging(rekey, repository))) throw new RetryError("pull requests are judged first", { afterMs: 3000 });
  const scope = scopeOf(rekey, repository.fullName);
  const found = await withBareRepository(async (gitDir) => {
    const remote = await remoteOf(rekey, repository);
    await fetchHistory(gitDir, remote, as.at);
    const files = await defaultBranchFiles(rekey, repository, remote);
    const { rules } = rulesOf(files, scope);
    const { ruleset } = await rulesetOf(rekey, files);
    const seen = aliasingScan(ruleset, keyringOf(rekey, repository.fullName, rules.salts));
    const { findings } = await scanHistory({ cwd: gitDir, repository: scope, scan: seen.scan });
    const { kept } = suppress(findings, {
      ...rules,
      aliases: seen.aliases,
      placed: seen.placed,
      today: new Date().toISOString().slice(0, 10),
    });
    const graph = buildGraph({ scope, files, findings: kept, storeMatches: [] });
    for (const finding of kept.map((one) => identified(one, graph))) await keepHistoric(rekey, repository, finding, as);
    return kept.length;
  });
  if (!as.preExisting) return found; // one branch is not the history
  await rekey.database.db
    .updateTable("repository")
    .set({ backfilled_at: new Date() })
    .where("host", "=", githubHost(rekey))
    .where("id", "=", repository.id)
    .execute();
  return found;
}

async function isJudging(rekey: Rekey, repository: EventRepository): Promise<boolean> {
  const row = await rekey.database.db
    .selectFrom("pull_request")
    .select("number")
    .where("host", "=", githubHost(rekey))
    .where("repository_id", "=", repository.id)
    .where("state", "=", "open")
    .where("pending_since", "is not", null)
    .where("overdue", "=", false)
    .executeTakeFirst();
  return row !== undefined;
}

async function keepHistoric(
  rekey: Rekey,
  repository: EventRepository,
  finding: Finding,
  { preExisting, exposedAt, sender }: { preExisting: boolean; exposedAt?: string; sender?: string },
): Promise<void> {
  const incident = await openIncident(rekey, repository, {
    finding,
    preExisting,
    exposedAt: exposedAt ?? finding.location.date ?? new Date().toISOString(),
    ...(sender === undefined ? {} : { pushedBy: sender }),
  });
  const seen = rekey.config.policy.probe === "on" ? await observeValidity(rekey, incident, finding) : undefined;
  // what is refused may be dead already: three spaced refusals close it as dead when found, where the vendor's code means nothing else
  if (preExisting && seen?.answer === "invalid") await rekey.queue.enqueue("verify", { incident }, { singletonKey: incident });
}

const Pulls = z.array(z.object({ number: z.number(), head: z.object({ sha: z.string() }) }));

/** What webhooks may have missed (an installation, an outage): the inventory, and every open pull request whose head nobody judged. */
export async function catchUp(rekey: Rekey, repository: EventRepository): Promise<void> {
  await refreshInventory(rekey, repository);
  const client = await clientOf(rekey, repository);
  for (let page = 1; page <= 30; page++) {
    const pulls = Pulls.parse((await call(client, "GET /repos/{owner}/{repo}/pulls", { state: "open", per_page: 100, page })) ?? []);
    for (const { number, head } of pulls) {
      const row = await rekey.database.db
        .selectFrom("pull_request")
        .select(["scanned_sha", "state"])
        .where("host", "=", githubHost(rekey))
        .where("repository_id", "=", repository.id)
        .where("number", "=", number)
        .executeTakeFirst();
      // one that a suspension closed for us is open after all
      if (row?.scanned_sha === head.sha && row.state === "open") continue;
      await notePullRequest(rekey, repository, number, { sender: "", receivedAt: new Date().toISOString() });
    }
    if (pulls.length < 100) return;
  }
}
