import type { Kysely, Transaction } from "kysely";
import { json } from "./json.ts";
import type { Schema } from "./schema.ts";

/** The allow-listed part of a webhook (contracts.md §7). Everything else of it is in `fields`, which the ingest builds by name. */
export interface Envelope {
  readonly guid: string;
  readonly event: string;
  readonly action?: string;
  readonly installation?: number;
  readonly repository?: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * Records a delivery once. Returns false if its guid is known: then nothing is to be done. Enqueue the job in the same
 * transaction, and answer 202 after the commit.
 */
export async function recordDelivery(trx: Transaction<Schema>, envelope: Envelope): Promise<boolean> {
  const row = await trx
    .insertInto("delivery")
    .values({
      guid: envelope.guid,
      event: envelope.event,
      action: envelope.action ?? null,
      installation_id: envelope.installation ?? null,
      repository_id: envelope.repository ?? null,
      envelope: json(envelope),
    })
    .onConflict((conflict) => conflict.column("guid").doNothing())
    .returning("guid")
    .executeTakeFirst();
  return row !== undefined;
}

export async function readDelivery(db: Kysely<Schema>, guid: string): Promise<{ envelope: Envelope; receivedAt: string } | undefined> {
  const row = await db.selectFrom("delivery").select(["envelope", "received_at"]).where("guid", "=", guid).executeTakeFirst();
  return row === undefined ? undefined : { envelope: row.envelope as unknown as Envelope, receivedAt: row.received_at.toISOString() };
}

export async function finishDelivery(db: Kysely<Schema>, guid: string, errorCode?: string): Promise<void> {
  await db
    .updateTable("delivery")
    .set({ handled_at: new Date(), error_code: errorCode ?? null })
    .where("guid", "=", guid)
    .execute();
}
