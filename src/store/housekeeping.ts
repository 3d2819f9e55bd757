import { type Kysely, sql } from "kysely";
import { describeError, type Log } from "../log.ts";
import { dropOldSessions } from "./access.ts";
import { writeCheckpoint } from "./events.ts";
import { expiredAcceptances, recordEvents } from "./incidents.ts";
import { dropOldReports } from "./runtime-events.ts";
import type { Schema } from "./schema.ts";

const day = 86_400_000;

/**
 * What has to be done from time to time, by any replica: reopen accepted risks whose date has passed, chain a checkpoint,
 * remove deliveries and consumer reports that nothing reads any more (30 days; runtime reports 90). Returns the incidents that were reopened.
 */
export async function housekeep(db: Kysely<Schema>, now = new Date()): Promise<string[]> {
  const reopened: string[] = [];
  for (const id of await expiredAcceptances(db, now)) {
    await db.transaction().execute(async (trx) => {
      const still = await trx
        .selectFrom("incident")
        .select("id")
        .where("id", "=", id)
        .where("resolution", "=", "wont_fix")
        .forUpdate()
        .executeTakeFirst();
      if (still === undefined) return;
      await recordEvents(trx, id, [{ type: "acceptance-expired" }]);
      reopened.push(id);
    });
  }
  await writeCheckpoint(db);
  const old = new Date(now.getTime() - 30 * day);
  await db.deleteFrom("delivery").where("handled_at", "<", old).execute();
  await dropOldSessions(db, day);
  await dropOldReports(db, new Date(now.getTime() - 90 * day));
  // The last report of a consumer about a place says what it uses, however old it is.
  await sql`
    delete from consumer_report where at < ${old} and exists (
      select 1 from consumer_report newer
      where newer.name = consumer_report.name and newer.connection = consumer_report.connection
        and newer.path = consumer_report.path and newer.id > consumer_report.id)`.execute(db);
  return reopened;
}

/** Runs it every `every` milliseconds (default 10 min) until `stop`. `onReopened` hears of each incident that is open again. */
export function startHousekeeping(
  db: Kysely<Schema>,
  options: { log: Log; every?: number; onReopened?: (incident: string) => Promise<void> },
): { stop(): Promise<void> } {
  const { log, every = 600_000, onReopened } = options;
  let running = Promise.resolve();
  const timer = setInterval(() => {
    running = running.then(async () => {
      try {
        for (const id of await housekeep(db)) await onReopened?.(id);
      } catch (error) {
        log.warn({ error: describeError(error) }, "housekeeping of the database failed and is tried again later");
      }
    });
  }, every);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
