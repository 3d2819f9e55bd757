import { RefusedError } from "../errors.ts";
import { peopleOf } from "../github/team.ts";
import type { Incident } from "../incident/fold.ts";
import { type ApprovalAnswer, judgeApprovals, judgeBreakGlass } from "../incident/policy.ts";
import type { Plan } from "../playbook/plan.ts";
import { LimitedError, type Limits } from "../rotation/limits.ts";
import { newRunId, startRun } from "../rotation/run.ts";
import { openApprovals, releaseApprovals, useApprovals } from "../store/evidence.ts";
import { getIncident, listOccurrences } from "../store/incidents.ts";
import { delayRequest, dropRequest, dueRequests, nextRequest, type RotationRequest, saveRequest } from "../store/rotation-requests.ts";
import { clientOf, repositoryOf } from "./code.ts";
import type { Rekey } from "./context.ts";
import { keptPlan } from "./readiness.ts";
import { notEnabled, policyFor } from "./rollout.ts";
import { rotationDeps } from "./rotation.ts";
import { redrawIncident } from "./surfaces.ts";

/** What became of a request. The sentence is for the person who asked. */
export type Outcome =
  | { readonly state: "started"; readonly run: string }
  | { readonly state: "waits"; readonly sentence: string }
  | { readonly state: "refused"; readonly sentence: string };

/**
 * Asks for a rotation by this plan. It starts now if the approvals are there and no limit stands against it; it waits in the database if
 * only a limit, a pause or a waiting time does; everything else is refused in one sentence.
 */
export async function requestRotation(
  rekey: Rekey,
  incident: Incident,
  plan: Plan,
  { by, breakGlass = false }: { by: string; breakGlass?: boolean },
): Promise<Outcome> {
  const answer = await judge(rekey, incident, plan, by, breakGlass);
  if (answer.state === "needed" || answer.state === "refused") return { state: "refused", sentence: answer.sentence };
  const notBefore = Date.now() + (answer.state === "waiting-time" ? answer.afterMs : 0);
  const { db } = rekey.database;
  await saveRequest(db, { incident: incident.id, planHash: plan.hash, requester: by, breakGlass, risk: riskOf(incident, plan), notBefore });
  if (answer.state === "waiting-time") {
    await wake(rekey);
    return { state: "waits", sentence: answer.sentence };
  }
  const outcomes = await startDue(rekey);
  return outcomes.get(incident.id) ?? { state: "waits", sentence: "Others go first; it starts by itself." };
}

/** Starts what may start, the riskiest first. Called when somebody asks, when a run has ended, and when the next request is due. */
export async function startDue(rekey: Rekey): Promise<ReadonlyMap<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  let stopped: string | undefined;
  for (const request of await dueRequests(rekey.database.db)) {
    if (stopped !== undefined && !request.breakGlass) {
      outcomes.set(request.incident, { state: "waits", sentence: stopped });
      continue;
    }
    const { outcome, all } = await start(rekey, request);
    outcomes.set(request.incident, outcome);
    if (all && outcome.state === "waits") stopped = outcome.sentence;
  }
  await wake(rekey);
  return outcomes;
}

/** The job that starts what is due, as soon as it is. */
export async function wake(rekey: Rekey): Promise<void> {
  const wait = await nextRequest(rekey.database.db, 30_000);
  if (wait === undefined) return;
  const at = new Date(Date.now() + Math.min(wait, 3_600_000));
  await rekey.queue.enqueue("start", {}, { startAfter: at, singletonKey: `start-${Math.ceil(at.getTime() / 60_000)}` });
}

export function limitsOf({ config }: Rekey): Limits {
  const { caps, breaker } = config.policy;
  return {
    runsPerHour: caps.runs_per_hour,
    perProvider: caps.per_provider,
    perIdentity: caps.per_identity,
    breaker: { failures: breaker.failures, coolDown: breaker.cool_down },
  };
}

/** Logins that may approve: the people of the identity's owner and of the security team, asked now. */
export async function approversOf(rekey: Rekey, incident: Incident, plan: Plan): Promise<{ owners: string[]; securityTeam: string[] }> {
  const [occurrence] = await listOccurrences(rekey.database.db, incident.id);
  const repository = await repositoryOf(rekey, occurrence?.repository);
  const client = repository === undefined || rekey.app === undefined ? undefined : await clientOf(rekey, repository);
  const owner = plan.facts.identity?.owner;
  return {
    owners: owner === undefined ? [] : await peopleOf(client, [owner]),
    securityTeam: await peopleOf(client, rekey.config.security_team),
  };
}

async function judge(rekey: Rekey, incident: Incident, plan: Plan, by: string, breakGlass: boolean): Promise<ApprovalAnswer> {
  const { db } = rekey.database;
  const { owners, securityTeam } = await approversOf(rekey, incident, plan);
  const leakers = (await listOccurrences(db, incident.id)).flatMap(({ pushedBy, authors }) => [
    ...authors,
    ...(pushedBy === undefined ? [] : [pushedBy]),
  ]);
  const question = {
    risk: plan.facts.mode === "revoke-first" ? ("irreversible" as const) : ("graceful" as const),
    environment: plan.facts.identity?.environment,
    requester: by,
    requesterHasWrite: true,
    leakers,
    owners,
    securityTeam,
    approvals: await openApprovals(db, incident.id, plan.hash),
    automatic: rekey.config.policy.automatic === "on",
  };
  return (breakGlass ? judgeBreakGlass : judgeApprovals)(question, new Date().toISOString());
}

async function start(rekey: Rekey, request: RotationRequest): Promise<{ outcome: Outcome; all: boolean }> {
  const { db } = rekey.database;
  const refuse = async (sentence: string) => {
    await dropRequest(db, request.incident);
    await redrawIncident(rekey, request.incident);
    return { outcome: { state: "refused" as const, sentence }, all: false };
  };
  const [incident, plan] = [await getIncident(db, request.incident), await keptPlan(rekey, request.incident, request)];
  if (incident === undefined || plan === undefined || incident.state === "resolved")
    return refuse(`${request.incident} is closed already.`);
  if ((await policyFor(rekey, incident)).stage !== "rotate") {
    await delayRequest(db, incident.id, notEnabled, Date.now() + 60_000);
    return { outcome: { state: "waits", sentence: notEnabled }, all: false };
  }
  if (plan.hash !== request.planHash) return refuse(`The plan has changed to \`${plan.hash}\`; look at it and ask again.`);
  if (plan.blockers.length > 0) return refuse(`This plan cannot run by itself: ${plan.blockers.join("; ")}.`);
  const answer = await judge(rekey, incident, plan, request.requester, request.breakGlass);
  if (answer.state === "waiting-time") {
    await delayRequest(db, incident.id, answer.sentence, Date.now() + answer.afterMs);
    return { outcome: { state: "waits", sentence: answer.sentence }, all: false };
  }
  if (answer.state !== "granted") return refuse(answer.sentence);

  const deps = rotationDeps(rekey);
  const held = (await deps.journal.ofIncident(incident.id)).find(({ state }) => state === "held");
  if (held !== undefined && held.plan.hash !== plan.hash) {
    return refuse(`A rotation by another plan (\`${held.plan.hash}\`) waits for a person: \`/rekey cancel ${incident.id}\` takes it back.`);
  }
  const run = held?.id ?? newRunId();
  const approvals = (await openApprovals(db, incident.id, plan.hash)).map(({ id }) => id);
  if (!(await db.transaction().execute((trx) => useApprovals(trx, approvals, run))))
    return refuse("This approval was used for another rotation.");
  try {
    if (held === undefined) await startRun(deps, plan, { id: run, limits: limitsOf(rekey), breakGlass: request.breakGlass });
    else await deps.journal.reopen(run);
  } catch (error) {
    await releaseApprovals(db, run);
    if (error instanceof LimitedError) {
      const { sentence, until, all } = error.limit;
      await delayRequest(db, incident.id, sentence, until ?? Date.now() + 60_000);
      await redrawIncident(rekey, incident.id);
      return { outcome: { state: "waits", sentence: `${sentence}.` }, all };
    }
    if (error instanceof RefusedError) return refuse(`${error.message}.`);
    throw error;
  }
  await dropRequest(db, incident.id);
  await rekey.queue.enqueue("rotation", { run }, { singletonKey: run });
  return { outcome: { state: "started", run }, all: false };
}

/** The order of those who wait: what is alive and public first, then by severity. */
function riskOf({ severity, validity }: Incident, { facts }: Plan): number {
  const rank = { critical: 4, high: 3, medium: 2, low: 1, info: 0 }[severity];
  return rank + (validity === "active" ? 8 : 0) + (facts.public === true ? 4 : 0);
}
