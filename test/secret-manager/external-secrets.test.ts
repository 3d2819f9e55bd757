import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { DriverContext } from "../../src/driver.ts";
import type { PlannedSink } from "../../src/playbook/plan.ts";
import type { RotationDeps } from "../../src/rotation/deps.ts";
import { executeRun, startRun } from "../../src/rotation/run.ts";
import { externalSecrets } from "../../src/secret-manager/external-secrets.ts";
import { createMemorySink } from "../../src/secret-manager/memory.ts";
import { type Kubernetes, startKubernetes } from "../../src/stand-in/kubernetes.ts";
import { type OpenRouter, startOpenRouter } from "../../src/stand-in/openrouter.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { place, planOf, rig } from "../rotation/rig.ts";

const folder = mkdtempSync(join(tmpdir(), "rekey-external-"));
const copied: PlannedSink = {
  connection: "cluster",
  sink: "external-secrets",
  path: "agents/triage",
  lacks: ["pending", "readBack"],
  refresh: true,
};
const memory: DriverContext = { host: "memory", timeout: 1000 };
let database: Database;
let provider: OpenRouter;
let cluster: Kubernetes;
beforeAll(async () => {
  database = await openDatabase({ dataDir: join(folder, "db") });
});
beforeEach(async () => {
  provider = await startOpenRouter();
  cluster = await startKubernetes();
});
afterEach(async () => {
  await Promise.all([provider.stop(), cluster.stop()]);
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The operator copies what stands in the secret manager; the workload reads the copy. */
async function world(source: "reachable" | "down" = "reachable", timeouts = { consumers: 5000, soak: 10 }) {
  const store = createMemorySink();
  const { hash, secret } = provider.createKey("agent");
  const old = secret.reveal();
  store.set(place.path, { KEY: old });
  let current: string | undefined = old;
  const look = async () => {
    current = (await store.read(memory, place))?.fields["KEY"]?.reveal();
  };
  cluster.externalSecret(copied.path, () => (source === "down" || current === undefined ? undefined : { KEY: current }));
  const { deps } = rig({
    database,
    provider: { ...provider, managementKey: provider.managementKey.reveal() },
    sink: store,
    store: memory,
    leaked: old,
  });
  const both: RotationDeps = {
    ...deps,
    reports: async (consumer, planned) => (planned.refresh === true ? [] : deps.reports(consumer, planned)),
    sink: async (planned) => {
      await look();
      return planned.refresh === true
        ? { sink: externalSecrets, context: { host: cluster.url, credential: cluster.token, timeout: 500 } }
        : { sink: store, context: memory };
    },
  };
  return {
    deps: both,
    plan: planOf(hash, { sinks: [place, copied], timeouts }),
    old,
    store,
    seen: () => cluster.valueOf(copied.path, "KEY"),
  };
}

test("the copy is made again after the source has the new value", async () => {
  const it = await world();
  const run = await startRun(it.deps, it.plan);
  expect(await executeRun(it.deps, run)).toMatchObject({ state: "done" });
  expect(it.seen()).toBe((await it.store.read(memory, place))?.fields["KEY"]?.reveal());
  expect(it.seen()).not.toBe(it.old);
});

test("taken back, the copy holds the old value again, since it is made after its source", async () => {
  const it = await world("reachable", { consumers: 1, soak: 1 });
  const stuck: RotationDeps = { ...it.deps, reports: async () => [] };
  const run = await startRun(it.deps, it.plan);
  expect(await executeRun(stuck, run)).toMatchObject({ state: "held", code: "consumers-behind" });
  expect(it.seen()).not.toBe(it.old);
  await it.deps.journal.cancel(run);
  expect(await executeRun(stuck, run)).toMatchObject({ state: "undone" });
  expect(it.seen()).toBe(it.old);
});

test("an operator that cannot reach the source holds the run, and the old value still works", async () => {
  const it = await world("down");
  const run = await startRun(it.deps, it.plan);
  const ended = await executeRun(it.deps, run);
  expect(ended).toMatchObject({ state: "held", code: "provider-unavailable" });
  expect(ended?.message).toContain("SecretSyncedError");
}, 30_000);

test("a place that is no ExternalSecret is said so", async () => {
  const context = { host: cluster.url, credential: cluster.token, timeout: 500 };
  await expect(externalSecrets.promote(context, { path: "agents/none" }, "run-1", "0")).rejects.toMatchObject({ code: "sink-absent" });
  await expect(externalSecrets.read(context, { path: "a/b/c" })).rejects.toMatchObject({ code: "bad-place" });
});
