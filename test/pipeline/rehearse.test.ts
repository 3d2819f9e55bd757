import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { renderRehearsal } from "../../src/cli/rehearse.ts";
import { loadPlaybooks } from "../../src/config/playbooks.ts";
import { parseServerConfig } from "../../src/config/server.ts";
import type { Driver } from "../../src/driver.ts";
import { HoldError } from "../../src/errors.ts";
import { silentLog } from "../../src/log.ts";
import type { Rekey } from "../../src/pipeline/context.ts";
import { keptPlan } from "../../src/pipeline/readiness.ts";
import { abandonRehearsal, rehearse } from "../../src/pipeline/rehearse.ts";
import { rotationDeps } from "../../src/pipeline/rotation.ts";
import { openrouter } from "../../src/provider/openrouter.ts";
import { startRun } from "../../src/rotation/run.ts";
import { fingerprintKey, Secret } from "../../src/secret.ts";
import { createMemorySink, type MemorySink } from "../../src/secret-manager/memory.ts";
import { type OpenRouter, startOpenRouter } from "../../src/stand-in/openrouter.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { savePlan } from "../../src/store/evidence.ts";
import { openOrAddOccurrence } from "../../src/store/incidents.ts";
import { planOf } from "../rotation/rig.ts";
import { finding } from "../store/findings.ts";

const folder = mkdtempSync(join(tmpdir(), "rekey-rehearse-"));
let database: Database;
let provider: OpenRouter;
let sink: MemorySink;
beforeAll(async () => {
  [database, provider] = await Promise.all([openDatabase({ dataDir: join(folder, "db") }), startOpenRouter()]);
  sink = createMemorySink();
});
afterAll(async () => {
  await Promise.allSettled([database.close(), provider.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

const fast: Driver = { ...openrouter, manifest: { ...openrouter.manifest, propagation: { create: 10, revoke: 20 } } };

function rekey(driver: Driver = fast): Rekey {
  const config = parseServerConfig(
    `connections:\n  router: { type: openrouter, host: "${provider.url}", credential: env:KEY }\n  store: { type: memory, host: memory }\npolicy: { rollout: rotate, soak: 1ms }\n`,
    "rekey.yml",
  );
  return {
    config,
    database,
    drivers: [driver],
    sinkFor: (type: string) => (type === "memory" ? sink : undefined),
    playbooks: loadPlaybooks(),
    fingerprintKeys: [fingerprintKey(Buffer.alloc(32, 7))],
    credential: () => Secret.from(provider.managementKey.reveal()),
    log: silentLog,
  } as unknown as Rekey;
}

const order = { playbook: "openrouter-key", attributes: {} };

async function entries(): Promise<number> {
  let count = 0;
  for await (const _ of sink.entries({ host: "memory", timeout: 1 })) count++;
  return count;
}

test("a rehearsal does everything with a credential of its own, fails no call, and leaves nothing behind", async () => {
  const foreign = provider.createKey("somebody else's").hash;
  const done = await rehearse(rekey(), order);
  expect(done).toMatchObject({
    passed: true,
    removed: true,
    failedCalls: 0,
    playbook: "openrouter-key",
    connection: "router",
    store: "store",
  });
  expect(done.calls).toBeGreaterThan(0);
  expect(done.steps.map(({ what }) => what)).toEqual(expect.arrayContaining(["issue", "promote-0", "disable", "revoke"]));
  expect(done.receipts.filter(({ subject, answer }) => subject === "old" && answer === "invalid")).toHaveLength(3);
  expect(provider.keys().map(({ hash }) => hash)).toEqual([foreign]);
  expect(await entries()).toBe(0);
  const text = renderRehearsal(done);
  expect(text).toMatch(/^Rehearsal of openrouter-key version 1 on router, stored in store: passed in \d+\.\d s\n/);
  expect(text).toContain("nothing that it made is left");
});

test("a rehearsal that stops says why, is kept as failed, and still removes what it made", async () => {
  const before = provider.keys().length;
  let made = 0;
  const failing: Driver = {
    ...fast,
    issue: async (context, request) => {
      if (made++ > 0) throw new HoldError("limit", "the account has no room for another key");
      return fast.issue?.(context, request) ?? Promise.reject(new Error("no issue"));
    },
  };
  expect(await rehearse(rekey(failing), order)).toMatchObject({
    passed: false,
    removed: true,
    problem: "the account has no room for another key",
  });
  expect(provider.keys()).toHaveLength(before);
  expect(await entries()).toBe(0);
});

test("what a rehearsal made whose process died is removed, and nothing else", async () => {
  const r = rekey();
  const deps = { ...rotationDeps(r), emit: async () => undefined };
  const before = provider.keys().map(({ hash }) => hash);
  const place = { connection: "store", sink: "memory", path: "rekey-rehearsal/dead", field: "REHEARSAL_VALUE" };
  const plan = planOf("x", { incident: "rehearsal-dead", connection: "router", sinks: [place] });
  const run = await startRun(deps, plan);
  provider.createKey("rekey-rehearsal-dead");
  provider.createKey(`rekey-${run}`);
  sink.set(place.path, { REHEARSAL_VALUE: "a" });
  expect(await abandonRehearsal(r, run)).toBe(true);
  expect(provider.keys().map(({ hash }) => hash)).toEqual(before);
  expect(await entries()).toBe(0);
  expect(await deps.journal.get(run)).toMatchObject({ state: "failed", code: "rehearsal-abandoned" });
  const real = await startRun(deps, planOf("y"));
  expect(await abandonRehearsal(r, real), "a run of an incident is none").toBe(false);
});

test.each([
  ["unknown playbook", { ...order, playbook: "nope" }, "there is no playbook 'nope'"],
  ["nothing to issue", { ...order, playbook: "github-token" }, "cannot be rehearsed"],
  ["unknown connection", { ...order, connection: "nope" }, "needs a connection"],
])("%s: refused before anything is made", async (_name, wanted, message) => {
  const before = provider.keys().length;
  await expect(rehearse(rekey(), wanted)).rejects.toThrow(message);
  expect(provider.keys()).toHaveLength(before);
});

test("graceful rotation in production waits for a passed rehearsal of exactly this playbook, unless two people break the glass", async () => {
  const r = rekey();
  const seen = { finding: finding(), exposedAt: "2026-11-25T00:00:00Z", preExisting: false };
  const { incident } = await database.db.transaction().execute((trx) => openOrAddOccurrence(trx, seen));
  const keep = async (environment: string, name: string) => {
    const { facts } = planOf("hash");
    const identity = { id: "agent:x", kind: "agent", name: "x", environment };
    const plan = planOf("hash", { ...facts, incident: incident.id, connection: name, identity });
    const body = { incident: incident.id, hash: `${plan.hash}${name}`, playbook: "p@1", body: plan };
    await database.db.transaction().execute((trx) => savePlan(trx, body));
    return (await keptPlan(r, incident.id))?.blockers;
  };
  expect(await keep("production", "untried")).toEqual([
    "openrouter-key version 1 was never rehearsed on untried: rekey playbook rehearse openrouter-key --connection untried",
  ]);
  expect((await keptPlan(r, incident.id, { breakGlass: true }))?.blockers).toEqual([]);
  expect(await keep("staging", "untried")).toEqual([]);
  expect(await keep("production", "router"), "the last one failed").toEqual([expect.stringContaining("its last rehearsal failed")]);
  await rehearse(r, order);
  expect(await keep("production", "router")).toEqual([]);
  expect((await keptPlan(r, incident.id))?.record).toMatchObject({ runs: 0, rehearsal: { passed: true, failedCalls: 0 } });
});
