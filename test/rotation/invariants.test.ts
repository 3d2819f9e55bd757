import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { parseServerConfig } from "../../src/config/server.ts";
import type { Driver, DriverContext } from "../../src/driver.ts";
import { judgeApprovals, judgeBreakGlass } from "../../src/incident/policy.ts";
import { silentLog } from "../../src/log.ts";
import { contextOf, type Rekey } from "../../src/pipeline/context.ts";
import { keptPlan, ownUse } from "../../src/pipeline/readiness.ts";
import { sweep } from "../../src/pipeline/sweep.ts";
import { evaluate } from "../../src/playbook/expression.ts";
import { makePlan, type PlannedSink } from "../../src/playbook/plan.ts";
import { openrouter } from "../../src/provider/openrouter.ts";
import { FencedError } from "../../src/rotation/journal.ts";
import { limitOf } from "../../src/rotation/limits.ts";
import { executeRun, startRun } from "../../src/rotation/run.ts";
import { fingerprint, fingerprintKey, Secret } from "../../src/secret.ts";
import { createMemorySink } from "../../src/secret-manager/memory.ts";
import { startOpenRouter } from "../../src/stand-in/openrouter.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { verifyChain } from "../../src/store/events.ts";
import { giveApproval, openApprovals, savePlan, useApprovals } from "../../src/store/evidence.ts";
import { openOrAddOccurrence, readTimeline } from "../../src/store/incidents.ts";
import { pauseRotations, resumeRotations } from "../../src/store/rotation-requests.ts";
import { finding } from "../store/findings.ts";
import { cases, disturb, settle } from "./matrix.ts";
import { expireLease, place, planOf, rig } from "./rig.ts";
import { type Fault, simulate } from "./simulation.ts";
import { userDatabase, usersPlaybook } from "./user-database.ts";

/** The safety invariants of rotation, one test each: it says what it forbids and by which mechanism, and fails without it. */

const folder = mkdtempSync(join(tmpdir(), "rekey-invariants-"));
let database: Database;
beforeAll(async () => {
  database = await openDatabase({ dataDir: join(folder, "db") });
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  for (const table of ["rotation_effect", "rotation_run"]) await sql`delete from ${sql.table(table)}`.execute(database.db);
});

const store: DriverContext = { host: "memory", timeout: 1000 };
const fields: PlannedSink = { ...place, field: "PGPASSWORD", companions: { username: "PGUSER" } };

function world(change: Partial<Parameters<typeof rig>[0]> = {}, driverChange: Partial<Driver> = {}) {
  const users = userDatabase("app", "the old password");
  const sink = createMemorySink();
  sink.set(fields.path, { PGUSER: "app", PGPASSWORD: "the old password" });
  const driver: Driver = { ...users.driver, ...driverChange };
  const plan = makePlan(usersPlaybook, driver.manifest, {
    ...planOf("app").facts,
    attributes: { user: "app" },
    sinks: [fields],
    timeouts: { consumers: 30, soak: 1 },
  });
  const made = rig({ database, driver, sink, store, leaked: "the old password", ...change });
  return { users, sink, plan, ...made, old: () => users.accepts("app", "the old password") };
}

async function opened(found = finding()) {
  const seen = { finding: found, exposedAt: "2026-11-25T00:00:00Z", preExisting: false };
  return (await database.db.transaction().execute((trx) => openOrAddOccurrence(trx, seen))).incident;
}

const openRouterCase = () => {
  const one = cases().find(({ playbook, mode }) => playbook.name === "openrouter-key" && mode === "graceful");
  if (one === undefined) throw new Error("the built-in playbook is gone");
  return one;
};

test("I1: the old credential is not revoked while a consumer is on it, since the gate asks again", async () => {
  let converged = false;
  const w = world({
    reports: async () => [{ version: converged ? "1" : "2", at: Date.now() }],
    wrap: (journal) => ({
      ...journal,
      settle: async (lease, key, state, result) => {
        await journal.settle(lease, key, state, result);
        converged ||= key === "converged"; // then the consumer restarts with what it had cached
      },
    }),
  });
  expect(await executeRun(w.deps, await startRun(w.deps, w.plan))).toMatchObject({ state: "held", code: "consumers-behind" });
  expect(w.old()).toBe(true);
});

test("I2: after an ambiguous answer nothing is destroyed before somebody looked, since unknown effects are observed first", async () => {
  const w = world({}, {});
  let sent = 0;
  const driver: Driver = {
    ...w.users.driver,
    probe: async (context, target) =>
      sent > 0 && target.attributes["username"] === "app_b" ? { answer: "unknown", code: "500" } : w.users.driver.probe(context, target),
    revoke: async () => {
      sent++;
    },
  };
  let now = Date.now();
  const deps = {
    ...w.deps,
    driver: () => driver,
    journal: { ...w.deps.journal, now: async () => now },
    sleep: async (milliseconds: number) => {
      now += milliseconds;
    },
    reports: async () => [{ version: "2", at: 1 }],
  };
  sent = 1; // from the start the new credential answers nothing clear
  expect(await executeRun(deps, await startRun(deps, w.plan))).toMatchObject({ state: "held", code: "new-credential-refused" });
  expect(sent, "revoke was never sent").toBe(1);
  const lost: Fault[] = [{ in: "call", at: 2, when: "after", kind: "timeout" }];
  expect((await disturb(openRouterCase(), lost)).wrong, "a lost answer of issue is no second key").toEqual([]);
});

test("I3: a slot that somebody may use is not regenerated, since its owner must have declared it free", () => {
  const manifest = {
    ...openrouter.manifest,
    class: "two-slot" as const,
    verbs: { ...openrouter.manifest.verbs, issue: { effect: "destroy", retry: "safe" } as const },
  };
  const { facts } = planOf("key-1");
  const playbook = {
    ...usersPlaybook,
    steps: usersPlaybook.steps.map((step) => ({ ...step, uses: step.uses.replace("users/", "openrouter/") })),
  };
  expect(makePlan(playbook, manifest, facts).blockers.join()).toContain("other_slot: unused");
  const free = makePlan(playbook, manifest, { ...facts, otherSlot: "unused" });
  expect(free.blockers).toEqual([]);
  expect(free.pointOfNoReturn, "regenerating is where the way back ends").toBe("mint");
  expect(free.approvals.map(({ why }) => why).join()).toContain("regenerates the other slot too");
});

test("I4: a credential that we did not make is never discarded, since only rekey-<run> names are looked for", async () => {
  const provider = await startOpenRouter();
  const context: DriverContext = { host: provider.url, credential: provider.managementKey, timeout: 2000 };
  const like = { id: "x".repeat(16), state: "active" as const, attributes: {} };
  for (const name of ["production", "rekey", "rekey-run-1"]) provider.createKey(name);
  await expect(openrouter.discard?.(context, { name: "production", like })).rejects.toMatchObject({ code: "not-our-name" });
  await expect(openrouter.issue?.(context, { name: "production", like, token: "t" })).rejects.toMatchObject({ code: "not-our-name" });
  expect(await openrouter.discard?.(context, { name: "rekey-run-2", like })).toBe(0);
  expect(provider.keys()).toHaveLength(3);
  await provider.stop();
});

test("I5: one credential has one open run, since a unique index holds it", async () => {
  const w = world();
  const all = await Promise.allSettled(Array.from({ length: 20 }, () => startRun(w.deps, w.plan)));
  expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});

test("I6: a worker whose lease was taken over writes nothing more, since every effect checks the epoch", async () => {
  const w = world();
  const run = await startRun(w.deps, w.plan);
  const stale = await w.deps.journal.claim(run, { ttl: 60_000, grace: 0 });
  if (stale === undefined) throw new Error("expected a lease");
  await w.deps.journal.intend(stale, { key: "issue", destroy: false });
  await expireLease(database, run);
  expect(await w.deps.journal.claim(run, { ttl: 60_000, grace: 0 })).toBeDefined(); // and the successor's lease is alive
  for (const act of [
    () => w.deps.journal.intend(stale, { key: "revoke", destroy: true }),
    () => w.deps.journal.send(stale, "issue"),
    () => w.deps.journal.settle(stale, "issue", "confirmed"),
    () => w.deps.journal.finish(stale, "done"),
  ])
    await expect(act()).rejects.toThrow(FencedError);
});

test("I7: three crashes around issuing make one credential, since what a name shows to be half made is discarded", async () => {
  const one = openRouterCase();
  for (const when of ["before", "after"] as const) {
    for (const at of [2, 3, 4]) {
      const simulation = simulate(one.playbook, one.manifest, one.mode);
      const run = await simulation.start();
      for (let worker = 0; worker < 3; worker++) await simulation.work(run, [{ in: "call", at, when, kind: "crash" }]);
      expect(await simulation.faultsAtRest(await settle(simulation, run, [])), `${when} call ${at}`).toEqual([]);
    }
  }
});

test("I8: a credential that a run made and lost is found and removed, and one that the journal does not know is not", async () => {
  const provider = await startOpenRouter();
  const incident = await opened();
  const w = world();
  const plan = planOf("x", { incident: incident.id });
  const run = await startRun({ ...w.deps, emit: async () => undefined }, plan);
  const inUse = provider.createKey(`rekey-${run}`);
  const lost = provider.createKey(`rekey-${run}`);
  const foreign = provider.createKey("rekey-run-000000000000");
  const lease = await w.deps.journal.claim(run, { ttl: 60_000, grace: 0 });
  if (lease === undefined) throw new Error("expected a lease");
  await w.deps.journal.intend(lease, { key: "issue", destroy: false });
  await w.deps.journal.settle(lease, "issue", "confirmed", { record: { id: inUse.hash } });
  const rekey = {
    config: parseServerConfig(`connections: { router: { type: openrouter, host: "${provider.url}", credential: env:K } }`, "rekey.yml"),
    database,
    drivers: [openrouter],
    sinkFor: () => undefined,
    credential: () => Secret.from(provider.managementKey.reveal()),
    fingerprintKeys: [],
    log: silentLog,
  } as unknown as Rekey;
  expect(await sweep(rekey), "the run is still open").toBe(0);
  await w.deps.journal.finish(lease, "done");
  expect(await sweep(rekey), "it ended just now").toBe(0);
  await sql`update rotation_run set ended_at = clock_timestamp() - interval '2 hours' where id = ${run}`.execute(database.db);
  expect(await sweep(rekey)).toBe(1);
  expect(provider.keys().map(({ hash }) => hash)).toEqual([inUse.hash, foreign.hash]);
  expect((await readTimeline(database.db, incident.id)).at(-1)?.event).toEqual({ type: "orphan-removed", run, record: lost.hash });
  await provider.stop();
});

test("I9: a cancelled run is taken back in reverse whatever breaks meanwhile, since every part of the undo is journaled; after the first destroy it goes on", async () => {
  const one = openRouterCase();
  for (const kind of ["crash", "timeout"] as const) {
    for (let at = 1; at <= 14; at++) {
      const simulation = simulate(one.playbook, one.manifest, one.mode);
      const run = await simulation.start();
      // dies once the new credential is current
      await simulation.work(run, [{ in: "call", at: 10, when: "after", kind: "crash" }]);
      await simulation.journal.cancel(run);
      await simulation.work(run, [{ in: "call", at, when: "after", kind }]);
      const ended = await settle(simulation, run, []);
      expect(ended.state, `${kind} at ${at}`).toBe("undone");
      expect(await simulation.faultsAtRest(ended), `${kind} at ${at}`).toEqual([]);
    }
  }
  const late = simulate(one.playbook, one.manifest, one.mode);
  const run = await late.start();
  const revoke = (await writesOf(one)).indexOf("revoke") + 1;
  await late.work(run, [{ in: "journal", at: revoke, when: "after", kind: "crash" }]);
  expect((await late.journal.effects(run)).find(({ key }) => key === "revoke")?.state).toBe("intended");
  await late.journal.cancel(run);
  expect((await settle(late, run, [])).state).toBe("done");
});

/** Key of each write of the journal in an undisturbed run. */
async function writesOf(one: ReturnType<typeof openRouterCase>): Promise<string[]> {
  for (let at = 1; ; at++) {
    const simulation = simulate(one.playbook, one.manifest, one.mode);
    const run = await simulation.start();
    await simulation.work(run, [{ in: "journal", at, when: "after", kind: "crash" }]);
    const last = (await simulation.journal.effects(run)).at(-1);
    if (last?.key === "revoke" && last.state === "intended") return [...Array<string>(at - 1).fill(""), "revoke"];
    if (at > 100) throw new Error("revoke was never intended");
  }
}

test("I10: an approval is for one plan, one run and 24 hours, since its hash covers the exact playbook and using it is one statement", async () => {
  const incident = await opened();
  const give = (by: string, source: string) =>
    database.db.transaction().execute((trx) => giveApproval(trx, { incident: incident.id, planHash: "plan-a", by, role: "owner", source }));
  await give("mara", "comment-1");
  expect(await give("mara", "comment-1"), "the same comment twice").toBeUndefined();
  expect(await openApprovals(database.db, incident.id, "plan-b"), "another plan").toEqual([]);
  const [approval] = await openApprovals(database.db, incident.id, "plan-a");
  const use = (run: string) => database.db.transaction().execute((trx) => useApprovals(trx, [approval?.id ?? 0], run));
  expect([await use("run-1"), await use("run-2")]).toEqual([true, false]);
  expect(await openApprovals(database.db, incident.id, "plan-a")).toEqual([]);
  await give("mara", "comment-2");
  await sql`update approval set given_at = clock_timestamp() - interval '25 hours' where source = 'comment-2'`.execute(database.db);
  expect(await openApprovals(database.db, incident.id, "plan-a"), "too old").toEqual([]);

  const { facts } = planOf("x");
  const hash = (change: object) => makePlan({ ...usersPlaybook, ...change }, userDatabase("a", "b").driver.manifest, facts).hash;
  const renamed = usersPlaybook.steps.map((step) => ({ ...step, title: "something else" }));
  expect(new Set([hash({}), hash({ version: 2 }), hash({ steps: renamed })]).size, "same name and version, other text").toBe(3);
  const production = {
    risk: "graceful" as const,
    environment: "production",
    requesterHasWrite: true,
    leakers: ["dev"],
    owners: ["mara"],
    securityTeam: ["sven"],
  };
  const now = new Date().toISOString();
  const by = (login: string) => judgeApprovals({ ...production, requester: "mara", approvals: [{ by: login, at: now }] }, now).state;
  expect([by("dev"), by("mara"), by("sven")], "not the leaker, not the requester").toEqual(["needed", "needed", "granted"]);
});

test("I11: an emergency needs two people within an hour, since one is never enough", () => {
  const now = new Date().toISOString();
  const question = {
    risk: "graceful" as const,
    requester: "mara",
    requesterHasWrite: true,
    leakers: ["dev"],
    owners: ["mara"],
    securityTeam: ["sven"],
  };
  const ask = (...people: string[]) =>
    judgeBreakGlass({ ...question, approvals: people.map((by) => ({ by, at: now, role: "break-glass" })) }, now).state;
  expect([ask("mara"), ask("mara", "dev"), ask("mara", "sven")]).toEqual(["needed", "needed", "granted"]);
});

test("I12: faults in a row open the breaker and a pause holds everything, since each start and each change asks", async () => {
  const limits = { runsPerHour: 100, perProvider: 100, perIdentity: 100, breaker: { failures: 2, coolDown: 60_000 } };
  const run = { driver: "users/password", state: "held" as const, code: "provider-unavailable", startedAt: 1, endedAt: 2 };
  const plan = { ...world().plan, driver: "users/password" };
  expect(limitOf({ now: 10, recent: [run, run] }, plan, limits)?.kind).toBe("breaker");
  const w = world();
  const id = await startRun(w.deps, w.plan);
  await pauseRotations(database.db, "the operator", "why");
  expect(await executeRun(w.deps, id)).toMatchObject({ state: "held", code: "paused" });
  await resumeRotations(database.db);
  expect(w.users.users.size, "nothing was made").toBe(1);
});

test("I13: what happened cannot be rewritten, since a trigger forbids it and the chain shows it", async () => {
  const incident = await opened();
  await expect(sql`update event set body = '{}' where stream = ${incident.id}`.execute(database.db)).rejects.toThrow("append-only");
  await expect(sql`delete from event where stream = ${incident.id}`.execute(database.db)).rejects.toThrow("append-only");
  expect((await verifyChain(database.db)).problems).toEqual([]);
});

test("I14: no value is in the database after a run, since results are references", async () => {
  const w = world();
  const deps = { ...w.deps, reports: async () => [{ version: "2", at: 1 }] };
  expect(await executeRun(deps, await startRun(deps, w.plan))).toMatchObject({ state: "done" });
  const value = (await w.sink.read(store, fields))?.fields["PGPASSWORD"]?.reveal() ?? "";
  const { rows } = await sql<{ text: string }>`
    select string_agg(t::text, ' ') as text from (select r::text as t from rotation_run r union all select e::text from rotation_effect e) x`.execute(
    database.db,
  );
  expect(rows[0]?.text).toContain("app_b");
  for (const secret of [value, "the old password"])
    for (const form of [secret, Buffer.from(secret).toString("base64"), Buffer.from(secret).toString("hex")])
      expect(rows[0]?.text).not.toContain(form);
});

test("I15: a driver gets the credential of its own connection and no other, since each context reads one reference", () => {
  const asked: string[] = [];
  const config = parseServerConfig(
    "connections:\n  a: { type: openrouter, host: h, credential: env:A }\n  b: { type: vault, host: h, credential: env:B }\n",
    "rekey.yml",
  );
  const rekey = {
    config,
    credential: (reference: string) => {
      asked.push(reference);
      return Secret.from("x");
    },
  } as unknown as Rekey;
  contextOf(rekey, "a", openrouter);
  expect(contextOf(rekey, undefined, openrouter).credential).toBeUndefined();
  expect(asked).toEqual(["env:A"]);
});

test("I16: a value is sent to no other host, since redirects are not followed and hosts are pinned", async () => {
  const [provider, elsewhere] = [await startOpenRouter(), await startOpenRouter()];
  provider.fail("GET", /^\/api\/v1\/key$/, "redirect");
  const probe = { attributes: { host: elsewhere.url, base_url: elsewhere.url }, secret: provider.createKey("k").secret };
  const context: DriverContext = { host: provider.url, timeout: 2000 };
  expect((await openrouter.probe(context, probe)).answer).toBe("unknown");
  expect((await openrouter.probe(context, probe)).answer, "the finding's own address counts for nothing").toBe("alive");
  await Promise.all([provider.stop(), elsewhere.stop()]);
});

test("I17: nothing that a stranger wrote is executed, since expressions are names and comparisons", () => {
  const scope = { mode: "graceful", inputs: { name: "x" } };
  for (const text of [
    "constructor",
    "mode.constructor",
    "__proto__",
    "inputs.__proto__.x",
    "process.exit",
    "inputs.name()",
    "mode = 'x'",
    "`a`",
  ])
    expect(() => evaluate(`\${{ ${text} }}`, scope), text).toThrow(SyntaxError);
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => {
      try {
        return ["string", "number", "boolean", "undefined"].includes(typeof evaluate(`\${{ ${text} }}`, scope));
      } catch (error) {
        return error instanceof SyntaxError;
      }
    }),
    { numRuns: 500 },
  );
});

test("I18: an outage or a throttle is not death, and refusals count only when spaced over the propagation time", async () => {
  const w = world();
  const answers = ["unknown", "invalid", "unknown", "alive", "invalid", "invalid", "invalid"] as const;
  const asked: number[] = [];
  let now = 1_000_000;
  const driver: Driver = {
    ...w.users.driver,
    manifest: { ...w.users.driver.manifest, propagation: { create: 1, revoke: 40_000 } },
    probe: async (context, target) => {
      if (target.attributes["username"] === "app_b") return w.users.driver.probe(context, target);
      asked.push(now);
      const answer = answers[asked.length - 1] ?? "invalid";
      return { answer, code: answer === "unknown" ? "429" : answer };
    },
  };
  const deps = {
    ...w.deps,
    driver: () => driver,
    journal: { ...w.deps.journal, now: async () => now },
    sleep: async (milliseconds: number) => {
      now += milliseconds;
    },
    reports: async () => [{ version: "2", at: 1 }],
  };
  expect(await executeRun(deps, await startRun(deps, w.plan))).toMatchObject({ state: "done" });
  expect(asked).toHaveLength(answers.length);
  const [, , , , first = 0, , last = 0] = asked;
  expect(last - first).toBeGreaterThanOrEqual(40_000);
});

test.each([-3_600_000, 3_600_000])(
  "I19: a worker whose clock is wrong by %d ms changes nothing, since deadlines are the database's",
  async (skew) => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + skew });
    try {
      const w = world();
      const deps = { ...w.deps, reports: async () => [{ version: "2", at: 1 }] };
      expect(await executeRun(deps, await startRun(deps, w.plan))).toMatchObject({ state: "done" });
    } finally {
      vi.useRealTimers();
    }
  },
);

test("I20: a run that is carried out again does nothing again, since what is confirmed is not repeated", async () => {
  const calls: string[] = [];
  const users = userDatabase("app", "the old password");
  const counted: Partial<Driver> = {
    issue: async (context, request) => {
      calls.push("issue");
      return users.driver.issue?.(context, request) ?? Promise.reject(new Error("no issue"));
    },
    revoke: async (context, record, target) => {
      calls.push("revoke");
      await users.driver.revoke?.(context, record, target);
    },
    probe: users.driver.probe,
    list: users.driver.list ?? (async () => []),
  };
  const w = world({}, counted);
  const deps = { ...w.deps, driver: () => ({ ...users.driver, ...counted }), reports: async () => [{ version: "2", at: 1 }] };
  const run = await startRun(deps, w.plan);
  for (const key of ["issue", "promote-0", "revoke"]) {
    const settle: typeof deps.journal.settle = async (lease, settled, state, result) => {
      await deps.journal.settle(lease, settled, state, result);
      if (settled === key) throw new FencedError("the worker is gone");
    };
    await executeRun({ ...deps, journal: { ...deps.journal, settle } }, run);
    await expireLease(database, run);
  }
  await executeRun(deps, run);
  expect(calls, "taken up three times, each thing done once").toEqual(["issue", "revoke"]);
  const [events, before] = [w.events.length, JSON.stringify([...users.users])];
  for (let again = 0; again < 3; again++) expect(await executeRun(deps, run)).toMatchObject({ state: "done" });
  expect([w.events.length, JSON.stringify([...users.users])]).toEqual([events, before]);
});

test("I21, I22: Rekey does not rotate what it uses itself, and sees that a key it made leaked again, since both are fingerprints that it knows", async () => {
  const keys = [fingerprintKey(Buffer.alloc(32, 9))];
  const of = (value: string) => fingerprint(Secret.from(value), { tenant: keys, salts: [] });
  const rekey = {
    config: parseServerConfig("connections:\n  aws: { type: aws, host: eu-west-1, credential: env:A }\n", "rekey.yml"),
    database,
    fingerprintKeys: keys,
    credential: () => Secret.from("AKIDEXAMPLE:our-own-secret-access-key"),
  } as unknown as Rekey;
  const own = await opened(finding({ fingerprint: of("our-own-secret-access-key") }));
  expect(ownUse(rekey, own)).toBe("connections.aws");
  await database.db.transaction().execute((trx) => savePlan(trx, { incident: own.id, hash: "h1", playbook: "p@1", body: planOf("x") }));
  expect((await keptPlan(rekey, own.id))?.blockers).toEqual([
    expect.stringContaining("Rekey itself uses this credential (connections.aws)"),
  ]);

  const w = world({ reports: async () => [{ version: "2", at: 1 }] });
  const deps = { ...w.deps, fingerprint: (secret: Secret) => of(secret.reveal()) };
  const run = await startRun(deps, w.plan);
  await executeRun(deps, run);
  const made = (await w.sink.read(store, fields))?.fields["PGPASSWORD"]?.reveal() ?? "";
  const again = await opened(finding({ fingerprint: of(made) }));
  await database.db.transaction().execute((trx) => savePlan(trx, { incident: again.id, hash: "h2", playbook: "p@1", body: planOf("x") }));
  expect((await keptPlan(rekey, again.id))?.record?.regression).toMatchObject({ run });

  // after Rekey's own fingerprint key was replaced: the run still knows its key by the old form
  const newer = fingerprintKey(Buffer.alloc(32, 10));
  const now = fingerprint(Secret.from(made), { tenant: [newer, ...keys], salts: [] });
  const plain = await opened(finding({ fingerprint: `${now}x` }));
  const later = await opened(finding({ fingerprint: now, subject: "elsewhere", aliases: [of(made)] }));
  for (const { id } of [plain, later])
    await database.db.transaction().execute((trx) => savePlan(trx, { incident: id, hash: `h-${id}`, playbook: "p@1", body: planOf("x") }));
  expect((await keptPlan(rekey, later.id))?.record?.regression).toMatchObject({ run });
  expect((await keptPlan(rekey, plain.id))?.record?.regression).toBeUndefined();
});
