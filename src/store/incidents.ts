import { createHash, randomBytes } from "node:crypto";
import { type Insertable, type Kysely, sql, type Transaction } from "kysely";
import { credentialKey, type Finding, type Severity } from "../finding.ts";
import type { Cause, IncidentEvent, Recorded } from "../incident/event.ts";
import { fold, type Incident, isNews } from "../incident/fold.ts";
import { incidentId } from "../incident/id.ts";
import { appendEvents, readEvents } from "./events.ts";
import { json, storable } from "./json.ts";
import type { Schema } from "./schema.ts";

export interface Sighted {
  readonly finding: Finding;
  /** Tenant of contracts.md §9; `local` outside GitHub. */
  readonly tenant?: string;
  /** ISO 8601 UTC; see `exposedAt` of the event `opened`. */
  readonly exposedAt: string;
  readonly preExisting: boolean;
  /** Overrides the detector's severity where the place makes it worse or better. */
  readonly severity?: Severity;
  readonly repository?: string;
  /** Why there is an incident where nothing leaked. */
  readonly cause?: Cause;
  /** The runtime source that reported it. */
  readonly source?: string;
  readonly pullRequest?: number;
  /** The account that pushed (the webhook's sender), never the git author. */
  readonly pushedBy?: string;
  /** Accounts of the commits' authors. */
  readonly authors?: readonly string[];
}

/**
 * A finding becomes part of the one incident of its credential (fingerprint and subject), which is opened if there is none.
 * The same place twice is one occurrence. Safe against two workers that see the same credential at once.
 */
export async function openOrAddOccurrence(
  trx: Transaction<Schema>,
  sighted: Sighted,
): Promise<{ incident: Incident; opened: boolean; added: boolean }> {
  const tenant = sighted.tenant ?? "local";
  const credential = credentialKey(sighted.finding);
  await takeOverAlias(trx, tenant, credential, sighted.finding);
  const id = await insertIncident(trx, tenant, credential, sighted);
  if (id !== undefined) await appendEvents<IncidentEvent>(trx, id, [openedEvent(sighted)]);
  const known =
    id ??
    (
      await trx
        .selectFrom("incident")
        .select("id")
        .where("tenant", "=", tenant)
        .where("credential", "=", credential)
        .executeTakeFirstOrThrow()
    ).id;

  const added = await insertOccurrence(trx, known, sighted);
  if (added) await appendEvents<IncidentEvent>(trx, known, [occurrenceEvent(sighted)]);
  return { incident: await projectIncident(trx, known), opened: id !== undefined, added };
}

/**
 * Appends events to an incident and brings its row up to date, in the caller's transaction. What says nothing new (an
 * identity or a plan that stands there already) is left out: every scan of a pull request says it again.
 */
export async function recordEvents(trx: Transaction<Schema>, id: string, events: readonly IncidentEvent[]): Promise<Incident> {
  const known = await trx.selectFrom("incident").select("body").where("id", "=", id).forUpdate().executeTakeFirst();
  if (known === undefined) throw new Error(`there is no incident ${id}`);
  const news = events.filter((event) => isNews(known.body, event));
  if (news.length === 0) return known.body;
  await appendEvents(trx, id, news);
  return projectIncident(trx, id);
}

/** Folds an incident's events again and writes its row. */
export async function projectIncident(trx: Transaction<Schema>, id: string): Promise<Incident> {
  const incident = fold(await readEvents<IncidentEvent>(trx, id));
  await trx
    .updateTable("incident")
    .set({
      severity: incident.severity,
      state: incident.state,
      resolution: incident.resolution ?? null,
      validity: incident.validity,
      owner: incident.owner ?? null,
      repository: incident.repository ?? null,
      pre_existing: incident.preExisting,
      exposed_at: incident.clock.exposed,
      detected_at: incident.clock.detected,
      dead_at: incident.clock.dead ?? null,
      closed_at: incident.clock.closed ?? null,
      accepted_until: incident.acceptance?.until ?? null,
      seq: incident.seq,
      body: json(incident),
    })
    .where("id", "=", id)
    .execute();
  return incident;
}

export async function getIncident(db: Kysely<Schema>, id: string): Promise<Incident | undefined> {
  return (await db.selectFrom("incident").select("body").where("id", "=", id).executeTakeFirst())?.body;
}

/** The same, with its row locked until the transaction ends: two decisions at once follow each other. */
export async function lockIncident(trx: Transaction<Schema>, id: string): Promise<Incident | undefined> {
  return (await trx.selectFrom("incident").select("body").where("id", "=", id).forUpdate().executeTakeFirst())?.body;
}

/** The incident of a credential, if there is one. */
export async function findIncident(
  db: Kysely<Schema>,
  of: { tenant?: string; fingerprint: string; subject?: string | undefined },
): Promise<Incident | undefined> {
  const row = await db
    .selectFrom("incident")
    .select("body")
    .where("tenant", "=", of.tenant ?? "local")
    .where("credential", "=", credentialKey(of))
    .executeTakeFirst();
  return row?.body;
}

/** Every incident whose credential has one of these fingerprints, whatever its subject, also one known under an older key. */
export async function incidentsOfFingerprints(db: Kysely<Schema>, tenant: string, forms: readonly string[]): Promise<Incident[]> {
  if (forms.length === 0) return [];
  const rows = await db
    .selectFrom("incident")
    .select("body")
    .where("tenant", "=", tenant)
    .where("fingerprint", "in", [...forms])
    .execute();
  return rows.map(({ body }) => body);
}

/** The incident of the credential whose hash has one of these fingerprints (`fingerprintsOfHash`). */
export async function incidentOfHash(db: Kysely<Schema>, tenant: string, fingerprints: readonly string[]): Promise<Incident | undefined> {
  if (fingerprints.length === 0) return undefined;
  const row = await db
    .selectFrom("occurrence")
    .innerJoin("incident", "incident.id", "occurrence.incident_id")
    .select("incident.body")
    .where("incident.tenant", "=", tenant)
    .where(sql<boolean>`(occurrence.finding ->> 'hashed') in (${sql.join(fingerprints)})`)
    .limit(1)
    .executeTakeFirst();
  return row?.body;
}

/** What may be one matter with an incident by confirmed evidence: of the same identity, or of the same credential. At most 200. */
export async function chainCandidates(db: Kysely<Schema>, incident: Incident): Promise<Incident[]> {
  const confirmed = incident.identities.filter(({ grade }) => grade === "confirmed").slice(0, 10);
  const rows = await db
    .selectFrom("incident")
    .select("body")
    .where("id", "!=", incident.id)
    .where((where) =>
      where.or([
        ...confirmed.map(({ id }) => sql<boolean>`body -> 'identities' @> ${json([{ id, grade: "confirmed" }])}::jsonb`),
        sql<boolean>`body -> 'usedCredential' ->> 'incident' = ${incident.id}`,
        ...(incident.usedCredential === undefined ? [] : [where("id", "=", incident.usedCredential.incident)]),
      ]),
    )
    .orderBy("detected_at", "desc")
    .limit(200)
    .execute();
  return rows.map(({ body }) => body);
}

export interface IncidentFilter {
  readonly tenant?: string;
  readonly state?: "open" | "resolved";
  readonly repository?: string;
  readonly owner?: string;
  /** At most this many, default 1000. */
  readonly limit?: number;
}

/** Oldest detected first, so that the longest open ones lead. */
export async function listIncidents(db: Kysely<Schema>, filter: IncidentFilter = {}): Promise<Incident[]> {
  let query = db.selectFrom("incident").select("body");
  if (filter.tenant !== undefined) query = query.where("tenant", "=", filter.tenant);
  if (filter.state !== undefined) query = query.where("state", "=", filter.state);
  if (filter.repository !== undefined) query = query.where("repository", "=", filter.repository);
  if (filter.owner !== undefined) query = query.where("owner", "=", filter.owner);
  const rows = await query
    .orderBy("detected_at")
    .orderBy("id")
    .limit(filter.limit ?? 1000)
    .execute();
  return rows.map(({ body }) => body);
}

/** Accepted incidents whose date has passed, to be reopened. */
export async function expiredAcceptances(db: Kysely<Schema>, now: Date): Promise<string[]> {
  const rows = await db
    .selectFrom("incident")
    .select("id")
    .where("state", "=", "resolved")
    .where("resolution", "=", "wont_fix")
    .where("accepted_until", "<=", now)
    .execute();
  return rows.map(({ id }) => id);
}

export interface Occurrence {
  readonly id: number;
  readonly finding: Finding;
  readonly repository?: string;
  readonly path?: string;
  readonly commit?: string;
  readonly pullRequest?: number;
  readonly pushedBy?: string;
  readonly authors: readonly string[];
  readonly seenAt: string;
}

/** Every place of an incident's credential, oldest first; `finding.locator` leads to the value. */
export async function listOccurrences(db: Kysely<Schema>, id: string): Promise<Occurrence[]> {
  const rows = await db.selectFrom("occurrence").selectAll().where("incident_id", "=", id).orderBy("id").execute();
  return rows.map((row) => ({
    id: row.id,
    finding: row.finding as Finding,
    ...(row.repository === null ? {} : { repository: row.repository }),
    ...(row.path === null ? {} : { path: row.path }),
    ...(row.commit === null ? {} : { commit: row.commit }),
    ...(row.pull_request === null ? {} : { pullRequest: row.pull_request }),
    ...(row.pushed_by === null ? {} : { pushedBy: row.pushed_by }),
    authors: row.authors,
    seenAt: row.seen_at.toISOString(),
  }));
}

/** Names and addresses of git authors are not needed here: accounts stand in `authors`, where they can be erased. */
export function withoutAuthor(finding: Finding): Finding {
  const { author: _, ...location } = finding.location;
  return { ...finding, location };
}

export function readTimeline(db: Kysely<Schema>, id: string): Promise<Recorded<IncidentEvent>[]> {
  return readEvents<IncidentEvent>(db, id);
}

/** An incident that is known under an older fingerprint key is from now on known under the newest: nothing that was decided is lost. */
async function takeOverAlias(trx: Transaction<Schema>, tenant: string, credential: string, finding: Finding): Promise<void> {
  const older = (finding.aliases ?? []).map((fingerprint) => credentialKey({ fingerprint, subject: finding.subject }));
  if (older.length === 0) return;
  await sql`update incident set credential = ${credential}, fingerprint = ${finding.fingerprint}
    where tenant = ${tenant} and credential in (${sql.join(older)})
      and not exists (select 1 from incident newer where newer.tenant = ${tenant} and newer.credential = ${credential})`.execute(trx);
}

/** Undefined = another one has this credential. Ids grow by a character after some collisions. */
async function insertIncident(trx: Transaction<Schema>, tenant: string, credential: string, sighted: Sighted): Promise<string | undefined> {
  const { finding } = sighted;
  return insertNew(trx, tenant, credential, {
    fingerprint: finding.fingerprint,
    subject: finding.subject ?? null,
    detector: finding.detector,
    title: finding.title,
    severity: sighted.severity ?? finding.severity,
    repository: sighted.repository ?? null,
    source: sighted.source ?? null,
    pre_existing: sighted.preExisting,
    exposed_at: sighted.exposedAt,
  });
}

/** Undefined = there is one of this tenant and key. */
export async function insertNew(
  trx: Transaction<Schema>,
  tenant: string,
  credential: string,
  facts: Pick<
    Insertable<Schema["incident"]>,
    "fingerprint" | "subject" | "detector" | "title" | "severity" | "repository" | "pre_existing" | "exposed_at" | "kind" | "source"
  >,
): Promise<string | undefined> {
  for (let attempt = 0; attempt < 30; attempt++) {
    const id = incidentId(randomBytes(8), 4 + Math.min(2, Math.floor(attempt / 5)));
    if ((await getIncident(trx, id)) !== undefined) continue;
    const row = await trx
      .insertInto("incident")
      .values({
        id,
        tenant,
        credential,
        ...facts,
        state: "open",
        validity: "unknown",
        detected_at: sql<Date>`clock_timestamp()`,
        seq: 0,
        body: "{}",
      })
      .onConflict((conflict) => conflict.doNothing())
      .returning("id")
      .executeTakeFirst();
    if (row !== undefined) return id;
    const taken = await trx
      .selectFrom("incident")
      .select("id")
      .where("tenant", "=", tenant)
      .where("credential", "=", credential)
      .executeTakeFirst();
    if (taken !== undefined) return undefined;
  }
  throw new Error("no free incident id was found in 30 tries");
}

async function insertOccurrence(trx: Transaction<Schema>, id: string, sighted: Sighted): Promise<boolean> {
  const { finding } = sighted;
  const { locator, location } = finding;
  const place = [
    locator.source,
    sighted.repository ?? locator.repository ?? "",
    locator.blob ?? locator.node ?? "",
    location.path ?? "",
    locator.member ?? "",
    location.commit ?? "",
    sighted.pullRequest ?? "",
    locator.byteStart,
    locator.byteEnd,
  ];
  const row = await trx
    .insertInto("occurrence")
    .values({
      incident_id: id,
      place: createHash("sha256").update(JSON.stringify(place)).digest("hex"),
      finding_id: finding.id,
      repository: sighted.repository ?? locator.repository ?? null,
      path: location.path === undefined ? null : storable(location.path),
      commit: location.commit ?? null,
      pull_request: sighted.pullRequest ?? null,
      pushed_by: sighted.pushedBy ?? null,
      authors: json(sighted.authors ?? []),
      location: json(withoutAuthor(finding).location),
      locator: json(locator),
      finding: json(withoutAuthor(finding)),
      exposed_at: sighted.exposedAt,
    })
    .onConflict((conflict) => conflict.columns(["incident_id", "place"]).doNothing())
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

function openedEvent({ finding, exposedAt, preExisting, severity, repository, cause }: Sighted): IncidentEvent {
  const { fingerprint, subject, detector, title } = finding;
  return {
    type: "opened",
    credential: { fingerprint, ...(subject === undefined ? {} : { subject }), detector, title },
    severity: severity ?? finding.severity,
    exposedAt,
    preExisting,
    ...(repository === undefined ? {} : { repository }),
    ...(cause === undefined ? {} : { cause }),
  };
}

function occurrenceEvent({ finding, pullRequest, pushedBy }: Sighted): IncidentEvent {
  const { path, startLine, kind, commit } = finding.location;
  return {
    type: "occurrence-added",
    place: path === undefined ? kind : `${storable(path.slice(0, 1000))}:${startLine}`,
    ...(commit === undefined ? {} : { commit }),
    ...(pullRequest === undefined ? {} : { pullRequest }),
    ...(pushedBy === undefined ? {} : { pushedBy }),
  };
}
