import { type Kysely, sql } from "kysely";
import type { Incident } from "../incident/fold.ts";
import type { Schema } from "./schema.ts";

/** Incidents with events that the outside was not told of yet. */
export async function untoldIncidents(db: Kysely<Schema>, limit = 200): Promise<{ id: string; toldSeq: number; seq: number }[]> {
  const { rows } = await sql<{ id: string; told_seq: number; seq: number }>`
    select id, told_seq, seq from incident where told_seq < seq order by id limit ${limit}`.execute(db);
  return rows.map(({ id, told_seq, seq }) => ({ id, toldSeq: told_seq, seq }));
}

/** False where another worker was faster. */
export async function markTold(db: Kysely<Schema>, { id, toldSeq, seq }: { id: string; toldSeq: number; seq: number }): Promise<boolean> {
  const { rows } = await sql`update incident set told_seq = ${seq} where id = ${id} and told_seq = ${toldSeq} returning id`.execute(db);
  return rows.length > 0;
}

/** Open ones that were detected before then, and of which nobody was told that they are past their time. */
export async function waitingIncidents(db: Kysely<Schema>, detectedBefore: Date, limit = 500): Promise<Incident[]> {
  const { rows } = await sql<{ body: Incident }>`
    select body from incident where state = 'open' and not told_overdue and not pre_existing and detected_at < ${detectedBefore}
    order by detected_at limit ${limit}`.execute(db);
  return rows.map(({ body }) => body);
}

export async function markToldOverdue(db: Kysely<Schema>, id: string): Promise<boolean> {
  const { rows } = await sql`update incident set told_overdue = true where id = ${id} and not told_overdue returning id`.execute(db);
  return rows.length > 0;
}
