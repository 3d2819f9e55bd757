import { type Kysely, sql } from "kysely";
import type { RehearsalSummary } from "../playbook/track-record.ts";
import { json } from "./json.ts";
import type { Schema } from "./schema.ts";

/** The newest rehearsal of exactly this playbook on a connection. */
export async function lastRehearsal(db: Kysely<Schema>, digest: string, connection: string): Promise<RehearsalSummary | undefined> {
  const { rows } = await sql<{ passed: boolean; at: Date; body: Omit<RehearsalSummary, "passed" | "at"> }>`
    select passed, at, body from rehearsal where digest = ${digest} and connection = ${connection} order by id desc limit 1`.execute(db);
  const [row] = rows;
  if (row === undefined) return undefined;
  const { seconds, calls, failedCalls } = row.body;
  return { passed: row.passed, at: row.at.toISOString(), seconds, calls, failedCalls };
}

export async function saveRehearsal(
  db: Kysely<Schema>,
  rehearsal: { playbook: string; version: number; digest: string; connection: string; passed: boolean; body: object },
): Promise<void> {
  const { playbook, version, digest, connection, passed, body } = rehearsal;
  await sql`
    insert into rehearsal (playbook, version, digest, connection, passed, body)
    values (${playbook}, ${version}, ${digest}, ${connection}, ${passed}, ${json(body)}::jsonb)`.execute(db);
}

/** Approved runs of exactly this playbook on a connection that ended well and never waited for a person. */
export async function cleanRuns(db: Kysely<Schema>, digest: string, connection: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from rotation_run
    where state = 'done' and holds = 0 and not cancelled and plan -> 'playbook' ->> 'digest' = ${digest}
      and plan -> 'facts' ->> 'connection' = ${connection}
      and exists (select 1 from approval where used_by_run = rotation_run.id and role <> 'automatic')`.execute(db);
  return rows[0]?.count ?? 0;
}

/** A run of ours that made a credential. */
export interface Making {
  readonly run: string;
  readonly at: string;
  /** Manifest type of its driver, the connection, and the vendor's id of what it made. */
  readonly driver: string;
  readonly connection?: string;
  readonly record: string;
}

/** The run that made this incident's credential, if one of ours did: under any key by which one of its places is fingerprinted. */
export async function mintedBy(db: Kysely<Schema>, incident: string): Promise<Making | undefined> {
  const { rows } = await sql<{ run: string; at: Date; driver: string; connection: string | null; record: string }>`
    with known as (
      select fingerprint as form from incident where id = ${incident}
      union select finding ->> 'fingerprint' from occurrence where incident_id = ${incident}
      union select jsonb_array_elements_text(finding -> 'aliases') from occurrence
        where incident_id = ${incident} and jsonb_typeof(finding -> 'aliases') = 'array'
    )
    select run, at, plan ->> 'driver' as driver, plan -> 'facts' ->> 'connection' as connection,
      result -> 'value' -> 'record' ->> 'id' as record
    from rotation_effect join rotation_run on rotation_run.id = run
    where key = 'issue' and result -> 'value' ->> 'fingerprint' in (select form from known) order by at desc limit 1`.execute(db);
  const [row] = rows;
  if (row === undefined) return undefined;
  const { run, at, driver, connection, record } = row;
  return { run, at: at.toISOString(), driver, record, ...(connection === null ? {} : { connection }) };
}
