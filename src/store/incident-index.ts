import { type Kysely, sql } from "kysely";
import type { IncidentFacts, ListedIncident } from "../incident/fold.ts";
import type { Schema } from "./schema.ts";

export interface IncidentIndex {
  /** Every incident, oldest detected first, as of now. */
  all(): Promise<readonly ListedIncident[]>;
}

/** So many rows are read at a time: an answer of the database stays small however many incidents there are. */
const batch = 2000;

/**
 * All incidents in memory without their places and approvals (about 1 KB each), so that a page costs what has changed and not what
 * there is. It compares the numbers of the last events, which only grow: no write can be missed, in whatever order they commit.
 */
export function incidentIndex(db: Kysely<Schema>, tenant?: string): IncidentIndex {
  const rows = new Map<string, ListedIncident>();
  let version = "";
  let ordered: readonly ListedIncident[] = [];
  let running: Promise<void> | undefined;

  async function refresh(): Promise<void> {
    const now = await versionOf(db, tenant);
    if (now === version) return;
    const changed = await changedSince(db, tenant, rows);
    for (let at = 0; at < changed.length; at += batch)
      for (const row of await readRows(db, changed.slice(at, at + batch))) rows.set(row.id, row);
    ordered = [...rows.values()].toSorted(byDetection);
    version = now;
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

async function versionOf(db: Kysely<Schema>, tenant: string | undefined): Promise<string> {
  const ofTenant = tenant === undefined ? sql`` : sql`where tenant = ${tenant}`;
  const { rows } = await sql<{
    version: string;
  }>`select count(*) || '/' || coalesce(sum(seq), 0) as version from incident ${ofTenant}`.execute(db);
  return rows[0]?.version ?? "";
}

async function changedSince(db: Kysely<Schema>, tenant: string | undefined, known: ReadonlyMap<string, ListedIncident>): Promise<string[]> {
  let query = db.selectFrom("incident").select(["id", "seq"]);
  if (tenant !== undefined) query = query.where("tenant", "=", tenant);
  return (await query.execute()).filter(({ id, seq }) => known.get(id)?.seq !== seq).map(({ id }) => id);
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
    if (repository !== null) repositories.set(incident_id, [...(repositories.get(incident_id) ?? []), repository]);
  return found.map(({ id, facts }) => ({
    ...facts,
    repositories: [...new Set([...(facts.repository === undefined ? [] : [facts.repository]), ...(repositories.get(id) ?? [])])].toSorted(),
  }));
}

function byDetection(a: ListedIncident, b: ListedIncident): number {
  return a.clock.detected < b.clock.detected ? -1 : a.clock.detected > b.clock.detected ? 1 : a.id < b.id ? -1 : 1;
}
