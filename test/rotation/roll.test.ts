import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DriverContext } from "../../src/driver.ts";
import type { PlanFacts } from "../../src/playbook/plan.ts";
import { portkey } from "../../src/provider/portkey.ts";
import type { Journal } from "../../src/rotation/journal.ts";
import { executeRun, startRun } from "../../src/rotation/run.ts";
import { Secret } from "../../src/secret.ts";
import { createMemorySink } from "../../src/secret-manager/memory.ts";
import { startPortkey } from "../../src/stand-in/portkey.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { Crash, dying } from "./dying.ts";
import { expireLease, place, planOf, rig } from "./rig.ts";

const folder = mkdtempSync(join(tmpdir(), "rekey-roll-"));
let database: Database;
beforeAll(async () => {
  database = await openDatabase({ dataDir: join(folder, "db") });
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A Portkey key in a store, among foreign keys; a transition of 30 minutes takes `transition` milliseconds. */
async function world(transition: number) {
  const provider = await startPortkey({ speed: 1_800_000 / transition });
  const foreign = provider.createKey("somebody else's");
  const leaked = provider.createKey("triage");
  const sink = createMemorySink();
  const store: DriverContext = { host: "memory", timeout: 1000 };
  sink.set(place.path, { [place.field]: leaked.secret.reveal() });
  const at = { host: provider.url, credential: provider.adminKey, timeout: 2000 };
  const current = async () => Secret.from((await sink.read(store, place))?.fields[place.field]?.reveal() ?? "");
  const answer = async (secret: Secret) => (await portkey.probe(at, { attributes: {}, secret })).answer;
  return {
    provider,
    leaked,
    foreign,
    sink,
    store,
    current,
    answer,
    plan: (change: Partial<PlanFacts> = {}) => planOf(leaked.id, { grace: transition, ...change }, "portkey-key", portkey),
    rig: (wrap?: (journal: Journal) => Journal, reports?: Parameters<typeof rig>[0]["reports"]) =>
      rig({
        database,
        driver: portkey,
        at,
        sink,
        store,
        leaked: leaked.secret.reveal(),
        ...(wrap === undefined ? {} : { wrap }),
        ...(reports === undefined ? {} : { reports }),
      }),
    async expectRotated(run: string) {
      expect(await answer(leaked.secret), "the leaked value is dead").toBe("invalid");
      expect(await answer(await current()), "what the consumer reads is alive").toBe("alive");
      expect(await answer(foreign.secret), "a foreign key is untouched").toBe("alive");
      expect(provider.keys.all(), "one key beside the foreign one").toHaveLength(2);
      expect(provider.rotations(), "never rotated twice").toBeLessThan(2);
      const issued = (await rigOf().deps.journal.effects(run)).find(({ key }) => key === "issue")?.result as { record: { id: string } };
      expect(provider.keys.get(issued.record.id)?.value, "the journal knows the key in use").toBe((await current()).reveal());
      expect(await sink.readPending(store, place, run), "nothing is left staged").toBeUndefined();
    },
  };
  function rigOf() {
    return rig({ database, driver: portkey, at, sink, store, leaked: "" });
  }
}

test("the key keeps its id, both values live until the transition ends, and then the old one is proven dead", async () => {
  const w = await world(600);
  const both: string[] = [];
  const { deps, events, receipts } = w.rig((journal) => ({
    ...journal,
    settle: async (lease, key, state, result) => {
      await journal.settle(lease, key, state, result);
      if (key === "converged") both.push(await w.answer(w.leaked.secret), await w.answer(await w.current()));
    },
  }));
  const run = await startRun(deps, w.plan());
  expect(await executeRun(deps, run)).toMatchObject({ state: "done" });
  await w.expectRotated(run);
  expect(both).toEqual(["alive", "alive"]);
  expect(w.provider.keys.get(w.leaked.id)?.value).toBe((await w.current()).reveal());
  expect(events.map(({ type }) => type)).toEqual(["run-started", "replaced", "revoked", "dead", "closed", "run-ended"]);
  expect(receipts.filter(({ subject, answer }) => subject === "control" && answer === "alive")).toHaveLength(3);
  await w.provider.stop();
});

test("people approve the roll by its deadline, and it is the point of no return", async () => {
  const w = await world(600);
  const plan = w.plan({ grace: 1_800_000 });
  expect(plan.blockers).toEqual([]);
  expect(plan.pointOfNoReturn).toBe("roll");
  expect(plan.approvals[0]?.why).toContain("the old value stops working 30 min after the roll, whoever still uses it");
  expect(w.plan({ grace: 3_600_000 }).hash).not.toBe(plan.hash);
  await w.provider.stop();
});

test("the answer with the new value is lost: a second key takes its place, and the one whose value nobody knows is deleted", async () => {
  const w = await world(3000);
  w.provider.fail("POST", /rotate$/, "drop-after");
  const broken: string[] = [];
  const { deps, events } = w.rig((journal) => ({
    ...journal,
    settle: async (lease, key, state, result) => {
      await journal.settle(lease, key, state, result);
      if ((await w.answer(await w.current())) !== "alive") broken.push(key);
    },
  }));
  const run = await startRun(deps, w.plan());
  expect(await executeRun(deps, run)).toMatchObject({ state: "done" });
  await w.expectRotated(run);
  expect(broken, "the consumer's value was alive at every step").toEqual([]);
  expect(w.provider.rotations()).toBe(1);
  expect(w.provider.keys.get(w.leaked.id), "the rolled key is gone with both of its values").toBeUndefined();
  expect(events.map(({ type }) => type)).toContain("revoked");
  await w.provider.stop();
});

test("a rotation that never arrived is not sent again either: nobody can tell", async () => {
  const w = await world(600);
  w.provider.fail("POST", /rotate$/, "drop-before");
  const { deps } = w.rig();
  const run = await startRun(deps, w.plan());
  expect(await executeRun(deps, run)).toMatchObject({ state: "done" });
  await w.expectRotated(run);
  expect(w.provider.rotations()).toBe(0);
  await w.provider.stop();
});

describe("a worker that dies at any write of the journal loses no key", () => {
  const points = Array.from({ length: 24 }, (_, index) => index + 1);
  const ways = points.flatMap((at) => (["before", "after"] as const).flatMap((when) => [false, true].map((lost) => ({ at, when, lost }))));
  test.each(ways)("$when write $at, answer lost: $lost", async ({ at, when, lost }) => {
    const w = await world(120);
    if (lost) w.provider.fail("POST", /rotate$/, "drop-after");
    const run = await startRun(w.rig().deps, w.plan());
    await executeRun(w.rig((journal) => dying(journal, at, when).journal).deps, run).catch((error: unknown) => {
      if (!(error instanceof Crash)) throw error;
    });
    await expireLease(database, run);
    expect((await executeRun(w.rig().deps, run))?.state).toBe("done");
    await w.expectRotated(run);
    await w.provider.stop();
  });
});

test("consumers that stay behind are told when the old value ends, which nothing can put off", async () => {
  const w = await world(60_000);
  const { deps } = w.rig(undefined, async () => [{ version: "1", at: Date.now() }]);
  const run = await startRun(deps, w.plan({ timeouts: { consumers: 30, soak: 1 } }));
  const ended = await executeRun(deps, run);
  expect(ended).toMatchObject({ state: "held", code: "consumers-behind" });
  expect(ended?.message).toMatch(/the vendor ends the old one at 20\d\d-\d\d-\d\dT[\d:.]+Z, which nothing can put off/);
  expect(await w.answer(w.leaked.secret)).toBe("alive");
  await deps.journal.cancel(run);
  expect(await executeRun(deps, run)).toMatchObject({ state: "held" });
  await w.provider.stop();
});

test("revoke-first deletes the key at once, with every value", async () => {
  const w = await world(600);
  const { deps } = w.rig();
  const run = await startRun(deps, w.plan({ mode: "revoke-first" }));
  expect(await executeRun(deps, run)).toMatchObject({ state: "done" });
  expect(w.provider.keys.get(w.leaked.id)).toBeUndefined();
  expect(await w.answer(w.leaked.secret)).toBe("invalid");
  expect(await w.answer(w.foreign.secret)).toBe("alive");
  await w.provider.stop();
});
