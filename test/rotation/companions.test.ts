import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { DriverContext } from "../../src/driver.ts";
import { makePlan, type PlannedSink } from "../../src/playbook/plan.ts";
import { renderPlan } from "../../src/playbook/render.ts";
import type { Journal } from "../../src/rotation/journal.ts";
import { executeRun, startRun } from "../../src/rotation/run.ts";
import { createMemorySink } from "../../src/secret-manager/memory.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { Crash, dying } from "./dying.ts";
import { expireLease, place, planOf, rig } from "./rig.ts";
import { userDatabase, usersPlaybook } from "./user-database.ts";

const folder = mkdtempSync(join(tmpdir(), "rekey-companions-"));
let database: Database;
beforeAll(async () => {
  database = await openDatabase({ dataDir: join(folder, "db") });
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

const context: DriverContext = { host: "memory", timeout: 1000 };
const fields: PlannedSink = { ...place, field: "PGPASSWORD", companions: { username: "PGUSER" } };
const url: PlannedSink = { connection: "store", sink: "memory", path: "secret/app", field: "DATABASE_URL", format: "url" };
const oldPassword = "an old/one";

function world(sinks: readonly PlannedSink[] = [fields, url]) {
  const users = userDatabase("app", oldPassword);
  const sink = createMemorySink();
  sink.set(fields.path, { PGUSER: "app", PGPASSWORD: oldPassword, PGHOST: "db.internal" });
  sink.set(url.path, { DATABASE_URL: `postgresql://app:${encodeURIComponent(oldPassword)}@db.internal:5432/app?sslmode=require` });
  const template = planOf("app", {
    attributes: { user: "app" },
    sinks,
    consumers: [{ name: "app", report: "version" }],
  });
  const plan = makePlan(usersPlaybook, users.driver.manifest, template.facts);
  const read = async (path: string) => (await sink.read(context, { path }))?.fields ?? {};
  return {
    users,
    sink,
    plan,
    rig: (wrap?: (journal: Journal) => Journal) =>
      rig({ database, driver: users.driver, sink, store: context, leaked: oldPassword, ...(wrap === undefined ? {} : { wrap }) }),
    async works() {
      const pair = await read(fields.path);
      const connection = new URL((await read(url.path))["DATABASE_URL"]?.reveal() ?? "");
      return (
        users.accepts(pair["PGUSER"]?.reveal() ?? "", pair["PGPASSWORD"]?.reveal() ?? "") &&
        users.accepts(connection.username, decodeURIComponent(connection.password))
      );
    },
    read,
  };
}

test("the new user name is written with its password, in fields and inside a URL, and nothing else changes", async () => {
  const w = world();
  const run = await startRun(w.rig().deps, w.plan);
  expect(await executeRun(w.rig().deps, run)).toMatchObject({ state: "done" });
  const pair = await w.read(fields.path);
  expect([pair["PGUSER"]?.reveal(), pair["PGHOST"]?.reveal()]).toEqual(["app_b", "db.internal"]);
  const text = (await w.read(url.path))["DATABASE_URL"]?.reveal() ?? "";
  expect(text).toMatch(/^postgresql:\/\/app_b:[\w-]+@db\.internal:5432\/app\?sslmode=require$/);
  expect(await w.works()).toBe(true);
  expect(w.users.accepts("app", oldPassword)).toBe(false);
});

test("a lost answer of setting a staged value is answered by setting the same value again", async () => {
  const w = world();
  w.users.loseAnswer();
  const run = await startRun(w.rig().deps, w.plan);
  expect(await executeRun(w.rig().deps, run)).toMatchObject({ state: "done" });
  expect([...w.users.users.keys()]).toEqual(["app", "app_b"]);
  expect(await w.works()).toBe(true);
});

test.each(
  Array.from({ length: 16 }, (_, index) => index + 1).flatMap((at) => (["before", "after"] as const).map((when) => ({ at, when }))),
)("a worker that dies $when write $at restores user and password from the staged fields", async ({ at, when }) => {
  const w = world();
  const broken: string[] = [];
  const watch = async () => {
    if (!(await w.works())) broken.push("a consumer's pair did not work");
  };
  const run = await startRun(w.rig().deps, w.plan);
  await executeRun(w.rig((journal) => dying(journal, at, when, watch).journal).deps, run).catch((error: unknown) => {
    if (!(error instanceof Crash)) throw error;
  });
  await expireLease(database, run);
  expect(await executeRun(w.rig().deps, run)).toMatchObject({ state: "done" });
  expect(await w.works()).toBe(true);
  expect(w.users.accepts("app", oldPassword)).toBe(false);
  expect(broken).toEqual([]);
  expect(await w.sink.readPending(context, fields, run)).toBeUndefined();
});

test("a URL whose host somebody changed after the staging is kept, and the run holds", async () => {
  const w = world([url]);
  const theirs = `postgresql://app:${encodeURIComponent(oldPassword)}@new-host:5432/app`;
  const { deps } = w.rig((journal) => ({
    ...journal,
    settle: async (lease, key, state, result) => {
      await journal.settle(lease, key, state, result);
      if (key === "issue") w.sink.set(url.path, { DATABASE_URL: theirs });
    },
  }));
  const run = await startRun(deps, w.plan);
  expect(await executeRun(deps, run)).toMatchObject({ state: "held", code: "sink-conflict" });
  expect((await w.read(url.path))["DATABASE_URL"]?.reveal()).toBe(theirs);
  expect(w.users.accepts("app", oldPassword)).toBe(true);
});

test("a place without a field for the new user name blocks the plan, which says what to declare", () => {
  const w = world([{ ...place, field: "PGPASSWORD" }]);
  expect(w.plan.blockers).toEqual([
    "a new database password comes with username, and store:secret/agents/triage has no field for it (companions: { username: FIELD } beside its field in .rekey/identities.yml)",
  ]);
});

test("the plan shows where companions go, and its hash covers them", () => {
  const [both, renamed] = [world([fields, url]), world([{ ...fields, companions: { username: "DB_USER" } }, url])];
  expect(renderPlan(both.plan)).toContain(
    "stored in  store:secret/agents/triage#PGPASSWORD (username in PGUSER), store:secret/app#DATABASE_URL (the password of its URL)",
  );
  expect(renamed.plan.hash).not.toBe(world([fields, url]).plan.hash);
});

test("a honeytoken is never rotated, nor contained by a plan: its owner is named", () => {
  const w = world();
  const plan = makePlan(usersPlaybook, w.users.driver.manifest, { ...w.plan.facts, honeytoken: true });
  expect(plan.blockers).toEqual([expect.stringMatching(/^it is a honeytoken.*@mara must look at who took it$/)]);
});
