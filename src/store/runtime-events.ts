import { createHash } from "node:crypto";
import { type Kysely, sql, type Transaction } from "kysely";
import { canonical } from "../incident/canonical.ts";
import type { IncidentEvent, RuntimeFacts } from "../incident/event.ts";
import type { Incident } from "../incident/fold.ts";
import { type RuntimeEvent, titleOf } from "../incident/runtime.ts";
import { appendEvents } from "./events.ts";
import { insertNew, projectIncident, recordEvents } from "./incidents.ts";
import { storable } from "./json.ts";
import type { Schema } from "./schema.ts";

export type Linked = Extract<IncidentEvent, { type: "identity-linked" }>;

export interface RuntimeReported {
  readonly event: RuntimeEvent;
  readonly tenant: string;
  /** Strongest first. */
  readonly links: readonly (Linked | Extract<IncidentEvent, { type: "credential-linked" }>)[];
  /** Of the identity, where one is known: who may see it may see the incident. */
  readonly repository?: string;
  /** Open incidents that one source may have. */
  readonly openAtMost: number;
}

export type Taken =
  | { readonly state: "opened" | "added" | "reopened"; readonly incident: Incident }
  /** The same report was taken before. */
  | { readonly state: "known"; readonly incident: string }
  /** Too many incidents of this source are open: it is counted, and nothing more. */
  | { readonly state: "held-back" };

/** Reports of one incident that stand in its timeline, at most; a source that repeats itself more often says nothing new. */
const mostReports = 100;

/**
 * A report becomes part of the one incident of its alert, which is opened if there is none: the same external id of a source, or where it
 * gives none, the same kind, title and agent. The same report twice is one, in whatever order they come. An ended incident is open again if
 * something without an external id happens after its end.
 */
export async function takeReport(trx: Transaction<Schema>, reported: RuntimeReported): Promise<Taken> {
  const { event, tenant } = reported;
  await lockSource(trx, event.source);
  const key = createHash("sha256").update(canonical(event)).digest("hex");
  const before = await trx
    .selectFrom("runtime_event")
    .select("incident_id")
    .where("source", "=", event.source)
    .where("key", "=", key)
    .executeTakeFirst();
  if (before !== undefined) return { state: "known", incident: before.incident_id };

  const subject = subjectOf(event);
  const known = await trx
    .selectFrom("incident")
    .select(["id", "body"])
    .where("tenant", "=", tenant)
    .where("credential", "=", subject)
    .forUpdate()
    .executeTakeFirst();
  const now = await databaseTime(trx);
  if (known === undefined) {
    if ((await openOf(trx, event.source)) >= reported.openAtMost) return holdBack(trx, event.source);
    const id = await open(trx, reported, subject, now);
    await remember(trx, event.source, key, id);
    return { state: "opened", incident: await projectIncident(trx, id) };
  }

  if ((known.body.report?.count ?? 0) >= mostReports) return holdBack(trx, event.source);
  await remember(trx, event.source, key, known.id);
  const occurredAt = occurrence(event, now);
  const events: IncidentEvent[] = [{ type: "reported", severity: event.severity, occurredAt, report: factsOf(event) }];
  const { state, clock, resolution } = known.body;
  const again =
    state === "resolved" &&
    (resolution === "resolved" || resolution === "contained") &&
    event.externalId === undefined &&
    clock.closed !== undefined &&
    occurredAt > clock.closed;
  if (again) events.push({ type: "reopened", why: `${event.source} reported it again` });
  return { state: again ? "reopened" : "added", incident: await recordEvents(trx, known.id, [...events, ...reported.links]) };
}

async function open(
  trx: Transaction<Schema>,
  { event, tenant, links, repository }: RuntimeReported,
  subject: string,
  now: string,
): Promise<string> {
  const { kind, severity, source } = event;
  const exposedAt = occurrence(event, now);
  const title = storable(titleOf(event));
  const id = await insertNew(trx, tenant, subject, {
    fingerprint: subject,
    detector: kind,
    title,
    severity,
    kind,
    source,
    repository: repository ?? null,
    pre_existing: false,
    exposed_at: exposedAt,
  });
  if (id === undefined) throw new Error("another worker opened the incident of a locked source");
  await appendEvents<IncidentEvent>(trx, id, [
    {
      type: "opened",
      kind,
      credential: { fingerprint: subject, detector: kind, title },
      severity,
      exposedAt,
      preExisting: false,
      ...(repository === undefined ? {} : { repository }),
      report: factsOf(event),
    },
    ...links,
  ]);
  return id;
}

/** `event:<source>/<hash>`: what makes two reports one incident. */
function subjectOf({ source, kind, externalId, title, rule, hints }: RuntimeEvent): string {
  const same = externalId === undefined ? { kind, title, rule, hints } : { externalId };
  return `event:${source}/${createHash("sha256").update(canonical(same)).digest("base64url").slice(0, 32)}`;
}

function factsOf({ source, externalId, action, rule, tool, model, link }: RuntimeEvent): RuntimeFacts {
  const facts = { source, externalId, action, rule, tool, model, link };
  const known = Object.entries(facts).flatMap(([name, value]) => (value === undefined ? [] : [[name, storable(value)]]));
  return Object.fromEntries(known) as unknown as RuntimeFacts;
}

/** A source's clock may be wrong: nothing happens later than it was reported. */
function occurrence({ at }: RuntimeEvent, now: string): string {
  return at !== undefined && at < now ? at : now;
}

async function lockSource(trx: Transaction<Schema>, source: string): Promise<void> {
  await sql`insert into runtime_source (source, last_event_at) values (${source}, clock_timestamp())
    on conflict (source) do update set last_event_at = clock_timestamp()`.execute(trx);
}

/** Whether a source may open one more; if not, it is counted. Call it before the incident is opened, in the same transaction. */
export async function mayOpen(trx: Transaction<Schema>, source: string, openAtMost: number): Promise<boolean> {
  await lockSource(trx, source);
  if ((await openOf(trx, source)) < openAtMost) return true;
  await holdBack(trx, source);
  return false;
}

async function openOf(trx: Transaction<Schema>, source: string): Promise<number> {
  const { open: many } = await trx
    .selectFrom("incident")
    .select(sql<number>`count(*)::int`.as("open"))
    .where("source", "=", source)
    .where("state", "=", "open")
    .executeTakeFirstOrThrow();
  return many;
}

async function holdBack(trx: Transaction<Schema>, source: string): Promise<Taken> {
  await sql`update runtime_source set held_back = held_back + 1, held_back_at = clock_timestamp() where source = ${source}`.execute(trx);
  return { state: "held-back" };
}

async function remember(trx: Transaction<Schema>, source: string, key: string, incident: string): Promise<void> {
  await trx.insertInto("runtime_event").values({ source, key, incident_id: incident }).execute();
}

async function databaseTime(trx: Transaction<Schema>): Promise<string> {
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(trx);
  return (rows[0]?.now ?? new Date()).toISOString();
}

/** What a source reported that stands in no incident, because too many of its own are open. */
export interface HeldBack {
  readonly source: string;
  readonly events: number;
  /** ISO 8601 UTC of the last one. */
  readonly lastAt: string;
}

/** Sources that were held back since `since`. */
export async function heldBack(db: Kysely<Schema>, since: Date): Promise<HeldBack[]> {
  const rows = await db
    .selectFrom("runtime_source")
    .select(["source", "held_back_at", sql<number>`held_back::int`.as("events")])
    .where("held_back_at", ">=", since)
    .orderBy("source")
    .execute();
  return rows.flatMap(({ source, events, held_back_at }) =>
    held_back_at === null ? [] : [{ source, events, lastAt: held_back_at.toISOString() }],
  );
}

/** Reports that can be forgotten: the same one is not sent again after so long. */
export async function dropOldReports(db: Kysely<Schema>, before: Date): Promise<void> {
  await db.deleteFrom("runtime_event").where("received_at", "<", before).execute();
}
