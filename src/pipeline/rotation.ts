import { HoldError } from "../errors.ts";
import type { RotationDeps } from "../rotation/deps.ts";
import { FencedError, type Journal } from "../rotation/journal.ts";
import { fingerprint } from "../secret.ts";
import { latestConsumerReports } from "../store/consumers.ts";
import { listReceipts, saveReceipt } from "../store/evidence.ts";
import { getIncident, recordEvents } from "../store/incidents.ts";
import { sqlJournal } from "../store/journal.ts";
import { contextOf, type Rekey } from "./context.ts";
import { quarantineOf, recover } from "./recover.ts";
import { redrawIncident } from "./surfaces.ts";

/** Hands the outside world to the rotation engine. */
export function rotationDeps(rekey: Rekey): RotationDeps {
  const { db } = rekey.database;
  const journal: Journal = sqlJournal(db, (message) => new FencedError(message));
  return {
    journal,
    log: rekey.log,
    driver(type) {
      const driver = rekey.drivers.find(({ manifest }) => manifest.type === type);
      if (driver === undefined) throw new HoldError("driver-unknown", `this Rekey has no driver '${type}'`);
      return driver;
    },
    context: async (connection, driver) => contextOf(rekey, connection, driver),
    async sink(place) {
      const type = rekey.config.connections[place.connection]?.type;
      const sink = type === undefined ? undefined : rekey.sinkFor(type);
      if (sink === undefined)
        throw new HoldError(
          "connection-unknown",
          `'${place.connection}' is not a connection to a secret manager (connections in rekey.yml)`,
        );
      return { sink, context: contextOf(rekey, place.connection) };
    },
    async recover(id) {
      const incident = await getIncident(db, id);
      return incident === undefined ? undefined : recover(rekey, incident);
    },
    ...quarantineOf(rekey),
    async seenAlive(id) {
      return (await listReceipts(db, id)).some(({ subject, answer }) => subject === "old" && answer === "alive");
    },
    fingerprint: (secret) => fingerprint(secret, { tenant: rekey.fingerprintKeys, salts: [] }),
    async reports(consumer, { connection, path }) {
      const all = await latestConsumerReports(db, { connection, path });
      return all.filter(({ name }) => name === consumer).map(({ version, at }) => ({ version, at: Date.parse(at) }));
    },
    async emit(incident, events) {
      await db.transaction().execute((trx) => recordEvents(trx, incident, events));
      await redrawIncident(rekey, incident).catch((error: unknown) =>
        rekey.log.warn(
          { incident, error: error instanceof Error ? error.name : "unknown" },
          "a pull request could not be redrawn; it will be at the next event",
        ),
      );
    },
    async receipt(incident, run, { round, subject, answer, code, via }) {
      await saveReceipt(db, { incident, run, round, subject, answer, code, via, control: "new-credential" });
    },
    sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
    lease: { ttl: 30_000, call: 20_000 },
  };
}
