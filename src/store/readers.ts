import { type Kysely, sql } from "kysely";
import type { IncidentEvent, Recorded } from "../incident/event.ts";
import type { Incident } from "../incident/fold.ts";
import { latestPlan, listReceipts, type Receipt } from "./evidence.ts";
import { getIncident, listIncidents, listOccurrences, type Occurrence, readTimeline } from "./incidents.ts";
import type { Schema } from "./schema.ts";

/** What pages and API read, over the database: hand it to `createWeb` as `readers`. */
export interface StoreReaders {
  incidents(filter: { state?: "open" | "resolved"; limit: number }): Promise<readonly Incident[]>;
  incident(id: string): Promise<Incident | undefined>;
  timeline(id: string): Promise<readonly Recorded<IncidentEvent>[]>;
  occurrences(id: string): Promise<readonly Occurrence[]>;
  receipts(id: string): Promise<readonly (Receipt & { at: string })[]>;
  plan(id: string): Promise<{ hash: string; playbook: string; body: unknown } | undefined>;
  ready(): Promise<void>;
}

/** `tenant` limits the lists; without it all tenants are shown. */
export function storeReaders(db: Kysely<Schema>, tenant?: string): StoreReaders {
  return {
    incidents: (filter) => listIncidents(db, { ...filter, ...(tenant === undefined ? {} : { tenant }) }),
    incident: (id) => getIncident(db, id),
    timeline: (id) => readTimeline(db, id),
    occurrences: (id) => listOccurrences(db, id),
    receipts: (id) => listReceipts(db, id),
    plan: (id) => latestPlan(db, id),
    async ready() {
      await sql`select 1`.execute(db);
    },
  };
}
