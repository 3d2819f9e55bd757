import { type Kysely, sql } from "kysely";
import type { RuntimeHints } from "../incident/runtime.ts";
import { storable } from "./json.ts";
import type { Schema } from "./schema.ts";

/** A name under which a source saw somebody at work. */
export interface Seen {
  readonly source: string;
  readonly kind: "agent" | "agent-id" | "service" | "key";
  readonly name: string;
  readonly model?: string;
  readonly calls: number;
  /** ISO 8601 UTC. */
  readonly firstAt: string;
  readonly lastAt: string;
}

/** Names that one source may have; further ones are not kept, so that a source that makes them up fills no database. */
const mostNames = 5000;

/** Notes names, times and models; nothing of what was said. */
export async function noteSeen(
  db: Kysely<Schema>,
  sightings: readonly { source: string; hints: RuntimeHints; model?: string }[],
): Promise<void> {
  const rows = new Map<string, { source: string; kind: Seen["kind"]; name: string; model: string | null; calls: number }>();
  for (const { source, hints, model } of sightings.slice(0, 1000)) {
    for (const { kind, name } of namesOf(hints)) {
      const key = JSON.stringify([source, kind, name]);
      const before = rows.get(key)?.calls ?? 0;
      rows.set(key, { source, kind, name: storable(name), model: model === undefined ? null : storable(model), calls: before + 1 });
    }
  }
  if (rows.size === 0) return;
  for (const row of rows.values())
    await sql`insert into runtime_seen (source, kind, name, model, calls)
      select ${row.source}, ${row.kind}, ${row.name}, ${row.model}, ${row.calls}
      where exists (select 1 from runtime_seen where source = ${row.source} and kind = ${row.kind} and name = ${row.name})
        or (select count(*) from runtime_seen where source = ${row.source}) < ${mostNames}
      on conflict (source, kind, name) do update
        set calls = runtime_seen.calls + excluded.calls, model = coalesce(excluded.model, runtime_seen.model), last_at = clock_timestamp()`.execute(
      db,
    );
}

/** The names that hints give, strongest kind first. */
export function namesOf({ agent, agentId, service, keyAlias }: RuntimeHints): { kind: Seen["kind"]; name: string }[] {
  const all = [
    { kind: "agent", name: agent },
    { kind: "agent-id", name: agentId },
    { kind: "service", name: service },
    { kind: "key", name: keyAlias },
  ] as const;
  return all.flatMap(({ kind, name }) => (name === undefined || name === "" ? [] : [{ kind, name: name.slice(0, 200) }]));
}

/** Who was seen under one of these names, the latest first. */
export async function seenAs(db: Kysely<Schema>, names: readonly string[]): Promise<Seen[]> {
  if (names.length === 0) return [];
  const rows = await db
    .selectFrom("runtime_seen")
    .select(["source", "kind", "name", "model", sql<number>`calls::int`.as("calls"), "first_at", "last_at"])
    .where("name", "in", [...names])
    .orderBy("last_at", "desc")
    .limit(50)
    .execute();
  return rows.map(({ source, kind, name, model, calls, first_at, last_at }) => ({
    source,
    kind: kind as Seen["kind"],
    name,
    ...(model === null ? {} : { model }),
    calls,
    firstAt: first_at.toISOString(),
    lastAt: last_at.toISOString(),
  }));
}

/** What each source told since: the names that it saw at work, and whether it reported a runtime event. */
export async function toldBy(
  db: Kysely<Schema>,
  since: Date,
): Promise<ReadonlyMap<string, { names: ReadonlySet<string>; events: boolean }>> {
  const [seen, sources] = await Promise.all([
    db.selectFrom("runtime_seen").select(["source", "name"]).where("last_at", ">=", since).distinct().execute(),
    db.selectFrom("runtime_source").select("source").where("last_event_at", ">=", since).execute(),
  ]);
  const names = Map.groupBy(seen, ({ source }) => source);
  const events = new Set(sources.map(({ source }) => source));
  return new Map(
    [...new Set([...names.keys(), ...events])].map((source) => [
      source,
      { names: new Set((names.get(source) ?? []).map(({ name }) => name.toLowerCase())), events: events.has(source) },
    ]),
  );
}
