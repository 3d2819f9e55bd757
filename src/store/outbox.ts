import { createHash } from "node:crypto";
import type { Kysely, Transaction } from "kysely";
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

/** Surfaces that differ from what they should be, longest waiting first. */
export async function listDue(db: Kysely<Schema>, limit = 100): Promise<Desired[]> {
  const rows = await db
    .selectFrom("outbox")
    .selectAll()
    .whereRef("applied_hash", "is distinct from", "desired_hash")
    .orderBy("updated_at")
    .limit(limit)
    .execute();
  return rows.map(desiredOf);
}

/** The state with this hash was written. If something newer is wanted meanwhile, the surface stays due. */
export async function markApplied(db: Kysely<Schema>, key: string, hash: string, externalId?: string): Promise<void> {
  await db
    .updateTable("outbox")
    .set({ applied_hash: hash, applied_at: new Date(), error_code: null, ...(externalId === undefined ? {} : { external_id: externalId }) })
    .where("key", "=", key)
    .execute();
}

export async function markFailed(db: Kysely<Schema>, key: string, errorCode: string): Promise<void> {
  await db
    .updateTable("outbox")
    .set((set) => ({ attempts: set("attempts", "+", 1), error_code: errorCode.slice(0, 100) }))
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
