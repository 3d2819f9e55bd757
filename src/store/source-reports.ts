import { type Kysely, sql } from "kysely";
import { storable } from "./json.ts";
import type { Schema } from "./schema.ts";

/** Whoever holds a source's token chooses the names: no more than these are kept of one source. */
const mostAgents = 10_000;
/** How exact the time of the last report is, milliseconds: not every report is written down. */
const every = 600_000;

/** Writes down that a source told something of an agent, or without a name, at most every ten minutes for each. */
export function sourceNotes(db: Kysely<Schema>): (source: string, agent?: string) => Promise<void> {
  const noted = new Map<string, number>();
  return async (source, agent = "") => {
    const name = storable(agent.slice(0, 200));
    const key = `${source}\0${name}`;
    const now = Date.now();
    if (now - (noted.get(key) ?? 0) < every) return;
    if (noted.size >= mostAgents) noted.clear();
    noted.set(key, now);
    await sql`insert into source_report (source, agent)
      select ${source}, ${name}
      where (select count(*) from source_report where source = ${source}) < ${mostAgents}
        or exists (select 1 from source_report where source = ${source} and agent = ${name})
      on conflict (source, agent) do update set last_at = clock_timestamp()`.execute(db);
  };
}

/** The agents that each source has told of since; an empty name = it told something without one. */
export async function sourceReports(db: Kysely<Schema>, since: Date): Promise<{ source: string; agent: string }[]> {
  const { rows } = await sql<{ source: string; agent: string }>`
    select source, agent from source_report where last_at >= ${since} order by source, agent`.execute(db);
  return rows;
}
