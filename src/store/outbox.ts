import { createHash } from "node:crypto";
import { type Kysely, sql, type Transaction } from "kysely";
import { json } from "./json.ts";
import type { Schema } from "./schema.ts";

export interface Desired {
  readonly key: string;
  readonly kind: string;
  readonly installationId?: number;
  readonly desired: unknown;
  readonly hash: string;
  readonly attempts: number;
  /** What the outside calls it, once it was made: check-run id, comment id. */
  readonly externalId?: string;
}

/**
 * Says what a surface outside should look like. Asked twice, the last one counts: writes to one surface fold into one.
 * Returns whether there is anything to write.
 */
export async function desire(
  trx: Transaction<Schema> | Kysely<Schema>,
  surface: { key: string; kind: string; installationId?: number; desired: object },
): Promise<boolean> {
  const desired = json(surface.desired);
  const hash = createHash("sha256").update(desired).digest("hex");
  const row = await trx
    .insertInto("outbox")
    .values({ key: surface.key, kind: surface.kind, installation_id: surface.installationId ?? null, desired, desired_hash: hash })
    .onConflict((conflict) =>
      conflict.column("key").doUpdateSet({ desired, desired_hash: hash, attempts: 0, error_code: null, updated_at: new Date() }),
    )
    .returning(["desired_hash", "applied_hash"])
    .executeTakeFirstOrThrow();
  return row.applied_hash !== row.desired_hash;
}

export async function readDesired(db: Kysely<Schema>, key: string): Promise<(Desired & { applied: boolean }) | undefined> {
  const row = await db.selectFrom("outbox").selectAll().where("key", "=", key).executeTakeFirst();
  return row === undefined ? undefined : { ...desiredOf(row), applied: row.applied_hash === row.desired_hash };
}

/**
 * What should be outside and is not, longest waiting first. What was tried and failed waits twice as long each time, half a minute at
 * first, longer than any call takes; after `mostAttempts` it is given up.
 */
export async function listDue(db: Kysely<Schema>, kind: string, limit = 100): Promise<Desired[]> {
  const rows = await db
    .selectFrom("outbox")
    .selectAll()
    .where("kind", "=", kind)
    .whereRef("applied_hash", "is distinct from", "desired_hash")
    .where("attempts", "<", mostAttempts)
    .where(sql<boolean>`updated_at + make_interval(secs => case when attempts = 0 then 0 else 15 * 2 ^ attempts end) <= clock_timestamp()`)
    .orderBy("updated_at")
    .limit(limit)
    .execute();
  return rows.map(desiredOf);
}

/** The last one comes after about nine hours. */
export const mostAttempts = 12;

/** Takes one to be tried, so that no other worker does it as well. False where another was faster. */
export async function claim(db: Kysely<Schema>, { key, attempts }: Pick<Desired, "key" | "attempts">): Promise<boolean> {
  const taken = await db
    .updateTable("outbox")
    .set({ attempts: attempts + 1 })
    .where("key", "=", key)
    .where("attempts", "=", attempts)
    .whereRef("applied_hash", "is distinct from", "desired_hash")
    .returning("key")
    .executeTakeFirst();
  return taken !== undefined;
}

/** The state with this hash was written. If something newer is wanted meanwhile, the surface stays due. */
export async function markApplied(db: Kysely<Schema>, key: string, hash: string, externalId?: string): Promise<void> {
  await db
    .updateTable("outbox")
    .set({ applied_hash: hash, applied_at: new Date(), error_code: null, ...(externalId === undefined ? {} : { external_id: externalId }) })
    .where("key", "=", key)
    .execute();
}

/** `giveUp`: trying again cannot help. */
export async function markFailed(db: Kysely<Schema>, key: string, errorCode: string, giveUp = false): Promise<void> {
  await db
    .updateTable("outbox")
    .set({ error_code: errorCode.slice(0, 100), ...(giveUp ? { attempts: mostAttempts } : {}) })
    .where("key", "=", key)
    .execute();
}

function desiredOf(row: {
  key: string;
  kind: string;
  installation_id: number | null;
  desired: unknown;
  desired_hash: string;
  attempts: number;
  external_id: string | null;
}): Desired {
  return {
    key: row.key,
    kind: row.kind,
    ...(row.installation_id === null ? {} : { installationId: row.installation_id }),
    desired: row.desired,
    hash: row.desired_hash,
    attempts: row.attempts,
    ...(row.external_id === null ? {} : { externalId: row.external_id }),
  };
}
