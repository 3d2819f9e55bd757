import { RefusedError } from "../errors.ts";
import { type Applied, countsAsPerson, provesGone, type Snapshot } from "../governance/review.ts";
import { makePlan, type Plan } from "../playbook/plan.ts";
import { withdrawal } from "../playbook/withdraw.ts";
import { giveApproval, latestPlan, openApprovals, savePlan } from "../store/evidence.ts";
import { getIncident } from "../store/incidents.ts";
import { getItem, listItems, lockItem, recordApplied, recordVerified } from "../store/reviews.ts";
import type { Rekey } from "./context.ts";
import { knownIdentities } from "./known-identities.ts";
import { openFromStore } from "./open-from-store.ts";
import { keptPlan } from "./readiness.ts";
import { showCampaign } from "./review-issue.ts";
import { notEnabled, policyFor } from "./rollout.ts";
import { approversOf, requestRotation } from "./start-rotation.ts";

/** Ends a denied access by the playbook of its type, with the denial as its giver's approval. One sentence on what came of it. */
export async function withdraw(rekey: Rekey, id: string, { by, via }: { by: string; via: string }): Promise<string> {
  const { db } = rekey.database;
  const item = await getItem(db, id);
  if (item === undefined) throw new RefusedError(`${id} is not an item of any access review`);
  const applied = await apply(rekey, item.snapshot, {
    by,
    source: `review-${id}-${item.hash}-${by}-${via}`,
    counts: countsAsPerson(item.decisions, { verdict: "deny", by, via }),
  });
  await db.transaction().execute(async (trx) => {
    const now = await lockItem(trx, id);
    if (now !== undefined) await recordApplied(trx, now, applied);
  });
  return applied.sentence;
}

async function apply(rekey: Rekey, snapshot: Snapshot, given: { by: string; source: string; counts: boolean }): Promise<Applied> {
  const { access } = snapshot;
  if (access.kind === "identity")
    return {
      state: "by-hand",
      sentence: "No credential of it is known: remove the identity where it stands; the item closes when it is gone",
    };
  const incident = access.kind === "credential" ? access.incident : await openFromStore(rekey, access, snapshot);
  if (incident === undefined)
    return { state: "by-hand", sentence: "What stands there is no credential that can be ended from here: end it by hand" };
  const plan = await withdrawalPlan(rekey, incident);
  if (typeof plan === "string") return { state: "by-hand", sentence: plan, incident };
  const { db } = rekey.database;
  const known = await getIncident(db, incident);
  if (known === undefined) return { state: "refused", sentence: `${incident} is not known`, incident };
  if (provesGone(known)) return { state: "started", sentence: `${incident} is proven dead already`, incident };
  if ((await policyFor(rekey, known)).stage !== "rotate")
    return { state: "by-hand", sentence: `${notEnabled} End it by hand, then \`rekey verify ${incident}\``, incident };
  const { owners, securityTeam } = await approversOf(rekey, known, plan);
  const is = (login: string) => login.toLowerCase() === given.by.replace(/^@/, "").toLowerCase();
  if (given.counts && [...owners, ...securityTeam].some(is)) {
    const role = owners.some(is) ? "owner" : "security team";
    await db
      .transaction()
      .execute((trx) => giveApproval(trx, { incident, planHash: plan.hash, by: given.by.replace(/^@/, ""), role, source: given.source }));
  }
  const requester = await requesterOf(rekey, incident, plan, given.by.replace(/^@/, ""));
  const outcome = await requestRotation(rekey, known, plan, { by: requester });
  if (outcome.state === "started") return { state: "started", sentence: `${incident} is being ended by ${plan.playbook.name}`, incident };
  return { state: outcome.state, sentence: outcome.sentence, incident };
}

/** Whoever denied first asks; a second person's denial is then the approval that an irreversible step needs. */
async function requesterOf(rekey: Rekey, incident: string, plan: Plan, by: string): Promise<string> {
  const [first] = await openApprovals(rekey.database.db, incident, plan.hash);
  return first?.by ?? by;
}

/** The plan that ends the credential and makes no new one, kept as the incident's latest. A string says why there is none. */
async function withdrawalPlan(rekey: Rekey, incident: string): Promise<Plan | string> {
  const kept = (await latestPlan(rekey.database.db, incident))?.body as Plan | undefined;
  const driver = rekey.drivers.find(({ manifest }) => manifest.type === kept?.driver);
  const byHand = `No playbook ends this type alone: end it by hand, then \`rekey verify ${incident}\``;
  if (kept === undefined || driver === undefined) return byHand;
  const name = kept.playbook.name.replace(/-withdraw$/, "");
  const playbook = rekey.playbooks.find((one) => one.name === name);
  const without = playbook === undefined ? undefined : withdrawal(playbook);
  if (without === undefined) return byHand;
  const plan = makePlan(without, driver.manifest, { ...kept.facts, mode: "revoke-first" });
  await rekey.database.db
    .transaction()
    .execute((trx) => savePlan(trx, { incident, hash: plan.hash, playbook: `${plan.playbook.name}@${plan.playbook.version}`, body: plan }));
  const ready = (await keptPlan(rekey, incident)) ?? plan;
  return ready.blockers.length > 0 ? `It cannot be ended from here: ${ready.blockers.join("; ")}` : ready;
}

/** How long a denial may take to begin, milliseconds; after that its server ended meanwhile. */
const begun = 300_000;

/**
 * Closes the denied items whose access was seen gone: a credential by its proven death, an identity by no longer being there. A denial that
 * was recorded but never begun, because the server ended in between, is begun again.
 */
export async function verifyDenials(rekey: Rekey): Promise<void> {
  const denied = await listItems(rekey.database.db, { state: "denied" });
  if (denied.length === 0) return;
  for (const { id, applied, decisions } of denied) {
    const last = decisions.at(-1);
    if (applied !== undefined || last === undefined || Date.now() - Date.parse(last.at) < begun) continue;
    rekey.log.warn({ item: id }, "a denial that was never begun is begun again");
    await withdraw(rekey, id, last);
  }
  const there = new Set((await knownIdentities(rekey)).map(({ id }) => id));
  const campaigns = new Set<string>();
  for (const item of denied) {
    const incident = item.applied?.incident;
    const gone =
      item.snapshot.access.kind === "identity"
        ? !there.has(item.snapshot.identity.id)
        : incident !== undefined && provesGone(await getIncident(rekey.database.db, incident));
    if (!gone) continue;
    await rekey.database.db.transaction().execute((trx) => recordVerified(trx, item));
    campaigns.add(item.campaign);
  }
  for (const campaign of campaigns) await showCampaign(rekey, campaign);
}
