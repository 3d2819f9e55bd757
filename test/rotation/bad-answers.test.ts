import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { DriverContext } from "../../src/driver.ts";
import { executeRun, startRun } from "../../src/rotation/run.ts";
import { Secret } from "../../src/secret.ts";
import { createMemorySink, type MemorySink } from "../../src/secret-manager/memory.ts";
import { type OpenRouter, startOpenRouter } from "../../src/stand-in/openrouter.ts";
import type { Fault } from "../../src/stand-in/vendor.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { place, planOf, rig } from "./rig.ts";

const folder = mkdtempSync(join(tmpdir(), "rekey-answers-"));
const store: DriverContext = { host: "memory", timeout: 1000 };
let database: Database;
let provider: OpenRouter;
let leaked: { hash: string; secret: Secret };
let sink: MemorySink;
beforeAll(async () => {
  database = await openDatabase({ dataDir: join(folder, "db") });
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  provider = await startOpenRouter();
  leaked = provider.createKey("triage");
  sink = createMemorySink();
  sink.set(place.path, { [place.field]: leaked.secret.reveal() });
});
afterEach(() => provider.stop());

const engine = (credential = provider.managementKey) =>
  rig({
    database,
    provider: { url: provider.url, managementKey: credential.reveal() },
    sink,
    store,
    leaked: leaked.secret.reveal(),
  });
const alive = (hash: string) => provider.keys().some((key) => key.hash === hash && !key.disabled);

const answers: readonly [Fault, string, RegExp][] = [
  ["html", "unexpected-answer", /the vendor's API may have changed/],
  ["redirect", "redirected", /answered with a redirect \(302\), which is never followed/],
  ["foreign-401", "connection-refused", /check the credential of this connection and its rights/],
];

describe("before anything is destroyed, the old credential stays in use and the run says what came", () => {
  test.each(answers)("%s to a list", async (fault, code, message) => {
    provider.fail("GET", /^\/api\/v1\/keys$/, fault);
    const run = await startRun(engine().deps, planOf(leaked.hash));
    const ended = await executeRun(engine().deps, run);
    expect(ended).toMatchObject({ state: "held", code, message: expect.stringMatching(message) });
    expect(alive(leaked.hash)).toBe(true);
    expect((await sink.read(store, place))?.fields[place.field]?.reveal()).toBe(leaked.secret.reveal());
  });

  test.each([
    ["redirect", "redirected", /never followed/],
    ["foreign-401", "connection-refused", /check the credential/],
  ] as const)("%s to the creation of a key", async (fault, code, message) => {
    provider.fail("POST", /^\/api\/v1\/keys$/, fault);
    const run = await startRun(engine().deps, planOf(leaked.hash));
    expect(await executeRun(engine().deps, run)).toMatchObject({ state: "held", code, message: expect.stringMatching(message) });
    expect(provider.keys().map(({ hash }) => hash)).toEqual([leaked.hash]);
    expect(alive(leaked.hash)).toBe(true);
  });

  test.each(["html", "redirect", "foreign-401"] as const)("%s to every test of the new key: it is not put into use", async (fault) => {
    provider.fail("GET", /^\/api\/v1\/key$/, fault, 1000);
    const { deps } = engine();
    let now = Date.now();
    const fast = {
      ...deps,
      journal: { ...deps.journal, now: async () => now },
      sleep: async (ms: number) => {
        now += ms;
      },
    };
    const run = await startRun(fast, planOf(leaked.hash));
    const ended = await executeRun(fast, run);
    expect(ended).toMatchObject({
      state: "held",
      code: "new-credential-refused",
      message: expect.stringContaining("the old one is untouched"),
    });
    expect(alive(leaked.hash)).toBe(true);
    expect((await sink.read(store, place))?.fields[place.field]?.reveal()).toBe(leaked.secret.reveal());
    await deps.journal.cancel(run);
    expect(await executeRun(fast, run)).toMatchObject({ state: "undone" });
    expect(
      provider.keys().map(({ hash }) => hash),
      "the key that was made for it is removed",
    ).toEqual([leaked.hash]);
  });
});

test("a connection without rights changes nothing, and the run says which credential to look at", async () => {
  const powerless = Secret.from(`sk-or-v1-${"0".repeat(64)}`);
  const { deps } = engine(powerless);
  const run = await startRun(deps, planOf(leaked.hash));
  expect(await executeRun(deps, run)).toMatchObject({
    state: "held",
    code: "connection-refused",
    message: expect.stringContaining("check the credential of this connection and its rights"),
  });
  expect(alive(leaked.hash)).toBe(true);
});

test.each(["html", "redirect", "foreign-401"] as const)(
  "%s to every probe after the revocation: revoked, and never called dead",
  async (fault) => {
    const { deps, events } = engine();
    let now = Date.now();
    const fast = {
      ...deps,
      journal: {
        ...deps.journal,
        now: async () => now,
        settle: async (...settled: Parameters<typeof deps.journal.settle>) => {
          await deps.journal.settle(...settled);
          if (settled[1] === "revoke" && settled[2] === "confirmed") provider.fail("GET", /^\/api\/v1\/key$/, fault, 10_000);
        },
      },
      sleep: async (ms: number) => {
        now += ms;
      },
    };
    const run = await startRun(fast, planOf(leaked.hash));
    const ended = await executeRun(fast, run);
    expect(ended).toMatchObject({
      state: "held",
      code: "death-not-proven",
      message: expect.stringMatching(/^revoked, but its death is not proven/),
    });
    expect(events.map(({ type }) => type)).toContain("revoked");
    expect(events.map(({ type }) => type)).not.toContain("dead");
    expect((await sink.read(store, place))?.fields[place.field]?.reveal()).not.toBe(leaked.secret.reveal());
  },
);
