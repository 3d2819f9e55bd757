import { type Kysely, sql } from "kysely";
import type { Schema } from "./schema.ts";

/** `asked` = waits for `rekey backfill start`. */
export type BackfillState = "asked" | "waiting" | "running" | "done" | "failed";

export interface BackfillRow {
  readonly repository: string;
  readonly private: boolean;
  readonly state: BackfillState;
  /** GitHub's size of the repository. */
  readonly kilobytes: number;
  readonly seconds?: number;
  /** Credentials in its history. */
  readonly found?: number;
  /** Why it failed or waits: a fixed sentence. */
  readonly problem?: string;
  /** ISO 8601 UTC. */
  readonly notBefore?: string;
}

export interface BackfillStatus {
  readonly paused?: { readonly by: string; readonly at: string };
  /** In the order in which they are looked through. */
  readonly repositories: readonly BackfillRow[];
}

/** Public ones first, then those where something lives already, then those that AI identities stand in, then the small ones. */
const order = sql`repository.private, (exists (select 1 from incident where incident.state = 'open' and incident.validity = 'active'
  and incident.repository = repository.full_name)) desc, (exists (select 1 from inventory where inventory.host = repository.host
  and inventory.repository_id = repository.id and jsonb_array_length(inventory.body -> 'identities') > 0)) desc, backfill.kilobytes, repository.id`;

const known = sql`from backfill join repository on repository.host = backfill.host and repository.id = backfill.repository_id
  left join installation on installation.host = repository.host and installation.id = repository.installation_id`;
const active = sql`coalesce(installation.suspended, false) = false`;

/** A repository that an installation brought. What was begun or done already stays as it is. */
export async function planBackfill(
  db: Kysely<Schema>,
  of: { host: string; repository: number; kilobytes: number; state: "asked" | "waiting" },
): Promise<void> {
  await sql`insert into backfill (host, repository_id, state, kilobytes) values (${of.host}, ${of.repository}, ${of.state}, ${of.kilobytes})
    on conflict (host, repository_id) do update set kilobytes = excluded.kilobytes`.execute(db);
}

export async function backfillStatus(db: Kysely<Schema>): Promise<BackfillStatus> {
  const { rows: pauses } = await sql<{ by: string; at: Date }>`select by, at from backfill_pause`.execute(db);
  const { rows } = await sql<{
    repository: string;
    private: boolean;
    state: BackfillState;
    kilobytes: string;
    seconds: number | null;
    found: number | null;
    problem: string | null;
    not_before: Date | null;
  }>`select repository.full_name as repository, repository.private, backfill.state, backfill.kilobytes, backfill.seconds, backfill.found,
      backfill.problem, backfill.not_before ${known} where ${active} order by ${order}`.execute(db);
  const [pause] = pauses;
  return {
    ...(pause === undefined ? {} : { paused: { by: pause.by, at: pause.at.toISOString() } }),
    repositories: rows.map(({ repository, private: isPrivate, state, kilobytes, seconds, found, problem, not_before }) => ({
      ...{ repository, private: isPrivate, state, kilobytes: Number(kilobytes) },
      ...(seconds === null ? {} : { seconds }),
      ...(found === null ? {} : { found }),
      ...(problem === null ? {} : { problem }),
      ...(not_before === null ? {} : { notBefore: not_before.toISOString() }),
    })),
  };
}

/** What was asked about may begin, what failed is tried again; all, or one repository. Gives how many. */
export async function startBackfill(db: Kysely<Schema>, repository?: string): Promise<number> {
  const { rows } = await sql`update backfill set state = 'waiting', attempts = 0, problem = null, not_before = null
    from repository where repository.host = backfill.host and repository.id = backfill.repository_id
      and backfill.state in ('asked', 'failed') and (${repository ?? null}::text is null or repository.full_name = ${repository ?? null})
    returning repository.id`.execute(db);
  return rows.length;
}

/** False where it was so already. What is being read goes on to its end. */
export async function pauseBackfill(db: Kysely<Schema>, by: string): Promise<boolean> {
  const { rows } = await sql`insert into backfill_pause (by) values (${by}) on conflict do nothing returning by`.execute(db);
  return rows.length > 0;
}

export async function resumeBackfill(db: Kysely<Schema>): Promise<boolean> {
  const { rows } = await sql`delete from backfill_pause returning by`.execute(db);
  return rows.length > 0;
}

/**
 * The next repository for this lane, which works on one at a time: what it had begun when it ended comes first. Undefined where nothing
 * is due, or everything is paused.
 */
export async function claimBackfill(db: Kysely<Schema>, host: string, lane: number): Promise<number | undefined> {
  const { rows } = await sql<{ id: string }>`
    update backfill set state = 'running', lane = ${lane}, started_at = clock_timestamp()
    where (host, repository_id) in (
      select backfill.host, backfill.repository_id ${known}
      where backfill.host = ${host} and ${active} and not exists (select 1 from backfill_pause)
        and ((backfill.state = 'running' and backfill.lane = ${lane})
          or (backfill.state = 'waiting' and (backfill.not_before is null or backfill.not_before <= clock_timestamp())))
      order by (backfill.state = 'running') desc, ${order} limit 1 for update of backfill skip locked)
    returning repository_id as id`.execute(db);
  return rows[0] === undefined ? undefined : Number(rows[0].id);
}

export async function finishBackfill(db: Kysely<Schema>, host: string, repository: number, found: number): Promise<void> {
  await sql`update backfill set state = 'done', found = ${found}, problem = null, finished_at = clock_timestamp(),
    seconds = extract(epoch from clock_timestamp() - started_at) where host = ${host} and repository_id = ${repository}`.execute(db);
}

/** Tried again at that moment; after `most` attempts it has failed. A wait that is nobody's fault is no attempt. */
export async function delayBackfill(
  db: Kysely<Schema>,
  of: { host: string; repository: number; problem: string; until: Date; counts: boolean; most: number },
): Promise<void> {
  const more = of.counts ? 1 : 0;
  await sql`update backfill set attempts = attempts + ${more}, problem = ${of.problem}, not_before = ${of.until},
    state = case when attempts + ${more} >= ${of.most} then 'failed' else 'waiting' end
    where host = ${of.host} and repository_id = ${of.repository}`.execute(db);
}
