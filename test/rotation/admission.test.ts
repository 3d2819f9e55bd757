import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { DriverContext } from "../../src/driver.ts";
import { makePlan } from "../../src/playbook/plan.ts";
import { LimitedError, type Limits } from "../../src/rotation/limits.ts";
import { executeRun, startRun } from "../../src/rotation/run.ts";
import { createMemorySink } from "../../src/secret-manager/memory.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { openOrAddOccurrence } from "../../src/store/incidents.ts";
import { delayRequest, dueRequests, nextRequest, pauseRotations, resumeRotations, saveRequest } from "../../src/store/rotation-requests.ts";
import { finding } from "../store/findings.ts";
import { place, planOf, rig } from "./rig.ts";
import { userDatabase, usersPlaybook } from "./user-database.ts";

const folder = mkdtempSync(join(tmpdir(), "rekey-admission-"));
let database: Database;
beforeAll(async () => {
  database = await openDatabase({ dataDir: join(folder, "db") });
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  for (const table of ["rotation_effect", "rotation_run", "rotation_request", "rotation_pause"])
    await sql`delete from ${sql.table(table)}`.execute(database.db);
});

const store: DriverContext = { host: "memory", timeout: 1000 };
const deps = (wrap?: Parameters<typeof rig>[0]["wrap"]) =>
  rig({
    database,
    driver: userDatabase("app", "old").driver,
    sink: createMemorySink(),
    store,
    leaked: "old",
    ...(wrap === undefined ? {} : { wrap }),
  }).deps;
const opened = async () => {
  const seen = { finding: finding(), exposedAt: "2026-11-25T00:00:00Z", preExisting: false };
  return (await database.db.transaction().execute((trx) => openOrAddOccurrence(trx, seen))).incident.id;
};
const limits: Limits = { runsPerHour: 10, perProvider: 10, perIdentity: 500, breaker: { failures: 3, coolDown: 60_000 } };

test("500 starts at once are capped, and each of the others is told until when it waits", async () => {
  const d = deps();
  const results = await Promise.allSettled(Array.from({ length: 500 }, (_, index) => startRun(d, planOf(`key-${index}`), { limits })));
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(10);
  for (const result of results) {
    if (result.status === "fulfilled") continue;
    expect(result.reason).toBeInstanceOf(LimitedError);
    expect((result.reason as LimitedError).limit).toMatchObject({ kind: "runs-per-hour", until: expect.any(Number) });
  }
});

test("a break-glass starts past a pause and a cap, an ordinary run does not", async () => {
  const d = deps();
  await pauseRotations(database.db, "the operator", "why");
  await expect(startRun(d, planOf("a"), { limits })).rejects.toThrow("All rotations are paused by the operator (why)");
  await expect(startRun(d, planOf("a"), { limits, breakGlass: true })).resolves.toMatch(/^run-/);
});

test("a pause stops a run before its next change, and it goes on from there after the resume", async () => {
  const users = userDatabase("app", "old password");
  const sink = createMemorySink();
  sink.set(place.path, { [place.field]: "old password" });
  const plan = makePlan(usersPlaybook, users.driver.manifest, {
    ...planOf("app").facts,
    attributes: { user: "app" },
    sinks: [{ ...place, companions: { username: "USER" } }],
  });
  const make = (pauseAfter?: string) =>
    rig({
      database,
      driver: users.driver,
      sink,
      store,
      leaked: "old password",
      wrap: (journal) => ({
        ...journal,
        settle: async (lease, key, state, result) => {
          await journal.settle(lease, key, state, result);
          if (key === pauseAfter) await pauseRotations(database.db, "the operator", "why");
        },
      }),
    }).deps;
  const run = await startRun(make(), plan);
  expect(await executeRun(make("issue"), run)).toMatchObject({ state: "held", code: "paused" });
  expect((await sink.read(store, place))?.fields[place.field]?.reveal()).toBe("old password");
  expect(await resumeRotations(database.db)).toEqual([run]);
  expect(await executeRun(make(), run)).toMatchObject({ state: "done" });
  const next = await startRun(make(), {
    ...plan,
    facts: { ...plan.facts, credential: { ...plan.facts.credential, fingerprint: "fp1:other:x" } },
  });
  expect(await executeRun(make("revoke"), next), "what destroyed already proves and ends").toMatchObject({ state: "done" });
});

test("who waits goes by risk, and by age so that nobody waits for ever", async () => {
  const [low, high, old, later] = [await opened(), await opened(), await opened(), await opened()];
  const ask = (incident: string, risk: number, notBefore = 0) =>
    saveRequest(database.db, { incident, planHash: "h", requester: "mara", breakGlass: false, risk, notBefore });
  await ask(low, 1);
  await ask(high, 12);
  await ask(old, 1);
  await ask(later, 15, Date.now() + 3_600_000);
  await sql`update rotation_request set requested_at = clock_timestamp() - interval '4 hours' where incident_id = ${old}`.execute(
    database.db,
  );
  expect((await dueRequests(database.db)).map(({ incident }) => incident)).toEqual([old, high, low]);
  await delayRequest(database.db, high, "the cap is reached", Date.now() + 600_000);
  expect((await dueRequests(database.db)).map(({ incident }) => incident)).toEqual([old, low]);
  expect(await nextRequest(database.db, 1000)).toBe(1000);
  await ask(old, 1);
  expect((await dueRequests(database.db))[0]?.incident, "asking again keeps the place in the line").toBe(old);
});
