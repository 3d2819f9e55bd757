import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DriverContext } from "../../src/driver.ts";
import type { Journal, Run } from "../../src/rotation/journal.ts";
import { executeRun, startRun } from "../../src/rotation/run.ts";
import type { Secret } from "../../src/secret.ts";
import { createMemorySink, type MemorySink } from "../../src/secret-manager/memory.ts";
import { type OpenRouter, startOpenRouter } from "../../src/stand-in/openrouter.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { Crash, dying } from "./dying.ts";
import { expireLease, place, planOf, rig } from "./rig.ts";

const folder = mkdtempSync(join(tmpdir(), "rekey-faults-"));
let database: Database;
beforeAll(async () => {
  database = await openDatabase({ dataDir: join(folder, "db") });
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

interface World {
  readonly provider: OpenRouter;
  readonly leaked: { hash: string; secret: Secret };
  readonly foreign: string;
  readonly sink: MemorySink;
  readonly context: DriverContext;
  rig(wrap?: (journal: Journal) => Journal, reports?: Parameters<typeof rig>[0]["reports"]): ReturnType<typeof rig>;
  /** Hash of the key that the consumer would read now. */
  current(): Promise<string>;
  live(): string[];
}

async function world(): Promise<World> {
  const provider = await startOpenRouter();
  const leaked = provider.createKey("triage");
  const foreign = provider.createKey("somebody else's").hash;
  const sink = createMemorySink();
  const context: DriverContext = { host: "memory", timeout: 1000 };
  sink.set(place.path, { [place.field]: leaked.secret.reveal() });
  const live = () =>
    provider
      .keys()
      .filter(({ disabled, hash }) => !disabled && hash !== foreign)
      .map(({ hash }) => hash);
  const current = async () =>
    createHash("sha256")
      .update((await sink.read(context, place))?.fields[place.field]?.reveal() ?? "")
      .digest("hex");
  return {
    provider,
    leaked,
    foreign,
    sink,
    context,
    live,
    current,
    rig: (wrap, reports) =>
      rig({
        database,
        provider: { url: provider.url, managementKey: provider.managementKey.reveal() },
        sink,
        store: context,
        leaked: leaked.secret.reveal(),
        ...(wrap === undefined ? {} : { wrap }),
        ...(reports === undefined ? {} : { reports }),
      }),
  };
}

async function settled(w: World, run: string): Promise<Run | undefined> {
  for (let attempt = 0; attempt < 3; attempt++) {
    await expireLease(database, run);
    const ended = await executeRun(w.rig().deps, run);
    if (ended?.state !== "running") return ended;
  }
  return undefined;
}

async function expectRotated(w: World, run: string): Promise<void> {
  const live = w.live();
  expect(live, "exactly one live key").toHaveLength(1);
  expect(live).not.toContain(w.leaked.hash);
  expect(await w.current(), "the consumer reads the live key").toBe(live[0]);
  expect(
    w.provider.keys().map(({ hash }) => hash),
    "a foreign key is untouched",
  ).toContain(w.foreign);
  const minted = (await w.rig().deps.journal.effects(run)).find(({ key }) => key === "issue")?.result as { record: { id: string } };
  expect(minted.record.id, "the journal knows the live key").toBe(live[0]);
  expect(await w.sink.readPending(w.context, place, run), "nothing is left staged").toBeUndefined();
}

test("without a fault: replaced, revoked, and dead by three controlled probes", async () => {
  const w = await world();
  const { deps, events, receipts } = w.rig();
  const run = await startRun(deps, planOf(w.leaked.hash));
  expect((await executeRun(deps, run))?.state).toBe("done");
  await expectRotated(w, run);
  expect(events.map(({ type }) => type)).toEqual(["run-started", "replaced", "contained", "revoked", "dead", "closed", "run-ended"]);
  expect(receipts.filter(({ subject, answer }) => subject === "old" && answer === "invalid")).toHaveLength(3);
  expect(receipts.filter(({ subject, answer }) => subject === "control" && answer === "alive")).toHaveLength(3);
  await w.provider.stop();
});

describe("a worker that dies at any write of the journal loses no key", () => {
  const points = Array.from({ length: 40 }, (_, index) => index + 1);
  test.each(points.flatMap((at) => (["before", "after"] as const).map((when) => ({ at, when }))))(
    "$when write $at",
    async ({ at, when }) => {
      const w = await world();
      const broken: string[] = [];
      const watch = async () => {
        if (!w.live().includes(await w.current())) broken.push("the consumer's key was not live");
      };
      let writes = () => 0;
      const dyingRig = w.rig((journal) => {
        const made = dying(journal, at, when, watch);
        writes = made.writes;
        return made.journal;
      });
      const run = await startRun(w.rig().deps, planOf(w.leaked.hash));
      const died = await executeRun(dyingRig.deps, run).then(
        () => false,
        (error: unknown) => {
          if (error instanceof Crash) return true;
          throw error;
        },
      );
      if (died) expect((await settled(w, run))?.state).toBe("done");
      else expect(writes()).toBeLessThan(at);
      await expectRotated(w, run);
      expect(broken).toEqual([]);
      await w.provider.stop();
    },
  );
});

describe("an answer that is lost after the effect", () => {
  test.each([
    ["of making the key", "POST", /^\/api\/v1\/keys$/],
    ["of disabling the old key", "PATCH", /^\/api\/v1\/keys\//],
    ["of deleting the old key", "DELETE", /^\/api\/v1\/keys\//],
  ] as const)("%s leaves one live key, known to the journal", async (_name, method, path) => {
    const w = await world();
    w.provider.fail(method, path, "drop-after");
    const { deps } = w.rig();
    const run = await startRun(deps, planOf(w.leaked.hash));
    expect((await executeRun(deps, run))?.state).toBe("done");
    await expectRotated(w, run);
    await w.provider.stop();
  });
});

test.each(["429", "500", "drop-before"] as const)("a provider that answers %s for a while only delays", async (fault) => {
  const w = await world();
  w.provider.fail("POST", /^\/api\/v1\/keys$/, fault, 2);
  w.provider.fail("GET", /^\/api\/v1\/key$/, fault, 2);
  const { deps } = w.rig();
  const run = await startRun(deps, planOf(w.leaked.hash));
  expect((await executeRun(deps, run))?.state).toBe("done");
  await expectRotated(w, run);
  await w.provider.stop();
});

test("a provider that stays away holds the run, and the old key keeps working", async () => {
  const w = await world();
  w.provider.fail("POST", /^\/api\/v1\/keys$/, "500", 50);
  const { deps, events } = w.rig();
  const run = await startRun(deps, planOf(w.leaked.hash));
  expect(await executeRun(deps, run)).toMatchObject({ state: "held", code: "provider-unavailable" });
  expect(events.at(-2)).toMatchObject({ type: "run-held", code: "provider-unavailable" });
  expect(w.live()).toEqual([w.leaked.hash]);
  await w.provider.stop();
});

test("a consumer that does not report the new version keeps the old key alive", async () => {
  const w = await world();
  const { deps } = w.rig(undefined, async () => [{ version: "1", at: Date.now() }]);
  const run = await startRun(deps, planOf(w.leaked.hash, { timeouts: { consumers: 30, soak: 1 } }));
  expect(await executeRun(deps, run)).toMatchObject({ state: "held", code: "consumers-behind" });
  expect(w.live()).toContain(w.leaked.hash);
  await w.provider.stop();
});

test("somebody else's write between read and promote is kept, and the run holds", async () => {
  const w = await world();
  let seen = false;
  const { deps } = w.rig((journal) => ({
    ...journal,
    settle: async (lease, key, state, result) => {
      await journal.settle(lease, key, state, result);
      if (key !== "promote-0-from" || seen) return;
      seen = true;
      w.sink.set(place.path, { [place.field]: "written-by-somebody-else" });
    },
  }));
  const run = await startRun(deps, planOf(w.leaked.hash));
  expect(await executeRun(deps, run)).toMatchObject({ state: "held", code: "sink-conflict" });
  expect((await w.sink.read(w.context, place))?.fields[place.field]?.reveal()).toBe("written-by-somebody-else");
  expect(w.live()).toContain(w.leaked.hash);
  await w.provider.stop();
});

test("a cancelled run takes everything back", async () => {
  const w = await world();
  const { deps } = w.rig(undefined, async () => [{ version: "1", at: Date.now() }]);
  const run = await startRun(deps, planOf(w.leaked.hash, { timeouts: { consumers: 30, soak: 1 } }));
  await executeRun(deps, run);
  await deps.journal.cancel(run);
  expect(await executeRun(deps, run)).toMatchObject({ state: "undone", code: "cancelled" });
  expect(w.live()).toEqual([w.leaked.hash]);
  expect(await w.current()).toBe(w.leaked.hash);
  expect(await w.sink.readPending(w.context, place, run)).toBeUndefined();
  await w.provider.stop();
});

test("a provider that says revoked while the key still works is never believed", async () => {
  const w = await world();
  const { deps, events } = w.rig();
  const lying = { ...deps, driver: () => ({ ...deps.driver("x"), revoke: async () => undefined, disable: async () => undefined }) };
  let now = Date.now();
  const clock: Journal = { ...deps.journal, now: async () => now };
  const run = await startRun(lying, planOf(w.leaked.hash));
  const ended = await executeRun(
    {
      ...lying,
      journal: clock,
      sleep: async (milliseconds) => {
        now += milliseconds;
      },
    },
    run,
  );
  expect(ended).toMatchObject({ state: "held", code: "death-not-proven" });
  expect(events.map(({ type }) => type)).not.toContain("dead");
  await w.provider.stop();
});

test("a 401 that also meets the control proves nothing", async () => {
  const w = await world();
  const { deps, events } = w.rig();
  let revoked = false;
  let now = Date.now();
  const proxied = {
    ...deps,
    journal: { ...deps.journal, now: async () => now },
    sleep: async (milliseconds: number) => {
      now += milliseconds;
    },
    driver: () => {
      const real = deps.driver("x");
      return {
        ...real,
        revoke: async (...args: Parameters<NonNullable<typeof real.revoke>>) => {
          await real.revoke?.(...args);
          revoked = true;
        },
        probe: async (...args: Parameters<typeof real.probe>) =>
          revoked ? ({ answer: "invalid", code: "401" } as const) : real.probe(...args),
      };
    },
  };
  const run = await startRun(proxied, planOf(w.leaked.hash));
  expect(await executeRun(proxied, run)).toMatchObject({ state: "held", code: "death-not-proven" });
  expect(events.map(({ type }) => type)).not.toContain("dead");
  await w.provider.stop();
});

test("50 starts for one credential are one run", async () => {
  const w = await world();
  const { deps } = w.rig();
  const plan = planOf(w.leaked.hash);
  const results = await Promise.allSettled(Array.from({ length: 50 }, () => startRun(deps, plan)));
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  await w.provider.stop();
});

test("a worker whose lease was taken over sends nothing more", async () => {
  const w = await world();
  const { deps } = w.rig();
  const run = await startRun(deps, planOf(w.leaked.hash));
  const stale = await deps.journal.claim(run, { ttl: 10_000, grace: 0 });
  if (stale === undefined) throw new Error("expected a lease");
  await deps.journal.intend(stale, { key: "issue", destroy: false });
  await expireLease(database, run);
  expect((await executeRun(deps, run))?.state).toBe("done");
  await expect(deps.journal.send(stale, "issue")).rejects.toThrow(/taken over/);
  await expect(deps.journal.settle(stale, "issue", "confirmed", { record: { id: randomBytes(4).toString("hex") } })).rejects.toThrow(
    /taken over/,
  );
  await expectRotated(w, run);
  await w.provider.stop();
});
