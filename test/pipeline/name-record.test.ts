import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseServerConfig } from "../../src/config/server.ts";
import type { Driver } from "../../src/driver.ts";
import { silentLog } from "../../src/log.ts";
import type { Rekey } from "../../src/pipeline/context.ts";
import { nameRecord } from "../../src/pipeline/planning.ts";
import { pinecone } from "../../src/provider/pinecone.ts";
import { executeRun, startRun } from "../../src/rotation/run.ts";
import { createMemorySink } from "../../src/secret-manager/memory.ts";
import { type Pinecone, startPinecone } from "../../src/stand-in/pinecone.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { openOrAddOccurrence } from "../../src/store/incidents.ts";
import { place, planOf, rig } from "../rotation/rig.ts";
import { finding } from "../store/findings.ts";

const folder = mkdtempSync(join(tmpdir(), "rekey-name-"));
let database: Database;
let server: Pinecone;
beforeAll(async () => {
  database = await openDatabase({ dataDir: join(folder, "db") });
  server = await startPinecone();
});
afterAll(async () => {
  await server.stop();
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

const opened = async (fingerprint: string) => {
  const seen = { finding: finding({ fingerprint }), exposedAt: "2026-11-25T00:00:00Z", preExisting: false };
  return (await database.db.transaction().execute((trx) => openOrAddOccurrence(trx, seen))).incident;
};

test("a vendor that cannot tell a value's record: a key that a run of ours made is named by its journal, any other is not", async () => {
  server.createKey("project-1", "somebody else's");
  const old = server.createKey("project-1", "agent");
  const sink = createMemorySink();
  const store = { host: "memory", timeout: 1000 };
  sink.set(place.path, { [place.field]: old.secret.reveal() });
  const at = { host: server.url, credential: server.serviceAccount, timeout: 2000 };
  const { deps } = rig({ database, driver: pinecone, at, sink, store, leaked: old.secret.reveal(), sleep: async () => undefined });
  const run = await startRun(deps, planOf(old.id, { connection: "vectors" }, "pinecone-key", pinecone));
  expect(await executeRun(deps, run)).toMatchObject({ state: "done" });

  const made = (await sink.read(store, place))?.fields[place.field];
  if (made === undefined) throw new Error("expected the new key in the store");
  const again = await opened(deps.fingerprint(made));
  const other = await opened(deps.fingerprint(old.secret));
  const config = parseServerConfig(`connections:\n  vectors: { type: pinecone, host: "${server.url}", credential: env:A }\n`, "rekey.yml");
  const rekey = { config, database, credential: () => server.serviceAccount, log: silentLog } as unknown as Rekey;
  const name = (incident: typeof again, driver: Driver = pinecone, connection = "vectors") =>
    nameRecord(rekey, driver, connection, incident, finding());

  const issued = (await deps.journal.effects(run)).find(({ key }) => key === "issue")?.result as { record: { id: string } };
  expect(await name(again)).toEqual({ named: { id: issued.record.id, grade: "confirmed" }, principal: "project-1" });
  expect(await name(other), "a key that somebody else made").toEqual({});
  expect(await name(again, pinecone, "elsewhere"), "through another connection").toEqual({});
  const slots = { ...pinecone, manifest: { ...pinecone.manifest, class: "two-slot" as const } };
  expect(await name(again, slots), "where an id outlives its value").toEqual({});
  server.keys.remove(issued.record.id);
  expect(await name(again), "gone from the vendor's list").toEqual({});
});
