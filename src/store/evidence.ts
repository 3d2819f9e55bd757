import { type Kysely, sql, type Transaction } from "kysely";
import type { IncidentEvent } from "../incident/event.ts";
import type { Incident } from "../incident/fold.ts";
import { approvalLifetime } from "../incident/policy.ts";
import { recordEvents } from "./incidents.ts";
import { json } from "./json.ts";
import type { Schema } from "./schema.ts";

/** What one probe (or one look at the control plane) answered. `old` is the leaked credential, `control` its positive control. */
export interface Receipt {
  readonly incident: string;
  readonly run?: string;
  /** Probes of one round share a number. */
  readonly round: number;
  readonly subject: "old" | "control";
  readonly answer: "alive" | "invalid" | "disabled" | "unknown" | "absent";
  /** Status and body code as words. Never a body. */
  readonly code: string;
  readonly control: "none" | "receipt" | "new-credential" | "other-live";
  readonly via: "probe" | "control-plane";
  /** The database's time, ISO 8601 UTC; set when read. */
  readonly at?: string;
}

export async function saveReceipt(db: Kysely<Schema>, receipt: Receipt): Promise<void> {
  const { incident, run, round, subject, answer, code, control, via } = receipt;
  await db
    .insertInto("receipt")
    .values({ incident_id: incident, run: run ?? null, round, subject, answer, code: code.slice(0, 200), control, via })
    .execute();
}

export async function listReceipts(db: Kysely<Schema>, incident: string): Promise<(Receipt & { at: string })[]> {
  const rows = await db.selectFrom("receipt").selectAll().where("incident_id", "=", incident).orderBy("id").execute();
  return rows.map(({ incident_id, run, at, round, subject, answer, code, control, via }) => ({
    incident: incident_id,
    ...(run === null ? {} : { run }),
    ...{ round, subject, answer, code, control, via },
    at: at.toISOString(),
  }));
}

/** Keeps a plan under its hash and says so in the incident. The same hash twice is one plan and one event. */
export async function savePlan(
  trx: Transaction<Schema>,
  plan: { incident: string; hash: string; playbook: string; body: object },
): Promise<boolean> {
  const row = await trx
    .insertInto("plan")
    .values({ incident_id: plan.incident, hash: plan.hash, playbook: plan.playbook, body: json(plan.body) })
    // the same plan again is the latest one again, with what its hash does not cover as it is now
    .onConflict((conflict) =>
      conflict.columns(["incident_id", "hash"]).doUpdateSet({ body: json(plan.body), created_at: sql`clock_timestamp()` }),
    )
    .returning(sql<boolean>`xmax = 0`.as("fresh"))
    .executeTakeFirst();
  await recordEvents(trx, plan.incident, [{ type: "planned", planHash: plan.hash, playbook: plan.playbook }]);
  return row?.fresh === true;
}

export async function latestPlan(
  db: Kysely<Schema>,
  incident: string,
): Promise<{ hash: string; playbook: string; body: unknown } | undefined> {
  return db
    .selectFrom("plan")
    .select(["hash", "playbook", "body"])
    .where("incident_id", "=", incident)
    .orderBy("created_at", "desc")
    .orderBy("hash")
    .limit(1)
    .executeTakeFirst();
}

/** A yes to one plan hash. `source` says where it was given (comment, check action): the same source counts once. */
export async function giveApproval(
  trx: Transaction<Schema>,
  approval: { incident: string; planHash: string; by: string; role: string; source: string },
): Promise<Incident | undefined> {
  const { incident, planHash, by, role, source } = approval;
  const row = await trx
    .insertInto("approval")
    .values({ incident_id: incident, plan_hash: planHash, approver: by, role, source })
    .onConflict((conflict) => conflict.column("source").doNothing())
    .returning("id")
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const event: IncidentEvent = { type: "approved", planHash, by, role };
  return recordEvents(trx, incident, [event]);
}

/** Approvals of this plan hash that no run has used up and that were given since `since`, oldest first. */
export async function openApprovals(
  db: Kysely<Schema>,
  incident: string,
  planHash: string,
  since = new Date(Date.now() - approvalLifetime),
): Promise<{ id: number; by: string; role: string; at: string }[]> {
  const rows = await db
    .selectFrom("approval")
    .select(["id", "approver", "role", "given_at"])
    .where("incident_id", "=", incident)
    .where("plan_hash", "=", planHash)
    .where("used_by_run", "is", null)
    .where("given_at", ">=", since)
    .orderBy("id")
    .execute();
  return rows.map(({ id, approver, role, given_at }) => ({ id, by: approver, role, at: given_at.toISOString() }));
}

/** Gives approvals back that a run used which then did not start. */
export async function releaseApprovals(db: Kysely<Schema>, run: string): Promise<void> {
  await db.updateTable("approval").set({ used_by_run: null }).where("used_by_run", "=", run).execute();
}

/** Uses up approvals for a run. False if any of them was used by another run meanwhile (then none is used). */
export async function useApprovals(trx: Transaction<Schema>, ids: readonly number[], run: string): Promise<boolean> {
  if (ids.length === 0) return true;
  const rows = await trx
    .selectFrom("approval")
    .select(["id", "used_by_run"])
    .where("id", "in", [...ids])
    .forUpdate()
    .execute();
  if (rows.length !== ids.length || rows.some(({ used_by_run }) => used_by_run !== null && used_by_run !== run)) return false;
  await trx
    .updateTable("approval")
    .set({ used_by_run: run })
    .where("id", "in", [...ids])
    .execute();
  return true;
}
