import { observing } from "../github/check-run.ts";
import type { RepositoryClient } from "../github/client.ts";
import { escapeMarkdown } from "../github/escape.ts";
import { type Published, publish, publishCheck, publishReview } from "../github/publish.ts";
import type { IncidentState, IncidentView, PullRequestView } from "../github/view.ts";
import { askedHash } from "../governance/exception.ts";
import { readCommand } from "../identity/stored.ts";
import type { Incident } from "../incident/fold.ts";
import type { Plan } from "../playbook/plan.ts";
import { openApprovals } from "../store/evidence.ts";
import {
  getPullRequest,
  incidentsOfPullRequest,
  type PullRequestIncident,
  type PullRequestKey,
  type PullRequestRow,
  pullRequestsOfIncident,
  savePullRequest,
} from "../store/pull-requests.ts";
import { requestFor } from "../store/rotation-requests.ts";
import { clientOf } from "./code.ts";
import type { Rekey } from "./context.ts";
import { keptPlan } from "./readiness.ts";
import { policyOf, type RepositoryStage } from "./rollout.ts";
import { repairsInHead } from "./suggest.ts";

/**
 * Says that check and comment of a pull request may differ from what they should be; a worker brings them there, and tries again while
 * GitHub is down. Asked often, it is written once. With `note`, the answer to a command changes as well.
 */
export async function redraw(rekey: Rekey, key: PullRequestKey, note?: string | null): Promise<void> {
  const row = await getPullRequest(rekey.database.db, key);
  if (row === undefined) return;
  await savePullRequest(rekey.database.db, key, {
    surface_due: true,
    ...(note === undefined ? {} : { note: note?.slice(0, 4000) ?? null }),
  });
  await rekey.queue.enqueue("surface", key, { singletonKey: `${key.host}/${key.repositoryId}/${key.number}` });
}

/** Every pull request that shows this incident. */
export async function redrawIncident(rekey: Rekey, incident: string): Promise<void> {
  for (const row of await pullRequestsOfIncident(rekey.database.db, incident)) {
    await redraw(rekey, { host: row.host, repositoryId: row.repository_id, number: row.number });
  }
}

/** Brings check run, comment and inline notes of a pull request to the state of its incidents. Nothing is written in `observe`. */
export async function draw(rekey: Rekey, key: PullRequestKey): Promise<void> {
  const { db } = rekey.database;
  await savePullRequest(db, key, { surface_due: false });
  const row = await getPullRequest(db, key);
  const known = await policyOf(rekey, key.repositoryId);
  if (row === undefined || known === undefined) return;
  const { stage } = known.policy;
  if (stage === "observe" && row.check_run_id === null) return;
  try {
    const repository = await clientOf(
      rekey,
      { installation: row.installation_id, id: row.repository_id, fullName: row.repository },
      "converse",
    );
    await savePullRequest(db, key, { stage });
    if (stage === "observe") return await letGo(rekey, key, row, repository);
    const view = await viewOf(rekey, key, row, known.policy);
    await publish(repository, view, knownOf(row), stage, (after) => save(rekey, key, after));
    if (row.review_id !== null || view.pending !== undefined || view.disclosure !== "full" || stage === "check" || row.state === "closed")
      return;
    const shown = await incidentsOfPullRequest(db, key);
    const at = { installation: row.installation_id, id: row.repository_id, fullName: row.repository };
    const review = await publishReview(repository, view, await repairsOrNone(rekey, at, row.head_sha, shown));
    if (review !== undefined) await savePullRequest(db, key, { review_id: review });
  } catch (error) {
    await savePullRequest(db, key, { surface_due: true });
    throw error;
  }
}

/** A note without a suggestion is better than none. */
async function repairsOrNone(...of: Parameters<typeof repairsInHead>): ReturnType<typeof repairsInHead> {
  try {
    return await repairsInHead(...of);
  } catch (error) {
    const [rekey, { fullName }] = of;
    rekey.log.warn({ repository: fullName, error: error instanceof Error ? error.name : "unknown" }, "no repairs could be suggested");
    return new Map();
  }
}

/** A check that stands from an earlier stage keeps nobody from merging, and promises nothing. */
async function letGo(rekey: Rekey, key: PullRequestKey, row: PullRequestRow, repository: RepositoryClient): Promise<void> {
  if (row.state === "closed" || row.check_sha === null) return;
  const of = { number: key.number, headSha: row.check_sha };
  await publishCheck(repository, of, observing, knownOf(row)).then((after) => save(rekey, key, after));
}

async function viewOf(rekey: Rekey, key: PullRequestKey, row: PullRequestRow, policy: RepositoryStage["policy"]): Promise<PullRequestView> {
  const shown = await incidentsOfPullRequest(rekey.database.db, key);
  const incidents = await Promise.all(shown.map((entry) => incidentView(rekey, entry)));
  return {
    number: key.number,
    headSha: row.head_sha,
    disclosure: policy.disclosure,
    incidents,
    closed: row.state === "closed",
    complete: row.scan_complete ?? false,
    commits: row.scan_commits ?? 0,
    ...(row.pending_since === null || row.state === "closed"
      ? {}
      : {
          pending: {
            overdue: row.overdue,
            block: policy.onUnavailable === "block",
            ...(row.failure === null ? {} : { reason: row.failure }),
          },
        }),
    requests: row.requests_confirmed_by === null ? (row.requests ?? []) : [],
    ...(row.scan_reason === null ? {} : { reason: row.scan_reason }),
    ...(row.note === null ? {} : { note: row.note }),
  };
}

export async function incidentView(rekey: Rekey, { incident, findings }: PullRequestIncident): Promise<IncidentView> {
  const [place] = findings;
  const finding = place?.finding;
  const plan = await keptPlan(rekey, incident.id);
  const waiting = await requestFor(rekey.database.db, incident.id);
  const approvals = plan === undefined ? [] : await openApprovals(rekey.database.db, incident.id, plan.hash);
  // what is over, and left the incident open, is no reason to hide the plan
  const over =
    incident.state === "open" &&
    (incident.run?.state === "undone" || (incident.run?.state === "done" && incident.clock.revoked === undefined));
  const run = incident.run === undefined || over ? undefined : { ...incident.run, done: await confirmedSteps(rekey, incident.run.id) };
  // the identity that declares the credential is the one that a rotation is about
  const identity = plan?.facts.identity ?? incident.identities[0];
  const reason = incident.acceptance?.reason ?? incident.dismissal?.reason;
  const headLine = finding?.attributes["headLine"];
  const silenced = finding?.attributes["silenceRequested"];
  return {
    id: incident.id,
    title: incident.credential.title,
    severity: incident.severity,
    confidence: finding?.confidence ?? "low",
    state: stateOf(incident),
    validity: incident.validity,
    ...(identity === undefined ? {} : { identity }),
    ...(finding?.location.path === undefined ? {} : { path: finding.location.path, line: finding.location.startLine }),
    ...(finding?.location.commit === undefined ? {} : { commit: finding.location.commit }),
    ...(silenced === undefined ? {} : { silenceRequested: silenced }),
    ...(headLine === undefined || place?.present !== true ? {} : { headLine: Number(headLine) }),
    evidence: [...new Set(finding?.evidence.map(({ text }) => text) ?? [])],
    revoke: finding?.revoke ?? "none: revoke it at its issuer",
    ...(plan === undefined ? {} : { plan }),
    approvals: approvals.map(({ by }) => by),
    ...(run === undefined || plan === undefined
      ? {}
      : { run: { state: run.state, steps: stepsOf(plan, run.done), ...(run.message === undefined ? {} : { message: run.message }) } }),
    ...(waiting?.waitsFor === undefined ? {} : { note: `Its rotation waits. ${escapeMarkdown(waiting.waitsFor)}.` }),
    ...(incident.statement === undefined ? {} : { statement: incident.statement }),
    ...(reason === undefined ? {} : { reason }),
    ...(incident.asked === undefined ? {} : { asked: { ...incident.asked, hash: askedHash(incident.id, incident.asked) } }),
    exposedAt: incident.clock.exposed,
    detectedAt: incident.clock.detected,
    ...(incident.clock.dead === undefined ? {} : { deadAt: incident.clock.dead }),
    ...(incident.clock.replaced === undefined || plan === undefined ? {} : { stored: storedPlaces(plan) }),
  };
}

/** Where a rotation has put the new value, and how a person with the right to reads it. */
function storedPlaces({ facts }: Plan): NonNullable<IncidentView["stored"]> {
  return facts.sinks
    .filter(({ refresh, staging }) => refresh !== true && staging !== true)
    .map(({ connection, sink, path, field }) => {
      const command = readCommand(sink, { connection, path, ...(field === undefined ? {} : { field }) });
      return { connection, path, ...(field === undefined ? {} : { field }), ...(command === undefined ? {} : { command }) };
    });
}

function stateOf(incident: Incident): IncidentState {
  if (incident.death !== undefined) return incident.death.whenFound ? "dead-when-found" : "dead";
  if (incident.dismissal !== undefined && incident.state === "resolved") return "false-positive";
  if (incident.acceptance !== undefined && incident.state === "resolved") return "accepted";
  if (incident.statement !== undefined) return "stated";
  if (incident.run?.state === "running") return "rotating";
  if (incident.run?.state === "held") return "held";
  return incident.validity === "active" ? "live" : "unverified";
}

/** Which journal entry shows that a step is done. */
const traces: Readonly<Record<string, string>> = {
  "sinks/promote@1": "promote-0",
  "consumers/converged@1": "converged",
  "credential/recover@1": "recover",
  "proof/dead@1": "dead",
};

function stepsOf(plan: Plan, done: ReadonlySet<string>): { title: string; done: boolean }[] {
  return plan.steps.map((step, index) => {
    const key = /\/(issue|roll)@/.test(step.uses) ? "issue" : (traces[step.uses] ?? step.id);
    const probed = step.uses.includes("/probe@") && plan.steps.slice(index + 1).some((later) => done.has(traces[later.uses] ?? later.id));
    return { title: step.title, done: done.has(key) || probed };
  });
}

async function confirmedSteps(rekey: Rekey, run: string): Promise<ReadonlySet<string>> {
  const { sqlJournal } = await import("../store/journal.ts");
  const effects = await sqlJournal(rekey.database.db, (message) => new Error(message)).effects(run);
  return new Set(effects.filter(({ state }) => state === "confirmed").map(({ key }) => key));
}

function knownOf(row: PullRequestRow): Published {
  return {
    ...(row.check_run_id === null ? {} : { checkRunId: row.check_run_id }),
    ...(row.check_sha === null ? {} : { checkSha: row.check_sha }),
    ...(row.check_hash === null ? {} : { checkHash: row.check_hash }),
    ...(row.comment_id === null ? {} : { commentId: row.comment_id }),
    ...(row.comment_hash === null ? {} : { commentHash: row.comment_hash }),
    ...(row.comment_plans === null ? {} : { plans: row.comment_plans }),
    ...(row.comment_updated_at === null ? {} : { commentUpdatedAt: row.comment_updated_at.toISOString() }),
  };
}

async function save(rekey: Rekey, key: PullRequestKey, after: Published): Promise<void> {
  await savePullRequest(rekey.database.db, key, {
    check_run_id: after.checkRunId ?? null,
    check_sha: after.checkSha ?? null,
    check_hash: after.checkHash ?? null,
    ...(after.status === undefined ? {} : { check_status: after.status, check_conclusion: after.conclusion ?? null }),
    comment_id: after.commentId ?? null,
    comment_hash: after.commentHash ?? null,
    comment_plans: after.plans === undefined ? null : JSON.stringify(after.plans),
    comment_updated_at: after.commentUpdatedAt ?? null,
  });
}
