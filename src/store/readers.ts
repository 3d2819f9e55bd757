import { type Kysely, sql } from "kysely";
import type { Graph } from "../identity/graph.ts";
import type { IncidentEvent, Recorded } from "../incident/event.ts";
import type { Incident, ListedIncident } from "../incident/fold.ts";
import { recentEvents } from "./events.ts";
import { latestPlan, listReceipts, type Receipt } from "./evidence.ts";
import { incidentIndex } from "./incident-index.ts";
import { getIncident, listOccurrences, type Occurrence, readTimeline } from "./incidents.ts";
import { inventoryWith } from "./inventory.ts";
import { type HeldBack, heldBack } from "./runtime-events.ts";
import { type Seen, seenAs } from "./runtime-seen.ts";
import type { Schema } from "./schema.ts";

/** What pages and API read, over the database: hand it to `createWeb` as `readers`. */
export interface StoreReaders {
  incidents(): Promise<readonly ListedIncident[]>;
  incident(id: string): Promise<Incident | undefined>;
  timeline(id: string): Promise<readonly Recorded<IncidentEvent>[]>;
  occurrences(id: string): Promise<readonly Occurrence[]>;
  receipts(id: string): Promise<readonly (Receipt & { at: string })[]>;
  plan(id: string): Promise<{ hash: string; playbook: string; body: unknown } | undefined>;
  effects(run: string): Promise<readonly { key: string; state: string; destroy: boolean; at: string }[]>;
  events(page: {
    before?: Pick<Recorded<IncidentEvent>, "at" | "stream" | "seq"> | undefined;
    limit: number;
  }): Promise<readonly (Recorded<IncidentEvent> & { hash: string })[]>;
  identity(id: string): Promise<{ repository: string; graph: Graph } | undefined>;
  seen(names: readonly string[]): Promise<readonly Seen[]>;
  heldBack(): Promise<readonly HeldBack[]>;
  ready(): Promise<void>;
}

/** `tenant` limits the lists; without it all tenants are shown. */
export function storeReaders(db: Kysely<Schema>, tenant?: string): StoreReaders {
  const index = incidentIndex(db, tenant);
  return {
    incidents: () => index.all(),
    incident: (id) => getIncident(db, id),
    timeline: (id) => readTimeline(db, id),
    occurrences: (id) => listOccurrences(db, id),
    receipts: (id) => listReceipts(db, id),
    plan: (id) => latestPlan(db, id),
    async effects(run) {
      const { rows } = await sql<{ key: string; state: string; destroy: boolean; at: Date }>`
        select key, state, destroy, at from rotation_effect where run = ${run} order by at, key`.execute(db);
      return rows.map((row) => ({ ...row, at: row.at.toISOString() }));
    },
    events: (page) => recentEvents<IncidentEvent>(db, page),
    async identity(id) {
      const found = await inventoryWith(db, id);
      return found === undefined
        ? undefined
        : { repository: found.repository, graph: { ...(found.graph as Graph), declared: undefined, problems: [] } };
    },
    seen: (names) => seenAs(db, names),
    heldBack: () => heldBack(db, new Date(Date.now() - 7 * 86_400_000)),
    async ready() {
      await sql`select 1`.execute(db);
    },
  };
}
