import type { Kysely } from "kysely";
import type { Schema } from "./schema.ts";

/** A consumer says which version of a secret-manager entry it uses now: sent after its last call with the previous one returned. */
export interface ConsumerReport {
  readonly name: string;
  readonly connection: string;
  readonly path: string;
  /** KV v2 number or AWS VersionId, as a string; never a fingerprint. */
  readonly version: string;
}

export async function saveConsumerReport(db: Kysely<Schema>, report: ConsumerReport): Promise<void> {
  const { name, connection, path, version } = report;
  await db.insertInto("consumer_report").values({ name, connection, path, version }).execute();
}

/** The last report of each consumer about a place, with when it came (ISO 8601 UTC). */
export async function latestConsumerReports(
  db: Kysely<Schema>,
  place: { connection: string; path: string },
): Promise<(ConsumerReport & { at: string })[]> {
  const rows = await db
    .selectFrom("consumer_report")
    .distinctOn("name")
    .select(["name", "connection", "path", "version", "at"])
    .where("connection", "=", place.connection)
    .where("path", "=", place.path)
    .orderBy("name")
    .orderBy("id", "desc")
    .execute();
  return rows.map((row) => ({ ...row, at: row.at.toISOString() }));
}
