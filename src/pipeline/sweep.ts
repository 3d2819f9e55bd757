import { connectionType, type Driver } from "../driver.ts";
import { describeError } from "../log.ts";
import { orphansAmong } from "../rotation/orphans.ts";
import { getIncident, recordEvents } from "../store/incidents.ts";
import { contextOf, type Rekey } from "./context.ts";
import { quarantinePlace } from "./recover.ts";
import { rotationDeps } from "./rotation.ts";

/**
 * Removes what runs made and lost: credentials that carry the name of a run of ours and are not in use by it, and staged values of runs
 * that ended. Returns how many credentials it removed. What cannot be reached now is looked at again the next time.
 */
export async function sweep(rekey: Rekey): Promise<number> {
  let removed = 0;
  for (const driver of rekey.drivers) {
    const type = connectionType(driver.manifest);
    for (const [name, connection] of Object.entries(rekey.config.connections)) {
      if (connection.type !== type || driver.list === undefined || driver.issue === undefined) continue;
      removed += await sweepConnection(rekey, driver, name).catch((error: unknown) => {
        rekey.log.warn(
          { connection: name, driver: driver.manifest.type, error: describeError(error) },
          "a connection could not be swept for orphans",
        );
        return 0;
      });
    }
  }
  await dropStaged(rekey);
  await sweepQuarantine(rekey);
  return removed;
}

async function sweepConnection(rekey: Rekey, driver: Driver, connection: string): Promise<number> {
  const context = contextOf(rekey, connection, driver);
  const { journal } = rotationDeps(rekey);
  const records = (await driver.list?.(context, { attributes: {} })) ?? [];
  let removed = 0;
  for (const { record, run, incident } of await orphansAmong(records, journal)) {
    if (driver.revoke === undefined) continue;
    await driver.revoke(context, record, { attributes: record.attributes });
    removed++;
    rekey.log.warn({ connection, record: record.id, run }, "a credential that a run made and lost was removed");
    const { db } = rekey.database;
    if (run === undefined || incident === undefined || (await getIncident(db, incident)) === undefined) continue;
    await db.transaction().execute((trx) => recordEvents(trx, incident, [{ type: "orphan-removed", run, record: record.id }]));
  }
  return removed;
}

async function dropStaged(rekey: Rekey): Promise<void> {
  const deps = rotationDeps(rekey);
  for (const { id, plan } of await deps.journal.endedSince(8 * 86_400_000)) {
    for (const place of plan.facts.sinks.filter(({ lacks = [] }) => !lacks.includes("pending"))) {
      try {
        const { sink, context } = await deps.sink(place);
        await sink.drop(context, place, id);
      } catch (error) {
        rekey.log.warn({ run: id, connection: place.connection, error: describeError(error) }, "a staged value could not be removed yet");
      }
    }
  }
}

/** Leaked values that outlived their time where the store lets nothing expire. */
async function sweepQuarantine(rekey: Rekey): Promise<void> {
  const place = quarantinePlace(rekey);
  try {
    await place?.quarantine.sweep?.(contextOf(rekey, place.connection));
  } catch (error) {
    rekey.log.warn({ connection: place?.connection, error: describeError(error) }, "the quarantine could not be swept");
  }
}
