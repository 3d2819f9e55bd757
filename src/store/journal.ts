import { type Kysely, sql, type Transaction } from "kysely";
import type { Plan } from "../playbook/plan.ts";
import type { Schema } from "./schema.ts";

/** The rotation journal of src/rotation/journal.ts on SQL: it satisfies that interface, and `fenced` makes its error. */
export function sqlJournal(db: Kysely<Schema>, fenced: (message: string) => Error) {
  type Trx = Transaction<Schema>;
  interface Lease {
    readonly run: string;
    readonly epoch: number;
  }

  /** Holds the run's row until the transaction ends: nobody can take the lease over while an intent is being written. */
  async function fence(trx: Trx, { run, epoch }: Lease, inTime: boolean): Promise<void> {
    const { rows } = await sql<{ epoch: number; live: boolean }>`
      select epoch, coalesce(clock_timestamp() < lease_until, false) as live from rotation_run where id = ${run} for update`.execute(trx);
    const [row] = rows;
    if (row === undefined || row.epoch !== epoch) throw fenced(`lease ${epoch} of ${run} was taken over`);
    if (inTime && !row.live) throw fenced(`lease ${epoch} of ${run} has run out`);
  }

  return {
    /** The decision of `admit` and the new row are one transaction, one after the other for all workers. */
    async create<L>(
      run: { id: string; incident: string; credential: string; plan: Plan; breakGlass?: boolean },
      admit?: (situation: Situation) => L | undefined,
    ): Promise<{ state: "created" } | { state: "open" } | { state: "limited"; limit: L }> {
      const { id, incident, credential, plan, breakGlass = false } = run;
      return db.transaction().execute(async (trx) => {
        if (admit !== undefined) {
          await sql`select pg_advisory_xact_lock(73209114)`.execute(trx);
          const limit = admit(await situationOf(trx));
          if (limit !== undefined) return { state: "limited", limit };
        }
        const { rows } = await sql`
          insert into rotation_run (id, incident_id, credential, plan, break_glass)
          values (${id}, ${incident}, ${credential}, ${JSON.stringify(plan)}::jsonb, ${breakGlass})
          on conflict (credential) where state in ('running', 'held') do nothing returning id`.execute(trx);
        return { state: rows.length === 1 ? "created" : "open" };
      });
    },

    async get(id: string) {
      const { rows } = await sql<RunRow>`select * from rotation_run where id = ${id}`.execute(db);
      return rows[0] === undefined ? undefined : runOf(rows[0]);
    },

    /** Newest first. */
    async ofIncident(incident: string) {
      const { rows } =
        await sql<RunRow>`select * from rotation_run where incident_id = ${incident} order by started_at desc limit 20`.execute(db);
      return rows.map(runOf);
    },

    async endedSince(milliseconds: number) {
      const { rows } = await sql<RunRow>`
        select * from rotation_run where state in ('done', 'undone', 'failed')
          and ended_at > clock_timestamp() - make_interval(secs => ${milliseconds / 1000}::float8) order by ended_at desc limit 1000`.execute(
        db,
      );
      return rows.map(runOf);
    },

    async open() {
      const { rows } = await sql<RunRow>`select * from rotation_run where state = 'running' order by started_at`.execute(db);
      return rows.map(runOf);
    },

    /** Whether somebody paused all rotations. */
    async paused() {
      const { rows } = await sql<{ reason: string }>`select reason from rotation_pause`.execute(db);
      return rows.length > 0;
    },

    async claim(run: string, { ttl, grace }: { ttl: number; grace: number }): Promise<Lease | undefined> {
      const { rows } = await sql<{ epoch: number }>`
        update rotation_run set epoch = epoch + 1, lease_until = clock_timestamp() + make_interval(secs => ${ttl / 1000}::float8)
        where id = ${run} and (lease_until is null or clock_timestamp() > lease_until + make_interval(secs => ${grace / 1000}::float8))
        returning epoch`.execute(db);
      return rows[0] === undefined ? undefined : { run, epoch: rows[0].epoch };
    },

    async renew(lease: Lease, ttl: number) {
      await db.transaction().execute(async (trx) => {
        await fence(trx, lease, true);
        await sql`update rotation_run set lease_until = clock_timestamp() + make_interval(secs => ${ttl / 1000}::float8) where id = ${lease.run}`.execute(
          trx,
        );
      });
    },

    async effects(run: string) {
      const { rows } = await sql<{ key: string; state: EffectState; destroy: boolean; result: { value?: unknown } | null }>`
        select key, state, destroy, result from rotation_effect where run = ${run} order by at`.execute(db);
      return rows.map(({ key, state, destroy, result }) => ({ key, state, destroy, ...(result === null ? {} : { result: result.value }) }));
    },

    async intend(lease: Lease, { key, destroy }: { key: string; destroy: boolean }) {
      await db.transaction().execute(async (trx) => {
        await fence(trx, lease, true);
        await sql`insert into rotation_effect (run, key, state, destroy, epoch) values (${lease.run}, ${key}, 'intended', ${destroy}, ${lease.epoch})
          on conflict (run, key) do update set state = 'intended', epoch = excluded.epoch`.execute(trx);
      });
    },

    async send(lease: Lease, key: string) {
      await db.transaction().execute(async (trx) => {
        await fence(trx, lease, true);
        await sql`update rotation_effect set state = 'sent' where run = ${lease.run} and key = ${key}`.execute(trx);
      });
    },

    async settle(lease: Lease, key: string, state: "confirmed" | "unknown" | "undone", result?: unknown) {
      await db.transaction().execute(async (trx) => {
        await fence(trx, lease, false);
        // without a result the earlier one stays: an undone promotion still tells which version it was
        const kept = result === undefined ? sql`result` : sql`${JSON.stringify({ value: result })}::jsonb`;
        await sql`update rotation_effect set state = ${state}, result = ${kept} where run = ${lease.run} and key = ${key}`.execute(trx);
      });
    },

    async finish(lease: Lease, state: Exclude<State, "running">, why?: { code: string; message: string }) {
      await db.transaction().execute(async (trx) => {
        await fence(trx, lease, false);
        await sql`update rotation_run set state = ${state}, code = ${why?.code ?? null}, message = ${why?.message ?? null}, lease_until = null,
          ended_at = clock_timestamp(), holds = holds + ${state === "held" ? 1 : 0} where id = ${lease.run}`.execute(trx);
      });
    },

    /** A held run goes on from where it stopped. */
    async reopen(run: string) {
      await sql`update rotation_run set state = 'running', code = null, message = null, lease_until = null where id = ${run} and state = 'held'`.execute(
        db,
      );
    },

    /** Also a run that only disabled, and is done, can be taken back. */
    async cancel(run: string) {
      await sql`
        update rotation_run set cancelled = true, state = 'running', ended_at = null
        where id = ${run} and (state in ('running', 'held') or (state = 'done' and not exists (
          select 1 from rotation_effect where rotation_effect.run = rotation_run.id and destroy)))`.execute(db);
    },

    async now() {
      const { rows } = await sql<{ now: number }>`select (extract(epoch from clock_timestamp()) * 1000)::float8 as now`.execute(db);
      return rows[0]?.now ?? Number.NaN;
    },
  };
}

type EffectState = "intended" | "sent" | "confirmed" | "unknown" | "undone";

interface RunRow {
  readonly id: string;
  readonly incident_id: string;
  readonly credential: string;
  readonly plan: Plan;
  readonly state: "running" | "held" | "done" | "undone" | "failed";
  readonly code: string | null;
  readonly message: string | null;
  readonly cancelled: boolean;
  readonly started_at: Date;
  readonly break_glass: boolean;
  readonly ended_at: Date | null;
}

/** What decides whether another run may start now. Times are milliseconds since the epoch. */
export interface Situation {
  readonly now: number;
  readonly paused?: { readonly by: string; readonly reason: string };
  /** Runs that started or ended within a day. */
  readonly recent: readonly {
    readonly driver: string;
    readonly identity?: string;
    readonly state: State;
    readonly code?: string;
    readonly startedAt: number;
    readonly endedAt?: number;
  }[];
}

type State = "running" | "held" | "done" | "undone" | "failed";

async function situationOf(trx: Transaction<Schema>): Promise<Situation> {
  const { rows } = await sql<{
    now: number;
    driver: string;
    identity: string | null;
    state: State;
    code: string | null;
    started: number;
    ended: number | null;
  }>`
    select plan ->> 'driver' as driver, plan -> 'facts' -> 'identity' ->> 'id' as identity, state, code,
      (extract(epoch from started_at) * 1000)::float8 as started, (extract(epoch from ended_at) * 1000)::float8 as ended
    from rotation_run where greatest(started_at, ended_at) > clock_timestamp() - interval '1 day' and incident_id not like 'rehearsal-%'`.execute(
    trx,
  );
  const { rows: paused } = await sql<{ by: string; reason: string }>`select by, reason from rotation_pause`.execute(trx);
  const { rows: clock } = await sql<{ now: number }>`select (extract(epoch from clock_timestamp()) * 1000)::float8 as now`.execute(trx);
  return {
    now: clock[0]?.now ?? 0,
    ...(paused[0] === undefined ? {} : { paused: paused[0] }),
    recent: rows.map(({ driver, identity, state, code, started, ended }) => ({
      driver,
      state,
      startedAt: started,
      ...(identity === null ? {} : { identity }),
      ...(code === null ? {} : { code }),
      ...(ended === null ? {} : { endedAt: ended }),
    })),
  };
}

function runOf(row: RunRow) {
  return {
    id: row.id,
    incident: row.incident_id,
    credential: row.credential,
    plan: row.plan,
    state: row.state,
    ...(row.code === null ? {} : { code: row.code }),
    ...(row.message === null ? {} : { message: row.message }),
    startedAt: row.started_at,
    breakGlass: row.break_glass,
    ...(row.ended_at === null ? {} : { endedAt: row.ended_at }),
    cancelled: row.cancelled,
  };
}
