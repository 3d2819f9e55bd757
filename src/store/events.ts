import { createHash, randomBytes, randomUUID } from "node:crypto";
import { type Kysely, sql, type Transaction } from "kysely";
import { canonical } from "../incident/canonical.ts";
import type { Recorded } from "../incident/event.ts";
import type { Schema } from "./schema.ts";

/** Bounds of one event: enough for any real one. A stranger's text reaches events (paths, reasons), a file never does. */
const limits = { text: 4000, depth: 6, items: 1000, events: 10_000 };

/** The fields that name people; kept apart so that a person can be erased and the chain still verifies. */
const personal = new Set(["by", "pushedBy", "owner", "approver"]);
const notPeople = new Set(["policy", "rekey"]);

const start = "0".repeat(64);

/**
 * Adds events at the end of a stream, hash-chained, in the caller's transaction. A stream belongs to one writer at a time
 * (a lock until the transaction ends). `at` is the database's clock and never runs backwards in a stream.
 */
export async function appendEvents<E extends { readonly type: string }>(
  trx: Transaction<Schema>,
  stream: string,
  events: readonly E[],
): Promise<Recorded<E>[]> {
  for (const event of events) check(event);
  if (events.length === 0) return [];
  await sql`select pg_advisory_xact_lock(hashtextextended(${`event ${stream}`}, 0))`.execute(trx);
  const head = await trx
    .selectFrom("event")
    .select(["seq", "hash", "at"])
    .where("stream", "=", stream)
    .orderBy("seq", "desc")
    .limit(1)
    .executeTakeFirst();
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(trx);
  const now = rows[0]?.now ?? new Date();
  const time = head !== undefined && head.at > now ? head.at : now;

  let seq = head?.seq ?? 0;
  let previous = head?.hash ?? start;
  const recorded: Recorded<E>[] = [];
  for (const event of events) {
    seq += 1;
    if (seq > limits.events) throw new RangeError(`stream ${stream} has ${limits.events} events, which no real one has`);
    const body = await withoutPeople(trx, event);
    const at = time.toISOString();
    const hash = link(previous, { stream, seq, at, body });
    await trx
      .insertInto("event")
      .values({ stream, seq, at, body: JSON.stringify(body), previous, hash })
      .execute();
    recorded.push({ stream, seq, at, event });
    previous = hash;
  }
  return recorded;
}

/** The events of a stream, oldest first, with people's names put back ("erased" for who was erased). */
export async function readEvents<E>(db: Kysely<Schema>, stream: string): Promise<Recorded<E>[]> {
  const rows = await db.selectFrom("event").select(["stream", "seq", "at", "body"]).where("stream", "=", stream).orderBy("seq").execute();
  const names = await peopleOf(
    db,
    rows.map(({ body }) => body),
  );
  return rows.map(({ seq, at, body }) => ({ stream, seq, at: at.toISOString(), event: withPeople(body, names) as E }));
}

/** Newest first, of incidents only; `before` is the last one of the page before. People's names are put back. */
export async function recentEvents<E>(
  db: Kysely<Schema>,
  { before, limit }: { before?: Pick<Recorded<E>, "at" | "stream" | "seq"> | undefined; limit: number },
): Promise<(Recorded<E> & { hash: string })[]> {
  let query = db.selectFrom("event").select(["stream", "seq", "at", "body", "hash"]).where("stream", "like", "RK-%");
  if (before !== undefined)
    query = query.where(sql<boolean>`(at, stream, seq) < (${before.at}::timestamptz, ${before.stream}, ${before.seq}::integer)`);
  const rows = await query.orderBy("at", "desc").orderBy("stream", "desc").orderBy("seq", "desc").limit(limit).execute();
  const names = await peopleOf(
    db,
    rows.map(({ body }) => body),
  );
  return rows.map(({ stream, seq, at, body, hash }) => ({ stream, seq, at: at.toISOString(), event: withPeople(body, names) as E, hash }));
}

export interface ChainReport {
  readonly events: number;
  readonly streams: number;
  readonly checkpoints: number;
  /** Empty = everything verifies. Each names the stream and number. */
  readonly problems: readonly string[];
}

/** Recomputes every chain and every checkpoint: what `rekey audit verify` prints. */
export async function verifyChain(db: Kysely<Schema>): Promise<ChainReport> {
  const problems: string[] = [];
  const hashes = new Map<string, Map<number, string>>();
  let total = 0;
  let stream = "";
  let expected = { seq: 1, previous: start };
  let after = { stream: "", seq: 0 };
  for (;;) {
    const page = await db
      .selectFrom("event")
      .selectAll()
      .where((row) => row.or([row("stream", ">", after.stream), row.and([row("stream", "=", after.stream), row("seq", ">", after.seq)])]))
      .orderBy("stream")
      .orderBy("seq")
      .limit(1000)
      .execute();
    if (page.length === 0) break;
    for (const row of page) {
      if (row.stream !== stream) {
        stream = row.stream;
        expected = { seq: 1, previous: start };
      }
      const hash = link(row.previous, { stream, seq: row.seq, at: row.at.toISOString(), body: row.body });
      if (row.seq !== expected.seq) problems.push(`${stream}: expected event ${expected.seq}, found ${row.seq}`);
      else if (row.previous !== expected.previous) problems.push(`${stream}: event ${row.seq} does not follow the one before it`);
      else if (row.hash !== hash) problems.push(`${stream}: event ${row.seq} was changed`);
      expected = { seq: row.seq + 1, previous: row.hash };
      const known = hashes.get(stream) ?? new Map<number, string>();
      hashes.set(stream, known.set(row.seq, row.hash));
      total += 1;
    }
    const last = page.at(-1);
    if (last !== undefined) after = { stream: last.stream, seq: last.seq };
  }
  const checkpoints = await verifyCheckpoints(db, hashes, total, problems);
  return { events: total, streams: hashes.size, checkpoints, problems };
}

/** Writes a row that chains the heads of every stream that moved, so that removing a stream's end is seen. For a timer. */
export async function writeCheckpoint(db: Kysely<Schema>): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(hashtextextended('event checkpoint', 0))`.execute(trx);
    const rows = await currentHeads(trx);
    const known = await recordedHeads(trx);
    const last = await trx.selectFrom("event_checkpoint").select(["hash", "events"]).orderBy("id", "desc").limit(1).executeTakeFirst();
    const events = rows.reduce((sum, { seq }) => sum + seq, 0);
    if (last?.events === events) return;
    // Only what moved since: a checkpoint stays as small as the work between two of them.
    const moved = rows.filter(({ stream, seq }) => known.get(stream) !== seq);
    const heads = JSON.stringify(moved.map(({ stream, seq, hash }) => [stream, seq, hash]));
    const previous = last?.hash ?? start;
    const at = new Date().toISOString();
    await trx
      .insertInto("event_checkpoint")
      .values({ at, events, heads, previous, hash: sha256(`${previous}\n${at}\n${events}\n${heads}`) })
      .execute();
  });
}

async function verifyCheckpoints(
  db: Kysely<Schema>,
  hashes: ReadonlyMap<string, ReadonlyMap<number, string>>,
  total: number,
  problems: string[],
): Promise<number> {
  const rows = await db.selectFrom("event_checkpoint").selectAll().orderBy("id").execute();
  let previous = start;
  for (const row of rows) {
    const own = sha256(`${previous}\n${row.at.toISOString()}\n${row.events}\n${row.heads}`);
    if (row.previous !== previous || row.hash !== own) problems.push(`checkpoint ${row.id} was changed`);
    previous = row.hash;
    if (row.events > total) problems.push(`checkpoint ${row.id} counted ${row.events} events, ${total} are left`);
    for (const [stream, seq, hash] of JSON.parse(row.heads) as [string, number, string][]) {
      if (hashes.get(stream)?.get(seq) !== hash) problems.push(`checkpoint ${row.id}: event ${seq} of ${stream} is gone or was changed`);
    }
  }
  return rows.length;
}

async function currentHeads(db: Kysely<Schema>): Promise<{ stream: string; seq: number; hash: string }[]> {
  return db.selectFrom("event").distinctOn("stream").select(["stream", "seq", "hash"]).orderBy("stream").orderBy("seq", "desc").execute();
}

async function recordedHeads(db: Kysely<Schema>): Promise<ReadonlyMap<string, number>> {
  const rows = await db.selectFrom("event_checkpoint").select("heads").orderBy("id").execute();
  return new Map(
    rows.flatMap(({ heads }) => (JSON.parse(heads) as [string, number, string][]).map(([stream, seq]) => [stream, seq] as const)),
  );
}

function link(previous: string, content: { stream: string; seq: number; at: string; body: unknown }): string {
  return sha256(`${previous}\n${canonical(content)}`);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function check(event: { readonly type: string }): void {
  if (!/^[a-z][a-z-]{1,60}$/.test(event.type)) throw new RangeError("an event's type is in lower-kebab-case");
  walk(event, 0);
}

function walk(value: unknown, depth: number): void {
  if (depth > limits.depth) throw new RangeError(`an event is nested deeper than ${limits.depth} levels`);
  if (typeof value === "string") {
    if (value.length > limits.text)
      throw new RangeError(`a text in an event has ${value.length} characters, at most ${limits.text} are kept; shorten it first`);
    // PostgreSQL's jsonb refuses NUL, and a lone surrogate would not come back as it went in.
    if (value.includes("\0") || !value.isWellFormed()) throw new RangeError("a text in an event is not well-formed Unicode without NUL");
  } else if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new RangeError("numbers in events are integers");
  } else if (value !== null && typeof value === "object") {
    const parts = Object.values(value);
    if (parts.length > limits.items)
      throw new RangeError(`a list in an event has ${parts.length} entries, at most ${limits.items} are kept`);
    for (const part of parts) walk(part, depth + 1);
  } else if (value !== undefined && value !== null && typeof value !== "boolean") {
    throw new RangeError(`an event cannot hold a ${typeof value}`);
  }
}

async function withoutPeople(trx: Transaction<Schema>, event: object): Promise<Record<string, unknown>> {
  const body: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(event)) {
    if (value === undefined) continue;
    body[key] = personal.has(key) && typeof value === "string" && !notPeople.has(value) ? { actor: await actorId(trx, value) } : value;
  }
  return body;
}

/** A person's id with a salted hash of the name: proves later who it was, as long as the salt is kept. */
async function actorId(trx: Transaction<Schema>, name: string): Promise<string> {
  const salt = randomBytes(16).toString("hex");
  const id = randomUUID();
  await trx
    .insertInto("actor")
    .values({ id: `${id}:${sha256(`${salt}\n${name}`)}`, name, salt, hash: sha256(`${salt}\n${name}`) })
    .onConflict((conflict) => conflict.column("name").doNothing())
    .execute();
  const row = await trx.selectFrom("actor").select("id").where("name", "=", name).executeTakeFirstOrThrow();
  return row.id;
}

async function peopleOf(db: Kysely<Schema>, bodies: readonly Record<string, unknown>[]): Promise<ReadonlyMap<string, string | null>> {
  const ids = [
    ...new Set(
      bodies.flatMap((body) =>
        Object.values(body)
          .map(actorOf)
          .filter((id) => id !== undefined),
      ),
    ),
  ];
  if (ids.length === 0) return new Map();
  const rows = await db.selectFrom("actor").select(["id", "name"]).where("id", "in", ids).execute();
  return new Map(rows.map(({ id, name }) => [id, name]));
}

function withPeople(body: Record<string, unknown>, names: ReadonlyMap<string, string | null>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(body).map(([key, value]) => {
      const id = actorOf(value);
      return [key, id === undefined ? value : (names.get(id) ?? "erased")];
    }),
  );
}

function actorOf(value: unknown): string | undefined {
  return value !== null && typeof value === "object" && "actor" in value && typeof value.actor === "string" ? value.actor : undefined;
}
