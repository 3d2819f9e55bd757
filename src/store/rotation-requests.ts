import { type Kysely, sql } from "kysely";
import type { Schema } from "./schema.ts";

/** A rotation that was asked for and allowed, and may not start yet: a limit, a pause or a waiting time. */
export interface RotationRequest {
  readonly incident: string;
  readonly planHash: string;
  readonly requester: string;
  readonly breakGlass: boolean;
  /** Why it waits, for people. */
  readonly waitsFor?: string;
}

/** One request an incident; a later one replaces it and keeps its place in the line where the plan is the same. */
export async function saveRequest(
  db: Kysely<Schema>,
  request: { incident: string; planHash: string; requester: string; breakGlass: boolean; risk: number; notBefore: number },
): Promise<void> {
  const { incident, planHash, requester, breakGlass, risk, notBefore } = request;
  await sql`
    insert into rotation_request (incident_id, plan_hash, requester, risk, break_glass, not_before)
    values (${incident}, ${planHash}, ${requester}, ${risk}, ${breakGlass}, ${new Date(notBefore)})
    on conflict (incident_id) do update set plan_hash = excluded.plan_hash, requester = excluded.requester, risk = excluded.risk,
      break_glass = excluded.break_glass, not_before = excluded.not_before, waits_for = null,
      requested_at = case when rotation_request.plan_hash = excluded.plan_hash then rotation_request.requested_at else clock_timestamp() end`.execute(
    db,
  );
}

/** Those that may start, the riskiest first. A quarter of an hour of waiting counts one step of risk, so that nobody waits for ever. */
export async function dueRequests(db: Kysely<Schema>): Promise<RotationRequest[]> {
  const { rows } = await sql<RequestRow>`
    select * from rotation_request where not_before <= clock_timestamp()
    order by break_glass desc, risk + extract(epoch from clock_timestamp() - requested_at) / 900 desc, requested_at limit 1000`.execute(db);
  return rows.map(requestOf);
}

export async function requestFor(db: Kysely<Schema>, incident: string): Promise<RotationRequest | undefined> {
  const { rows } = await sql<RequestRow>`select * from rotation_request where incident_id = ${incident}`.execute(db);
  return rows[0] === undefined ? undefined : requestOf(rows[0]);
}

/** Milliseconds until the next request is due, at least `least`; undefined where none waits. */
export async function nextRequest(db: Kysely<Schema>, least: number): Promise<number | undefined> {
  const { rows } = await sql<{ wait: number | null }>`
    select (extract(epoch from min(not_before) - clock_timestamp()) * 1000)::float8 as wait from rotation_request`.execute(db);
  const wait = rows[0]?.wait;
  return wait === null || wait === undefined ? undefined : Math.max(least, wait);
}

export async function delayRequest(db: Kysely<Schema>, incident: string, waitsFor: string, notBefore: number): Promise<void> {
  await sql`update rotation_request set waits_for = ${waitsFor}, not_before = ${new Date(notBefore)} where incident_id = ${incident}`.execute(
    db,
  );
}

export async function dropRequest(db: Kysely<Schema>, incident: string): Promise<boolean> {
  const { rows } = await sql`delete from rotation_request where incident_id = ${incident} returning incident_id`.execute(db);
  return rows.length > 0;
}

/** Stops every rotation before its next change, and lets none start. False if that is so already. */
export async function pauseRotations(db: Kysely<Schema>, by: string, reason: string): Promise<boolean> {
  const { rows } = await sql`insert into rotation_pause (by, reason) values (${by}, ${reason}) on conflict do nothing returning by`.execute(
    db,
  );
  return rows.length > 0;
}

/** Returns the runs that go on, or undefined where nothing was paused. */
export async function resumeRotations(db: Kysely<Schema>): Promise<string[] | undefined> {
  return db.transaction().execute(async (trx) => {
    const { rows: paused } = await sql`delete from rotation_pause returning by`.execute(trx);
    if (paused.length === 0) return undefined;
    await sql`update rotation_request set not_before = clock_timestamp() where waits_for is not null`.execute(trx);
    const { rows } = await sql<{ id: string }>`
      update rotation_run set state = 'running', code = null, message = null, ended_at = null, holds = greatest(holds - 1, 0)
      where state = 'held' and code = 'paused' returning id`.execute(trx);
    return rows.map(({ id }) => id);
  });
}

interface RequestRow {
  readonly incident_id: string;
  readonly plan_hash: string;
  readonly requester: string;
  readonly break_glass: boolean;
  readonly waits_for: string | null;
}

function requestOf(row: RequestRow): RotationRequest {
  return {
    incident: row.incident_id,
    planHash: row.plan_hash,
    requester: row.requester,
    breakGlass: row.break_glass,
    ...(row.waits_for === null ? {} : { waitsFor: row.waits_for }),
  };
}
