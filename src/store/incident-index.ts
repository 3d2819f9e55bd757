import { type Kysely, sql } from "kysely";
import type { IncidentFacts, ListedIncident } from "../incident/fold.ts";
import type { Schema } from "./schema.ts";

export interface IncidentIndex {
  /** Every incident, oldest detected first, as of now. */
  all(): Promise<readonly ListedIncident[]>;
}

/** So many rows are read at a time: an answer of the database stays small however many incidents there are. */
const batch = 2000;

/** Events are written in the transaction of their incident; one that began long before the last look may still have committed after it. */
const slack = 10 * 60_000;

/**
 * All incidents in memory without their places and approvals (about 1 KB each), so that a page costs what has changed and not what
 * there is. Recent events say what may have changed; whether that was all is told by the numbers of the last events, which only grow:
 * no write can be missed, in whatever order they commit.
 */
export function incidentIndex(db: Kysely<Schema>, tenant?: string): IncidentIndex {
  const places = new Map<string, number>();
  let ordered: readonly ListedIncident[] = [];
  let version: Version = { count: 0, seqs: 0 };
  let looked = 0;
  let running: Promise<void> | undefined;

  async function refresh(): Promise<void> {
    const now = await versionOf(db, tenant);
    if (same(now, version)) return;
    const since = looked;
    looked = Date.now();
    if (since > 0) await take(await recentlyChanged(db, tenant, new Date(since - slack), known));
    if (!same(now, version)) await take(await changed(db, tenant, known));
  }

  const known = (id: string) => ordered[places.get(id) ?? -1];

  async function take(ids: readonly string[]): Promise<void> {
    const rows: ListedIncident[] = [];
    for (let at = 0; at < ids.length; at += batch) rows.push(...(await readRows(db, ids.slice(at, at + batch))));
    const next = [...ordered];
    for (const row of rows) {
      const place = places.get(row.id);
      if (place === undefined) next.push(row);
      else next[place] = row;
    }
    // when something was detected never changes, so that only new ones need a place
    if (next.length > ordered.length) {
      next.sort(byDetection);
      for (const [place, { id }] of next.entries()) places.set(id, place);
    }
    ordered = next;
    version = { count: next.length, seqs: next.reduce((sum, { seq }) => sum + seq, 0) };
  }

  return {
    async all() {
      running ??= refresh().finally(() => {
        running = undefined;
      });
      await running;
      return ordered;
    },
  };
}

interface Version {
  readonly count: number;
  readonly seqs: number;
}

function same(a: Version, b: Version): boolean {
  return a.count === b.count && a.seqs === b.seqs;
}

async function versionOf(db: Kysely<Schema>, tenant: string | undefined): Promise<Version> {
  const ofTenant = tenant === undefined ? sql`` : sql`where tenant = ${tenant}`;
  const { rows } = await sql<Version>`select count(*)::int as count, coalesce(sum(seq), 0)::int as seqs from incident ${ofTenant}`.execute(
    db,
  );
  return rows[0] ?? { count: 0, seqs: 0 };
}

type Known = (id: string) => ListedIncident | undefined;

async function recentlyChanged(db: Kysely<Schema>, tenant: string | undefined, since: Date, known: Known): Promise<string[]> {
  const streams = await db
    .selectFrom("event")
    .select("stream")
    .distinct()
    .where("at", ">=", since)
    .where("stream", "like", "RK-%")
    .execute();
  const ids = streams.map(({ stream }) => stream);
  return ids.length === 0 ? [] : changed(db, tenant, known, ids);
}

/** Of these, or of all. */
async function changed(db: Kysely<Schema>, tenant: string | undefined, known: Known, ids?: readonly string[]): Promise<string[]> {
  let query = db.selectFrom("incident").select(["id", "seq"]);
  if (tenant !== undefined) query = query.where("tenant", "=", tenant);
  if (ids !== undefined) query = query.where("id", "in", [...ids]);
  return (await query.execute()).filter(({ id, seq }) => known(id)?.seq !== seq).map(({ id }) => id);
}

async function readRows(db: Kysely<Schema>, ids: readonly string[]): Promise<ListedIncident[]> {
  const found = await db
    .selectFrom("incident")
    .select(["id", sql<IncidentFacts>`body - 'occurrences' - 'approvals'`.as("facts")])
    .where("id", "in", [...ids])
    .execute();
  const places = await db
    .selectFrom("occurrence")
    .select(["incident_id", "repository"])
    .distinct()
    .where("incident_id", "in", [...ids])
    .where("repository", "is not", null)
    .execute();
  const repositories = new Map<string, string[]>();
  for (const { incident_id, repository } of places)
    if (repository !== null) repositories.set(incident_id, [...(repositories.get(incident_id) ?? []), one(repository)]);
  return found.map(({ id, facts }) => ({
    ...shared(facts),
    repositories: [...new Set([...(facts.repository === undefined ? [] : [facts.repository]), ...(repositories.get(id) ?? [])])].toSorted(),
  }));
}

/** One string for all that are the same: the names of a few thousand identities, owners and repositories stand in each incident of theirs. */
const names = new Map<string, string>();

function one(name: string): string {
  const known = names.get(name);
  if (known === undefined) names.set(name, name);
  return known ?? name;
}

function shared(facts: IncidentFacts): IncidentFacts {
  const { credential, owner, repository, identities } = facts;
  return {
    ...facts,
    credential: { ...credential, detector: one(credential.detector), title: one(credential.title) },
    ...(owner === undefined ? {} : { owner: one(owner) }),
    ...(repository === undefined ? {} : { repository: one(repository) }),
    identities: identities.map((identity) => ({ ...identity, id: one(identity.id), name: one(identity.name) })),
  };
}

function byDetection(a: ListedIncident, b: ListedIncident): number {
  return a.clock.detected < b.clock.detected ? -1 : a.clock.detected > b.clock.detected ? 1 : a.id < b.id ? -1 : 1;
}
