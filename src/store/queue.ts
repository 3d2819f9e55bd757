import { randomUUID } from "node:crypto";
import { sql, type Transaction } from "kysely";
import { fromKysely, type JobResult, type JobWithMetadata, PgBoss } from "pg-boss";
import { HoldError, RefusedError, RetryError, UnknownOutcomeError, UsageError } from "../errors.ts";
import { describeError, type Log, silentLog } from "../log.ts";
import type { Database } from "./database.ts";
import { queueDatabase } from "./queue-database.ts";
import type { Schema } from "./schema.ts";

export interface EnqueueOptions {
  /** Enqueue in this transaction: the job exists exactly if the transaction commits. */
  readonly trx?: Transaction<Schema>;
  /**
   * Jobs of one key run one at a time, and while one waits to run, another of the same key is dropped. So the job's data
   * must follow from its key: what may differ belongs in a table that the handler reads.
   */
  readonly singletonKey?: string;
  /** Not before: a Date, or seconds from now. A deferred job never swallows one that is due now. */
  readonly startAfter?: Date | number;
  /** Tries after the first; default 20, with growing pauses of 1 s to 5 min (about 70 minutes in all). */
  readonly retryLimit?: number;
}

export interface Job<T> {
  readonly id: string;
  readonly data: T;
}

export interface Queue {
  /** Returns the job's id, or undefined if a waiting job with the same key stands for it. */
  enqueue(name: string, data: object, options?: EnqueueOptions): Promise<string | undefined>;
  /**
   * Runs `handler` for each job. A thrown HoldError, RefusedError or UsageError ends the job at once in the dead letter queue;
   * anything else is tried again, a RetryError not before its `afterMs`. A job may run twice (at least once is the promise).
   * What is stored of an error is its code and a fixed sentence.
   */
  work<T extends object>(name: string, handler: (job: Job<T>) => Promise<void>, options?: { concurrency?: number }): Promise<void>;
  /** What could not be done, newest first. */
  deadLetters(limit?: number): Promise<DeadLetter[]>;
  /** Waits up to `timeout` milliseconds (default 30 000) for running handlers, then stops. */
  close(timeout?: number): Promise<void>;
}

export interface DeadLetter {
  readonly id: string;
  readonly queue: string;
  readonly data: unknown;
  readonly error: unknown;
  readonly at: Date;
}

const deadLetterQueue = "dead-letter";

/**
 * The job queue in the database that `openDatabase` opened: pg-boss, with wake-ups by NOTIFY on both kinds. `queues` names
 * those that are enqueued to inside transactions (what `work` was called for is known by itself).
 */
export async function openQueue(database: Database, options: { log?: Log; queues?: readonly string[] } = {}): Promise<Queue> {
  const log = options.log ?? silentLog;
  const embedded = database.kind === "embedded";
  const boss = new PgBoss({
    ...(embedded
      ? { db: queueDatabase(database.session), backend: "pglite" as const }
      : { connectionString: database.url.reveal(), max: 5 }),
    application_name: "rekey",
    useListenNotify: true,
    supervise: true,
    schedule: false,
    superviseIntervalSeconds: 5,
    monitorIntervalSeconds: 5,
    persistQueueStats: false,
    // On the single session of the embedded database there is no other writer whose statistics would matter.
    reindex: !embedded,
    monitorVacuum: !embedded,
  });
  boss.on("error", (error) => log.error({ error: describeError(error) }, "the job queue had a failure"));
  await boss.start();
  await boss.createQueue(deadLetterQueue, { retentionSeconds: 30 * 86_400 });
  // The lock proves that this process alone works here, so whatever still counts as running belongs to one that ended.
  if (embedded) await releaseOrphans(boss, database, log);

  const known = new Map<string, Promise<void>>();
  const ensure = (name: string): Promise<void> => {
    const made =
      known.get(name) ??
      boss.createQueue(name, {
        policy: "short",
        notify: true,
        deadLetter: deadLetterQueue,
        retryLimit: 20,
        retryDelay: 1,
        retryBackoff: true,
        retryDelayMax: 300,
        expireInSeconds: 6 * 3600,
        // A worker that ended without a word is noticed by its missing heartbeat; pg-boss takes no less than 10 s.
        ...(embedded ? {} : { heartbeatSeconds: 10 }),
      });
    known.set(name, made);
    made.catch(() => known.delete(name));
    return made;
  };

  for (const name of options.queues ?? []) await ensure(name);

  return {
    async enqueue(name, data, { trx, singletonKey, startAfter, retryLimit } = {}) {
      // Making a queue needs the session that an embedded transaction holds.
      if (trx !== undefined && embedded && !known.has(name)) {
        throw new Error(`the queue '${name}' is not known yet; name it in openQueue's option 'queues' to enqueue in a transaction`);
      }
      await ensure(name);
      const due =
        startAfter === undefined ? undefined : typeof startAfter === "number" ? new Date(Date.now() + startAfter * 1000) : startAfter;
      const later = due !== undefined && due.getTime() > Date.now();
      const key = singletonKey ?? randomUUID();
      const id = await boss.send(name, data, {
        singletonKey: later ? deferredKey(key, due) : key,
        ...(singletonKey === undefined ? {} : { group: { id: singletonKey } }),
        ...(due === undefined ? {} : { startAfter: due }),
        ...(retryLimit === undefined ? {} : { retryLimit }),
        ...(trx === undefined ? {} : { db: fromKysely(trx) }),
      });
      return id ?? undefined;
    },

    async work<T extends object>(name: string, handler: (job: Job<T>) => Promise<void>, { concurrency = 1 } = {}) {
      await ensure(name);
      for (let worker = 0; worker < concurrency; worker++) {
        let id = "";
        id = await boss.work(
          name,
          {
            perJobResults: true,
            includeMetadata: true,
            batchSize: 1,
            groupConcurrency: 1,
            pollingIntervalSeconds: 0.5,
            // Retries and deferred jobs raise no NOTIFY, so polling stays short (pg-boss 12.38).
            notifyPollingIntervalSeconds: embedded ? 0.5 : 1,
          },
          async (jobs: JobWithMetadata<T>[]) => {
            // Where one job was, more may be: look again at once when it is done, not after the polling interval.
            boss.notifyWorker(id);
            return Promise.all(jobs.map((job) => attempt(boss, job, handler, log)));
          },
        );
      }
    },

    async deadLetters(limit = 100) {
      const jobs = await boss.findJobs<object>(deadLetterQueue, { limit });
      return jobs
        .map((job) => ({ id: job.id, queue: job.sourceName ?? "", data: job.data, error: job.sourceOutput, at: job.createdOn }))
        .toReversed();
    },

    async close(timeout = 30_000) {
      await boss.stop({ graceful: true, timeout });
    },
  };
}

/** Gives back what a process left running when it ended, to be tried again now and not after its time-out. */
async function releaseOrphans(boss: PgBoss, { db }: Database, log: Log): Promise<void> {
  const { rows } = await sql<{ id: string; name: string }>`select id, name from pgboss.job where state = 'active'`.execute(db);
  for (const { id, name } of rows) {
    await boss.fail(name, id, { code: "process-ended", message: "the process that ran this job ended" });
    await sql`update pgboss.job set start_after = now() where id = ${id} and state = 'retry'`.execute(db);
  }
  if (rows.length > 0) log.warn({ jobs: rows.length }, "jobs of a process that ended are tried again");
}

async function attempt<T extends object>(
  boss: PgBoss,
  job: JobWithMetadata<T>,
  handler: (job: Job<T>) => Promise<void>,
  log: Log,
): Promise<JobResult> {
  const { id, name, data } = job;
  try {
    await handler({ id, data });
    return { id, status: "completed" };
  } catch (error) {
    const final = error instanceof HoldError || error instanceof RefusedError || error instanceof UsageError;
    log.warn({ queue: name, job: id, final, error: describeError(error) }, "a job failed");
    if (error instanceof RetryError && error.afterMs !== undefined && job.retryCount < job.retryLimit) {
      await sendLater(boss, job, error.afterMs);
      return { id, status: "completed", output: storedError(error) };
    }
    return { id, status: final ? "deadletter" : "failed", output: storedError(error) };
  }
}

/** pg-boss spaces retries by itself; where the other side said when to come back, a job of its own waits for that moment. */
async function sendLater<T extends object>(boss: PgBoss, job: JobWithMetadata<T>, afterMs: number): Promise<void> {
  const due = new Date(Date.now() + afterMs);
  const { groupId } = job;
  await boss.send(job.name, job.data, {
    singletonKey: deferredKey(groupId ?? randomUUID(), due),
    ...(groupId === null || groupId === undefined ? {} : { group: { id: groupId } }),
    startAfter: due,
    retryLimit: job.retryLimit - job.retryCount - 1,
  });
}

function deferredKey(key: string, due: Date): string {
  return `${key} at ${due.toISOString().slice(0, 19)}`;
}

/** What may be kept of an error: messages can quote what they were given. */
function storedError(error: unknown): { code: string; message: string } {
  if (error instanceof HoldError) return { code: error.code, message: "stopped until a person decides" };
  if (error instanceof RefusedError) return { code: "refused", message: "somebody or something may not do this" };
  if (error instanceof UsageError) return { code: "usage", message: "what was given is not usable" };
  if (error instanceof RetryError) return { code: "retry", message: "it did not work this time" };
  if (error instanceof UnknownOutcomeError) return { code: "unknown-outcome", message: "a call was sent and its outcome is not known" };
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return { code: /^[\w-]{1,40}$/.test(code) ? code : "failure", message: "an unexpected failure" };
}
