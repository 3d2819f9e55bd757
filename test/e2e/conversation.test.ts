import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { sql } from "kysely";
import { afterEach, test as always, expect } from "vitest";
import { startAgent } from "../../src/cli/demo-agent.ts";
import { asUser, type DemoWorld, leak, pushFile, startWorld } from "../../src/cli/demo-world.ts";
import { pinOf, request } from "../../src/http.ts";
import type { Incident } from "../../src/incident/fold.ts";
import { ensureOpenBao } from "../../src/stand-in/openbao.ts";
import { verifyChain } from "../../src/store/events.ts";
import { latestPlan } from "../../src/store/evidence.ts";
import { listIncidents, recordEvents } from "../../src/store/incidents.ts";
import { real } from "../servers/real.ts";

const test = always.runIf((await real("OpenBao", () => ensureOpenBao())) !== undefined);

let world: DemoWorld | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

async function start(rollout?: string): Promise<DemoWorld> {
  world = await startWorld(() => undefined, rollout === undefined ? {} : { rollout });
  return world;
}

const comment = (w: DemoWorld) => w.github.state.comments.findLast(({ byApp }) => byApp)?.body ?? "";
const check = (w: DemoWorld) => w.github.state.checks.at(-1);
const incidents = (w: DemoWorld): Promise<Incident[]> => listIncidents(w.server.rekey.database.db);

async function until<T>(what: string, read: () => T | Promise<T>, done: (value: T) => boolean, timeout = 60_000): Promise<T> {
  const end = Date.now() + timeout;
  for (;;) {
    const value = await read();
    if (done(value)) return value;
    if (Date.now() > end) throw new Error(`waited ${timeout / 1000} s until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The pull request with the leaked key, its plan shown, and a second gone, so that a command is younger than the plan. */
async function opened(w: DemoWorld): Promise<{ number: number; id: string }> {
  const number = await leak(w);
  const body = await until(
    "the plan is shown",
    () => comment(w),
    (text) => text.includes("<!-- rekey:rotate "),
  );
  const id = /rekey:rotate (RK-\w+) /.exec(body)?.[1] ?? "";
  await new Promise((resolve) => setTimeout(resolve, 1500));
  return { number, id };
}

const say = (w: DemoWorld, login: string, number: number, body: string) => {
  const user = w.github.state.users.get(login);
  if (user === undefined) throw new Error(`there is no user ${login}`);
  return asUser(w, user, "POST", `/issues/${number}/comments`, { body });
};

test("no value is left in anything that Rekey writes, from push to dead", { timeout: 180_000 }, async () => {
  const w = await start();
  const agent = startAgent(w);
  const { number, id } = await opened(w);
  await say(w, "mara", number, `/rekey rotate ${id}`);
  await until(
    "dead",
    () => comment(w),
    (text) => text.includes("**verified dead**"),
    120_000,
  );
  await agent.stop();
  expect(agent.failed()).toBe(0);

  const entry = await request({
    method: "GET",
    url: `${w.store.url}/v1/secret/data/agents/triage`,
    headers: { "x-vault-token": w.store.token.reveal() },
    pins: [pinOf(w.store.url)],
    timeout: 5000,
  });
  const fresh = (JSON.parse(entry.body.toString()) as { data: { data: Record<string, string> } }).data.data["OPENROUTER_API_KEY"] ?? "";
  expect(fresh).not.toBe(w.leaked);

  const { db } = w.server.rekey.database;
  const { rows: tables } = await sql<{
    name: string;
  }>`select quote_ident(table_schema) || '.' || quote_ident(table_name) as name from information_schema.tables where table_schema in ('public', 'pgboss') and table_type = 'BASE TABLE'`.execute(
    db,
  );
  const dumps = await Promise.all(
    tables.map(async ({ name }) => JSON.stringify((await sql.raw(`select * from ${name}`).execute(db)).rows)),
  );
  expect(tables.length).toBeGreaterThan(15);
  const raw = files(join(w.folder, "db")).map((file) => readFileSync(file).toString("latin1"));
  const written = [...dumps, ...raw, ...w.github.state.written, JSON.stringify(w.github.state.checks)];
  for (const value of [w.leaked, fresh]) {
    for (const form of [value, value.slice(12), Buffer.from(value).toString("base64").slice(0, -4), Buffer.from(value).toString("hex")]) {
      expect(written.filter((text) => text.includes(form))).toHaveLength(0);
    }
  }
  expect(await verifyChain(db)).toMatchObject({ problems: [] });
});

test("deliveries that come twice and late open one incident, write one comment and start one run", { timeout: 180_000 }, async () => {
  const w = await start();
  w.github.weather = { copies: () => 2, delay: ({ id }) => (id % 3) * 150 };
  const agent = startAgent(w);
  const { number, id } = await opened(w);
  await say(w, "mara", number, `/rekey rotate ${id}`);
  await until(
    "dead",
    () => comment(w),
    (text) => text.includes("**verified dead**"),
    120_000,
  );
  await agent.stop();
  expect(agent.failed()).toBe(0);
  expect(await incidents(w)).toHaveLength(1);
  expect(w.github.state.comments.filter(({ byApp }) => byApp)).toHaveLength(1);
  expect(w.github.state.reviews).toHaveLength(1);
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from rotation_run`.execute(w.server.rekey.database.db);
  expect(rows[0]?.count).toBe(1);
});

test("who may not approve cannot rotate: the leaker, a reader, an edited comment, another plan", { timeout: 180_000 }, async () => {
  const w = await start();
  w.github.addUser("eve");
  w.repository.roles.set("eve", "read");
  const { number, id } = await opened(w);
  const answer = async (login: string, body: string, expected: string) => {
    await say(w, login, number, body);
    await until(
      `the answer "${expected}"`,
      () => comment(w),
      (text) => text.includes(expected),
    );
  };
  await answer("dev", `/rekey rotate ${id}`, "This needs a yes of the owner of the identity");
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await answer("eve", `/rekey rotate ${id}`, "needs write access to this repository");
  await answer("mara", `/rekey rotate ${id} 000000000000`, "The plan has changed to");
  await answer("mara", "/rekey rotate RK-ZZZZ", "RK-ZZZZ does not belong to this pull request");
  await answer("mara", "/rekey rotat", "did you mean `/rekey rotate`");
  expect((await incidents(w))[0]?.run).toBeUndefined();
  expect(w.provider.keys().map(({ hash, disabled }) => [hash, disabled])).toEqual([[w.leakedHash, false]]);
});

test("a key that its owner deletes by hand turns green after /rekey verify, proven by the earlier receipt", {
  timeout: 180_000,
}, async () => {
  const w = await start();
  const { number, id } = await opened(w);
  expect(check(w)).toMatchObject({ status: "completed", conclusion: "action_required" });
  await request({
    method: "DELETE",
    url: `${w.provider.url}/api/v1/keys/${w.leakedHash}`,
    headers: { authorization: `Bearer ${w.provider.managementKey.reveal()}` },
    pins: [pinOf(w.provider.url)],
    timeout: 5000,
  });
  await say(w, "mara", number, `/rekey verify ${id}`);
  await until(
    "the check is green",
    () => check(w)?.conclusion,
    (conclusion) => conclusion === "success",
    90_000,
  );
  expect((await incidents(w))[0]).toMatchObject({ state: "resolved", resolution: "revoked", death: { whenFound: false, proof: "both" } });
});

test("the secret manager confirms whose key it is, but not to a pusher without access", { timeout: 120_000 }, async () => {
  const w = await start();
  await opened(w);
  expect((await incidents(w))[0]?.identities[0]).toMatchObject({ name: "triage-agent", grade: "confirmed" });
  await w.stop();

  const stranger = await start();
  const number = await leak(stranger, { afterOpening: () => stranger.repository.roles.set("dev", "read") });
  await until(
    "the plan is shown",
    () => comment(stranger),
    (text) => text.includes("RK-"),
  );
  expect(number).toBe(1);
  expect((await incidents(stranger))[0]?.identities.map(({ grade }) => grade)).not.toContain("confirmed");
});

test("a statement is neutral and says that nothing is proven", { timeout: 120_000 }, async () => {
  const w = await start();
  const { number, id } = await opened(w);
  await say(w, "dev", number, `/rekey revoked ${id} "deleted it in the console"`);
  await until(
    "the check is neutral",
    () => check(w)?.conclusion,
    (conclusion) => conclusion === "neutral",
  );
  expect(check(w)?.output.title).toBe("Revoked by statement, not proven");
  await until(
    "the comment says it",
    () => comment(w),
    (text) => text.includes("revoked by statement, not proven"),
  );
});

function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    const stat = statSync(path);
    return stat.isDirectory() ? files(path) : stat.isFile() ? [path] : [];
  });
}

test("a key that stood on main for long stays quiet when a branch that is behind changes its neighbour", { timeout: 120_000 }, async () => {
  const w = await start();
  const { dev } = w.people;
  const old = w.provider.createKey("old").secret.reveal();
  await pushFile(w, dev, "main", "legacy.env", `OPENROUTER_API_KEY=${old}\nREGION=eu\n`);
  await pushFile(w, dev, "behind", "legacy.env", `OPENROUTER_API_KEY=${old}\nREGION=us\n`);
  for (let ahead = 0; ahead < 3; ahead++) await pushFile(w, dev, "main", `note-${ahead}.md`, "more\n");
  await asUser(w, dev, "POST", "/pulls", { title: "Move", head: "behind", base: "main" });
  await until(
    "the check is done",
    () => check(w)?.conclusion,
    (conclusion) => conclusion !== undefined && conclusion !== null && conclusion !== "",
  );
  expect(check(w)).toMatchObject({ conclusion: "success", output: { title: "No leaked credentials added" } });
  // the push to main opened it; no pull request is blamed for it
  expect((await incidents(w)).flatMap(({ occurrences }) => occurrences.filter(({ pullRequest }) => pullRequest !== undefined))).toEqual([]);
});

test("the rollout is obeyed: observe writes nothing, check and comment never block, only rotate rotates", {
  timeout: 180_000,
}, async () => {
  const observed = await start("observe");
  await leak(observed);
  await until(
    "the incident is known",
    () => incidents(observed),
    (known) => known[0]?.validity === "active",
  );
  expect([observed.github.state.written, observed.github.state.checks]).toEqual([[], []]);
  await observed.stop();

  const checked = await start("check");
  await leak(checked);
  await until(
    "the check is done",
    () => check(checked)?.conclusion,
    (conclusion) => conclusion === "neutral",
  );
  expect(check(checked)?.output.title).toBe("1 leaked credential");
  expect(checked.github.state.comments).toEqual([]);
  await checked.stop();

  const commented = await start("comment");
  const { number, id } = await opened(commented);
  expect(check(commented)?.conclusion).toBe("neutral");
  await say(commented, "mara", number, `/rekey rotate ${id}`);
  await until(
    "the answer",
    () => comment(commented),
    (text) => text.includes("Rotation is not enabled here"),
  );
  expect((await incidents(commented))[0]?.run).toBeUndefined();
});

test("a rotation that waits under another plan is not resumed by an approval of a new one", { timeout: 180_000 }, async () => {
  const w = await start();
  const { number, id } = await opened(w);
  await say(w, "mara", number, `/rekey rotate ${id}`); // nobody reports: it will wait for the consumer
  await until(
    "it runs",
    () => incidents(w),
    (known) => known[0]?.run !== undefined,
  );
  const { db } = w.server.rekey.database;
  await sql`update rotation_run set state = 'held', lease_until = null, epoch = epoch + 1, plan = jsonb_set(plan, '{hash}', '"000000000000"')`.execute(
    db,
  );
  const { rows } = await sql<{ id: string }>`select id from rotation_run`.execute(db);
  await db.transaction().execute((trx) =>
    recordEvents(trx, id, [
      { type: "run-started", run: rows[0]?.id ?? "", planHash: "000000000000" },
      { type: "run-held", run: rows[0]?.id ?? "", code: "test", message: "test" },
    ]),
  );
  const plan = await latestPlan(db, id);
  await say(w, "mara", number, `/rekey rotate ${id} ${plan?.hash}`);
  await until(
    "the answer",
    () => comment(w),
    (text) => text.includes("A rotation by another plan (`000000000000`) waits for a person"),
  );
  expect(w.provider.keys().some(({ hash, disabled }) => hash === w.leakedHash && !disabled)).toBe(true);
});
