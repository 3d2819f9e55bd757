import { type Kysely, sql } from "kysely";
import { mostAttempts } from "./outbox.ts";
import type { Schema } from "./schema.ts";

/** What the server itself has to do, for those who run it. */
export interface ServerState {
  /** Webhooks that no worker has handled yet. */
  readonly deliveriesWaiting: number;
  /** Seconds that the oldest of them has waited. */
  readonly deliveriesOldest: number;
  readonly jobsWaiting: number;
  /** Jobs that were tried as often as allowed. */
  readonly jobsFailed: number;
  readonly checksWaiting: number;
  readonly messagesWaiting: number;
  readonly messagesGivenUp: number;
  readonly rotationsRunning: number;
  readonly rotationsHeld: number;
  readonly rotationsWaiting: number;
}

export async function serverState(db: Kysely<Schema>): Promise<ServerState> {
  const { rows } = await sql<ServerState>`select
    (select count(*)::int from delivery where handled_at is null) as "deliveriesWaiting",
    (select coalesce(extract(epoch from clock_timestamp() - min(received_at)), 0)::float8 from delivery where handled_at is null) as "deliveriesOldest",
    (select count(*)::int from pgboss.job where state in ('created', 'retry') and start_after <= now()) as "jobsWaiting",
    (select count(*)::int from pgboss.job where state = 'failed') as "jobsFailed",
    (select count(*)::int from pull_request where pending_since is not null and state = 'open') as "checksWaiting",
    (select count(*)::int from outbox where applied_hash is distinct from desired_hash and attempts < ${mostAttempts}) as "messagesWaiting",
    (select count(*)::int from outbox where applied_hash is distinct from desired_hash and attempts >= ${mostAttempts}) as "messagesGivenUp",
    (select count(*)::int from rotation_run where state = 'running') as "rotationsRunning",
    (select count(*)::int from rotation_run where state = 'held') as "rotationsHeld",
    (select count(*)::int from rotation_request) as "rotationsWaiting"`.execute(db);
  const [state] = rows;
  if (state === undefined) throw new Error("the database gave no answer about its own state");
  return state;
}
