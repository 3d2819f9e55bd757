import { policyApprover } from "../incident/policy.ts";
import { isProduction } from "../incident/sla.ts";
import { giveApproval } from "../store/evidence.ts";
import { getIncident } from "../store/incidents.ts";
import type { Rekey } from "./context.ts";
import { keptPlan } from "./readiness.ts";
import { policyFor } from "./rollout.ts";
import { requestRotation } from "./start-rotation.ts";

/** How often people must have approved exactly this playbook on this connection, and it never waited for one, before the policy may. */
export const trustedRuns = 5;

/**
 * policy.automatic: starts the plan without a command, outside production only, once per incident and plan. Never for a credential that
 * Rekey made itself and that leaked again: that would go round in circles.
 */
export async function rotateByPolicy(rekey: Rekey, id: string): Promise<void> {
  const [incident, plan] = [await getIncident(rekey.database.db, id), await keptPlan(rekey, id)];
  if (incident === undefined || plan === undefined || incident.state === "resolved" || incident.run !== undefined) return;
  const { automatic, stage } = await policyFor(rekey, incident);
  if (!automatic || stage !== "rotate") return;
  if (isProduction(plan.facts.identity?.environment) || plan.blockers.length > 0) return;
  if ((plan.record?.runs ?? 0) < trustedRuns || plan.record?.regression !== undefined) return;
  const approval = { incident: id, planHash: plan.hash, by: policyApprover, role: "automatic", source: `automatic-${id}-${plan.hash}` };
  const given = await rekey.database.db.transaction().execute((trx) => giveApproval(trx, approval));
  if (given === undefined) return;
  const outcome = await requestRotation(rekey, incident, plan, { by: policyApprover });
  rekey.log.info({ incident: id, state: outcome.state }, "the policy asked for a rotation");
}
