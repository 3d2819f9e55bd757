import { type Kysely, sql } from "kysely";
import { json } from "./json.ts";
import type { Schema } from "./schema.ts";

/** A connection of one tenant. */
export interface StoreKey {
  readonly tenant: string;
  readonly connection: string;
}

/** A fingerprint at a place of a secret manager; never the value. */
export interface StoreRow {
  readonly path: string;
  /** Empty where the whole entry is the value. */
  readonly field: string;
  readonly version: string;
  readonly fingerprint: string;
  /** User, host and port of a credential inside of the entry. */
  readonly subject?: string | undefined;
  /** Estimated entropy of the value. */
  readonly bits: number;
  readonly tags: Readonly<Record<string, string>>;
}

export interface StoreReading {
  readonly startedAt: Date;
  readonly finishedAt: Date | undefined;
  /** The end of the last one that read everything. */
  readonly lastFinishedAt: Date | undefined;
  readonly entries: number;
}

export async function storeReading(db: Kysely<Schema>, { tenant, connection }: StoreKey): Promise<StoreReading | undefined> {
  const { rows } = await sql<{ started_at: Date; finished_at: Date | null; last_finished_at: Date | null; entries: number }>`
    select started_at, finished_at, last_finished_at, entries from store_reading
    where tenant = ${tenant} and connection = ${connection}`.execute(db);
  const [row] = rows;
  if (row === undefined) return undefined;
  return {
    startedAt: row.started_at,
    finishedAt: row.finished_at ?? undefined,
    lastFinishedAt: row.last_finished_at ?? undefined,
    entries: row.entries,
  };
}

/** Begins a reading, or goes on with one that was cut off; gives back its start and the paths that it already has. */
export async function openStoreReading(
  db: Kysely<Schema>,
  { tenant, connection }: StoreKey,
): Promise<{ startedAt: Date; paths: Set<string> }> {
  const { rows } = await sql<{ started_at: Date }>`
    insert into store_reading (tenant, connection, started_at) values (${tenant}, ${connection}, now())
    on conflict (tenant, connection) do update set
      started_at = case when store_reading.finished_at is null then store_reading.started_at else now() end,
      entries = case when store_reading.finished_at is null then store_reading.entries else 0 end,
      finished_at = null, error_code = null
    returning started_at`.execute(db);
  const startedAt = rows[0]?.started_at ?? new Date();
  const seen = await sql<{ path: string }>`
    select distinct path from store_entry
    where tenant = ${tenant} and connection = ${connection} and seen_at >= ${startedAt}`.execute(db);
  return { startedAt, paths: new Set(seen.rows.map(({ path }) => path)) };
}

/** Keeps the rows of whole entries: what these paths had before and have no more is dropped. */
export async function keepStoreRows(db: Kysely<Schema>, key: StoreKey, paths: readonly string[], rows: readonly StoreRow[]): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const before =
      paths.length === 0
        ? []
        : await trx
            .deleteFrom("store_entry")
            .where("tenant", "=", key.tenant)
            .where("connection", "=", key.connection)
            .where("path", "in", [...paths])
            .returning(["path", "tags"])
            .execute();
    // a single entry is read without its tags, which then stay as they were
    const tagsOf = new Map(before.map(({ path, tags }) => [path, tags]));
    for (let at = 0; at < rows.length; at += 500)
      await trx
        .insertInto("store_entry")
        .values(
          rows.slice(at, at + 500).map(({ tags, subject, ...row }) => ({
            ...key,
            ...row,
            subject: subject ?? null,
            tags: json(Object.keys(tags).length > 0 ? tags : (tagsOf.get(row.path) ?? {})),
            seen_at: sql<Date>`now()`,
          })),
        )
        .onConflict((conflict) => conflict.columns(["tenant", "connection", "path", "field", "fingerprint"]).doNothing())
        .execute();
    await sql`update store_reading set entries = entries + ${paths.length}
      where tenant = ${key.tenant} and connection = ${key.connection} and finished_at is null`.execute(trx);
  });
}

/** Everything was read: what it did not meet is gone. */
export async function finishStoreReading(db: Kysely<Schema>, { tenant, connection }: StoreKey, startedAt: Date): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`delete from store_entry where tenant = ${tenant} and connection = ${connection} and seen_at < ${startedAt}`.execute(trx);
    await sql`update store_reading set finished_at = now(), last_finished_at = now()
      where tenant = ${tenant} and connection = ${connection}`.execute(trx);
  });
}

export async function failStoreReading(db: Kysely<Schema>, { tenant, connection }: StoreKey, code: string): Promise<void> {
  await sql`update store_reading set error_code = ${code} where tenant = ${tenant} and connection = ${connection}`.execute(db);
}

/** Places whose value has one of these fingerprints. */
export async function storeRowsWith(
  db: Kysely<Schema>,
  tenant: string,
  fingerprints: readonly string[],
): Promise<(Omit<StoreRow, "tags"> & { connection: string })[]> {
  if (fingerprints.length === 0) return [];
  const rows = await db
    .selectFrom("store_entry")
    .select(["connection", "path", "field", "version", "fingerprint", "subject", "bits"])
    .where("tenant", "=", tenant)
    .where("fingerprint", "in", [...fingerprints])
    .orderBy("connection")
    .orderBy("path")
    .limit(1000)
    .execute();
  return rows.map((row) => ({ ...row, subject: row.subject ?? undefined }));
}

/** Notes what somebody asks about, and gives back what they may: at most `most` different values in 24 hours, those asked before again. */
export async function questionsAllowed(
  db: Kysely<Schema>,
  actor: string,
  fingerprints: readonly string[],
  most: number,
): Promise<ReadonlySet<string>> {
  return db.transaction().execute(async (trx) => {
    await sql`delete from store_question where at < now() - interval '24 hours'`.execute(trx);
    const { rows } = await sql<{ fingerprint: string }>`select fingerprint from store_question where actor = ${actor}`.execute(trx);
    const before = new Set(rows.map(({ fingerprint }) => fingerprint));
    const fresh = fingerprints.filter((one) => !before.has(one)).slice(0, Math.max(0, most - before.size));
    for (const one of fresh)
      await sql`insert into store_question (actor, fingerprint) values (${actor}, ${one}) on conflict do nothing`.execute(trx);
    return new Set([...fingerprints.filter((one) => before.has(one)), ...fresh]);
  });
}
