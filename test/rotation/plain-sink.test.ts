import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { DriverContext } from "../../src/driver.ts";
import type { PlannedSink } from "../../src/playbook/plan.ts";
import type { RotationDeps } from "../../src/rotation/deps.ts";
import { executeRun, startRun } from "../../src/rotation/run.ts";
import { githubSecrets } from "../../src/secret-manager/github-secrets.ts";
import { createMemorySink, type MemorySink } from "../../src/secret-manager/memory.ts";
import { type GitHubSecrets, startGitHubSecrets } from "../../src/stand-in/github-secrets.ts";
import { type OpenRouter, startOpenRouter } from "../../src/stand-in/openrouter.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { place, planOf, rig } from "./rig.ts";

const folder = mkdtempSync(join(tmpdir(), "rekey-plain-"));
let database: Database;
let provider: OpenRouter;
let github: GitHubSecrets;
let store: MemorySink;
beforeAll(async () => {
  database = await openDatabase({ dataDir: join(folder, "db") });
});
beforeEach(async () => {
  provider = await startOpenRouter();
  github = await startGitHubSecrets();
  store = createMemorySink();
});
afterEach(async () => {
  await Promise.all([provider.stop(), github.stop()]);
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

const memory: DriverContext = { host: "memory", timeout: 1000 };
const actions: PlannedSink = {
  connection: "rotator",
  sink: "github-secrets",
  path: "actions/acme/triage",
  field: "KEY",
  lacks: ["pending", "cas", "readBack", "undo"],
};

/** The same key in a secret manager and in GitHub Actions; the consumer reads the secret manager. */
function world(timeouts = { consumers: 5000, soak: 10 }) {
  const { hash, secret } = provider.createKey("agent");
  const old = secret.reveal();
  store.set(place.path, { KEY: old });
  github.write(actions.path, "KEY", old);
  const { deps } = rig({
    database,
    provider: { ...provider, managementKey: provider.managementKey.reveal() },
    sink: store,
    store: memory,
    leaked: old,
  });
  const both: RotationDeps = {
    ...deps,
    reports: async (consumer, planned) => (planned.sink === "github-secrets" ? [] : deps.reports(consumer, planned)),
    sink: async (planned) =>
      planned.sink === "github-secrets"
        ? { sink: githubSecrets, context: { host: github.url, credential: github.app, timeout: 2000 } }
        : { sink: store, context: memory },
  };
  const plan = planOf(hash, { sinks: [place, actions], timeouts });
  const inStore = async () => (await store.read(memory, place))?.fields["KEY"]?.reveal();
  return { deps: both, plan, old, inStore, inGitHub: () => github.valueOf(actions.path, "KEY") };
}

test("a secret that cannot be read back is written with the value that waited in the secret manager", async () => {
  const it = world();
  expect(it.plan.approvals[0]?.why).toContain("rotator:actions/acme/triage has no undo of its own");
  const run = await startRun(it.deps, it.plan);
  expect(await executeRun(it.deps, run)).toMatchObject({ state: "done" });
  expect(it.inGitHub()).not.toBe(it.old);
  expect(it.inGitHub()).toBe(await it.inStore());
});

test("an answer that is lost while it is written does not stop the run", async () => {
  const it = world();
  github.fail("PUT", /secrets\/KEY$/, "drop-after", 2);
  const run = await startRun(it.deps, it.plan);
  expect(await executeRun(it.deps, run)).toMatchObject({ state: "done" });
  expect(it.inGitHub()).toBe(await it.inStore());
});

test("a cancelled run puts the old value back from the secret manager's version before", async () => {
  const it = world({ consumers: 1, soak: 1 });
  const run = await startRun(it.deps, it.plan);
  // the consumer never reports, so the run holds with both places on the new value
  const stuck: RotationDeps = { ...it.deps, reports: async () => [] };
  expect(await executeRun(stuck, run)).toMatchObject({ state: "held", code: "consumers-behind" });
  expect(it.inGitHub()).not.toBe(it.old);
  await it.deps.journal.cancel(run);
  github.fail("PUT", /secrets\/KEY$/, "drop-after");
  expect(await executeRun(stuck, run)).toMatchObject({ state: "undone" });
  expect([it.inGitHub(), await it.inStore()]).toEqual([it.old, it.old]);
});

test("somebody's write between the plan's look and ours is kept, and the run says so", async () => {
  const it = world();
  const late: RotationDeps = {
    ...it.deps,
    sink: async (planned) => {
      const at = await it.deps.sink(planned);
      const promote: typeof at.sink.promote = async (...args) => {
        github.write(actions.path, "KEY", "theirs");
        return at.sink.promote(...args);
      };
      return planned.sink === "github-secrets" ? { ...at, sink: { ...at.sink, promote } } : at;
    },
  };
  const run = await startRun(late, it.plan);
  expect(await executeRun(late, run)).toMatchObject({ state: "held", code: "sink-conflict" });
  expect(it.inGitHub()).toBe("theirs");
});

test("where no place can hold a value back, it waits in the secret manager of the quarantine and is gone afterwards", async () => {
  const it = world();
  const staging: PlannedSink = { ...place, path: "secret/rekey-staging", field: "value", staging: true };
  const plan = planOf(it.plan.facts.named?.id ?? "", { sinks: [actions, staging] });
  const job: RotationDeps = {
    ...it.deps,
    reports: async (_consumer, planned) => {
      const { sink, context } = await it.deps.sink(planned);
      return planned.staging === true ? [] : [{ version: (await sink.read(context, planned))?.version ?? "", at: Date.now() }];
    },
  };
  const run = await startRun(job, plan);
  expect(await executeRun(job, run)).toMatchObject({ state: "done" });
  expect(it.inGitHub()).not.toBe(it.old);
  expect(await it.inStore()).toBe(it.old);
  expect(await store.readPending(memory, staging, run)).toBeUndefined();
  expect(await store.read(memory, staging)).toBeUndefined();
});
