import { createHash, randomBytes } from "node:crypto";
import { type Kysely, sql, type Transaction } from "kysely";
import {
  type Applied,
  type Campaign,
  type Decision,
  type Item,
  type ItemState,
  type Snapshot,
  snapshotHash,
} from "../governance/review.ts";
import { shortId } from "../incident/id.ts";
import { appendEvents } from "./events.ts";
import { json } from "./json.ts";
import type { Schema } from "./schema.ts";

/**
 * What happens in a campaign. The campaign's own stream says what was frozen, as one hash over all items; what happens to an item stands in
 * the item's stream, each hash-chained like an incident's: a campaign may have more items than a stream has events.
 */
export type ReviewEvent =
  | {
      readonly type: "campaign-opened";
      readonly by: string;
      readonly name: string;
      readonly dueAt: string;
      readonly items: number;
      /** SHA-256 over the lines `id hash` of the items, in the order of their ids. */
      readonly digest: string;
    }
  | { readonly type: "item-frozen"; readonly item: string; readonly hash: string; readonly identity: string; readonly owner?: string }
  | {
      readonly type: "item-decided";
      readonly item: string;
      readonly hash: string;
      readonly verdict: "keep" | "deny";
      readonly by: string;
      readonly reason: string;
      readonly via: string;
      readonly state: ItemState;
    }
  | { readonly type: "denial-applied"; readonly item: string; readonly state: Applied["state"]; readonly incident?: string }
  | { readonly type: "denial-verified"; readonly item: string; readonly incident?: string };

/** Opens a campaign over these snapshots, all at once. */
export async function createCampaign(
  trx: Transaction<Schema>,
  campaign: { name: string; by: string; dueAt: string; snapshots: readonly Snapshot[] },
): Promise<Campaign> {
  const id = await freeCampaignId(trx);
  const { name, by, dueAt, snapshots } = campaign;
  const row = await trx
    .insertInto("review_campaign")
    .values({ id, name, created_by: by, due_at: dueAt })
    .returning("created_at")
    .executeTakeFirstOrThrow();
  const ids = await freeItemIds(trx, snapshots.length);
  const rows = snapshots.map((snapshot, index) => ({
    id: ids[index] ?? "",
    campaign_id: id,
    identity_id: snapshot.identity.id,
    owner: snapshot.identity.owner ?? null,
    state: "open" as const,
    snapshot: json(snapshot),
    hash: snapshotHash(snapshot),
    incident_id: snapshot.access.kind === "credential" ? snapshot.access.incident : null,
  }));
  for (let start = 0; start < rows.length; start += 500)
    await trx
      .insertInto("review_item")
      .values(rows.slice(start, start + 500))
      .execute();
  const digest = createHash("sha256")
    .update(
      rows
        .map((row) => `${row.id} ${row.hash}\n`)
        .toSorted()
        .join(""),
    )
    .digest("hex");
  await appendEvents<ReviewEvent>(trx, id, [{ type: "campaign-opened", by, name, dueAt, items: snapshots.length, digest }]);
  return { id, name, createdBy: by, createdAt: row.created_at.toISOString(), dueAt };
}

/** Another snapshot in place of one that no longer holds; what was decided about the old one does not count for it. */
export async function refreeze(trx: Transaction<Schema>, item: Item, snapshot: Snapshot): Promise<string> {
  const hash = snapshotHash(snapshot);
  await trx
    .updateTable("review_item")
    .set({ snapshot: json(snapshot), hash, owner: snapshot.identity.owner ?? null, state: "open", decisions: "[]" })
    .where("id", "=", item.id)
    .execute();
  await appendEvents<ReviewEvent>(trx, item.id, [frozen(item.id, hash, snapshot)]);
  return hash;
}

export async function recordDecision(trx: Transaction<Schema>, item: Item, decision: Decision, state: ItemState): Promise<void> {
  await trx
    .updateTable("review_item")
    .set({ decisions: json([...item.decisions, decision]), state, decided_at: decision.at })
    .where("id", "=", item.id)
    .execute();
  const { verdict, by, reason, via } = decision;
  await appendEvents<ReviewEvent>(trx, item.id, [
    { type: "item-decided", item: item.id, hash: item.hash, verdict, by, reason, via, state },
  ]);
}

export async function recordApplied(trx: Transaction<Schema>, item: Item, applied: Applied): Promise<void> {
  const { incident, state } = applied;
  await trx
    .updateTable("review_item")
    .set({ applied: json(applied), ...(incident === undefined ? {} : { incident_id: incident }) })
    .where("id", "=", item.id)
    .execute();
  if (item.applied?.state === state && item.applied.incident === incident) return;
  await appendEvents<ReviewEvent>(trx, item.id, [
    { type: "denial-applied", item: item.id, state, ...(incident === undefined ? {} : { incident }) },
  ]);
}

export async function recordVerified(trx: Transaction<Schema>, item: Item): Promise<void> {
  const incident = item.applied?.incident;
  await trx
    .updateTable("review_item")
    .set({ state: "verified", verified_at: sql<Date>`clock_timestamp()` })
    .where("id", "=", item.id)
    .execute();
  await appendEvents<ReviewEvent>(trx, item.id, [
    { type: "denial-verified", item: item.id, ...(incident === undefined ? {} : { incident }) },
  ]);
}

/** Where the campaign's issue stands; without `number`, where it is to be opened. `hash` is of the body as last written. */
export async function saveIssue(
  db: Kysely<Schema>,
  campaign: string,
  issue: { repository: string; number?: number; hash?: string },
): Promise<void> {
  await db
    .updateTable("review_campaign")
    .set({ repository: issue.repository, issue_number: issue.number ?? null, issue_hash: issue.hash ?? null })
    .where("id", "=", campaign)
    .execute();
}

export async function issueOf(
  db: Kysely<Schema>,
  campaign: string,
): Promise<{ repository: string; number?: number; hash?: string } | undefined> {
  const row = await db
    .selectFrom("review_campaign")
    .select(["repository", "issue_number", "issue_hash"])
    .where("id", "=", campaign)
    .executeTakeFirst();
  if (row === undefined || row.repository === null) return undefined;
  return {
    repository: row.repository,
    ...(row.issue_number === null ? {} : { number: row.issue_number }),
    ...(row.issue_hash === null ? {} : { hash: row.issue_hash }),
  };
}

/** Newest first. */
export async function listCampaigns(db: Kysely<Schema>): Promise<Campaign[]> {
  const rows = await db.selectFrom("review_campaign").selectAll().orderBy("created_at", "desc").orderBy("id").execute();
  return rows.map(campaignOf);
}

export async function getCampaign(db: Kysely<Schema>, id: string): Promise<Campaign | undefined> {
  const row = await db.selectFrom("review_campaign").selectAll().where("id", "=", id).executeTakeFirst();
  return row === undefined ? undefined : campaignOf(row);
}

/** The campaign whose issue this is. */
export async function campaignOfIssue(db: Kysely<Schema>, issue: { repository: string; number: number }): Promise<Campaign | undefined> {
  const row = await db
    .selectFrom("review_campaign")
    .selectAll()
    .where("repository", "=", issue.repository)
    .where("issue_number", "=", issue.number)
    .executeTakeFirst();
  return row === undefined ? undefined : campaignOf(row);
}

export async function listItems(db: Kysely<Schema>, filter: { campaign?: string; state?: ItemState } = {}): Promise<Item[]> {
  let query = db.selectFrom("review_item").selectAll();
  if (filter.campaign !== undefined) query = query.where("campaign_id", "=", filter.campaign);
  if (filter.state !== undefined) query = query.where("state", "=", filter.state);
  return (await query.orderBy("identity_id").orderBy("id").execute()).map(itemOf);
}

export async function getItem(db: Kysely<Schema>, id: string): Promise<Item | undefined> {
  const row = await db.selectFrom("review_item").selectAll().where("id", "=", id).executeTakeFirst();
  return row === undefined ? undefined : itemOf(row);
}

/** The same, with its row locked until the transaction ends: two decisions at once follow each other. */
export async function lockItem(trx: Transaction<Schema>, id: string): Promise<Item | undefined> {
  const row = await trx.selectFrom("review_item").selectAll().where("id", "=", id).forUpdate().executeTakeFirst();
  return row === undefined ? undefined : itemOf(row);
}

function frozen(item: string, hash: string, { identity }: Snapshot): ReviewEvent {
  return { type: "item-frozen", item, hash, identity: identity.id, ...(identity.owner === undefined ? {} : { owner: identity.owner }) };
}

async function freeCampaignId(trx: Transaction<Schema>): Promise<string> {
  for (let attempt = 0; attempt < 30; attempt++) {
    const id = shortId("RV", randomBytes(8), 5 + Math.min(3, Math.floor(attempt / 5)));
    if ((await trx.selectFrom("review_campaign").select("id").where("id", "=", id).executeTakeFirst()) === undefined) return id;
  }
  throw new Error("no free RV id was found in 30 tries");
}

/** Short where there are few, so that they can be read aloud. */
async function freeItemIds(trx: Transaction<Schema>, count: number): Promise<string[]> {
  const { rows } = await sql<{ count: number }>`select count(*)::integer as count from review_item`.execute(trx);
  // 32 characters: a hundred times as many ids as items, so that few tries collide
  const length = Math.min(8, Math.max(5, Math.ceil(Math.log2(((rows[0]?.count ?? 0) + count) * 100) / 5)));
  const free = new Set<string>();
  for (let attempt = 0; free.size < count; attempt++) {
    if (attempt > 30) throw new Error("no free RI ids were found in 30 tries");
    const wanted = Array.from({ length: Math.min(5000, count - free.size) }, () => shortId("RI", randomBytes(8), length));
    const taken = new Set((await trx.selectFrom("review_item").select("id").where("id", "in", wanted).execute()).map((row) => row.id));
    for (const id of wanted) if (!taken.has(id)) free.add(id);
  }
  return [...free];
}

interface CampaignRow {
  id: string;
  name: string;
  created_by: string;
  created_at: Date;
  due_at: Date;
  repository: string | null;
  issue_number: number | null;
}

function campaignOf(row: CampaignRow): Campaign {
  const { repository, issue_number: number } = row;
  return {
    id: row.id,
    name: row.name,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    dueAt: row.due_at.toISOString(),
    ...(repository === null || number === null ? {} : { issue: { repository, number } }),
  };
}

interface ItemRow {
  id: string;
  campaign_id: string;
  state: ItemState;
  snapshot: Snapshot;
  hash: string;
  decisions: readonly Decision[];
  applied: Applied | null;
  verified_at: Date | null;
}

function itemOf(row: ItemRow): Item {
  return {
    id: row.id,
    campaign: row.campaign_id,
    snapshot: row.snapshot,
    hash: row.hash,
    state: row.state,
    decisions: row.decisions,
    ...(row.applied === null ? {} : { applied: row.applied }),
    ...(row.verified_at === null ? {} : { verifiedAt: row.verified_at.toISOString() }),
  };
}
