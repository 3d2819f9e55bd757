import { type Kysely, sql } from "kysely";
import type { Silenced } from "../governance/silence.ts";
import type { Schema } from "./schema.ts";

/** Oldest first. */
export async function listSilenced(db: Kysely<Schema>): Promise<Silenced[]> {
  const { rows } = await sql<Omit<Silenced, "at"> & { at: Date }>`select * from silenced_detector order by at, detector`.execute(db);
  return rows.map((row) => ({ ...row, at: row.at.toISOString() }));
}

export async function silencedAs(db: Kysely<Schema>, detector: string): Promise<Silenced | undefined> {
  const { rows } = await sql<Omit<Silenced, "at"> & { at: Date }>`select * from silenced_detector where detector = ${detector}`.execute(db);
  return rows[0] === undefined ? undefined : { ...rows[0], at: rows[0].at.toISOString() };
}

/** False where it is silenced already. */
export async function silenceDetector(db: Kysely<Schema>, { detector, by, reason }: Omit<Silenced, "at">): Promise<boolean> {
  const { rows } = await sql`insert into silenced_detector (detector, by, reason) values (${detector}, ${by}, ${reason})
    on conflict (detector) do nothing returning detector`.execute(db);
  return rows.length > 0;
}

/** False where it was not silenced. */
export async function unsilenceDetector(db: Kysely<Schema>, detector: string): Promise<boolean> {
  const { rows } = await sql`delete from silenced_detector where detector = ${detector} returning detector`.execute(db);
  return rows.length > 0;
}
