import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { estimateBackfill, runBackfill } from "../../src/pipeline/backfill.ts";
import { tellOutside } from "../../src/pipeline/notify.ts";
import { verifyDead } from "../../src/pipeline/verify.ts";
import { type LiteLlm, startLiteLlm } from "../../src/stand-in/litellm.ts";
import { backfillStatus, claimBackfill, pauseBackfill, planBackfill, resumeBackfill, startBackfill } from "../../src/store/backfill.ts";
import { openRouterKey } from "./keys.ts";
import { type AppWorld, startApp, until, type WorkingRepository } from "./world.ts";

let world: AppWorld;
let proxy: LiteLlm;
beforeAll(async () => {
  proxy = await startLiteLlm();
  world = await startApp({
    policy: "rollout: check",
    env: { HOOK_SECRET: `whsec_${"a".repeat(44)}`, PROXY_KEY: proxy.masterKey.reveal() },
    connections: `proxy: { type: litellm, host: "${proxy.url}", credential: "env:PROXY_KEY" }`,
    more: 'notify: [{ name: siem, type: webhook, url: "http://127.0.0.1:9", secret: "env:HOOK_SECRET" }]\n',
  });
}, 60_000);
afterAll(async () => {
  await world.stop();
  await proxy.stop();
});

const db = () => world.server.rekey.database.db;
const host = () => new URL(world.github.url).host;
const status = async () => (await backfillStatus(db())).repositories;

/** A repository whose history holds keys, and whose pushes nobody told the App about. */
async function old(name: string, files: Readonly<Record<string, string>>, options: { private?: boolean } = {}): Promise<WorkingRepository> {
  world.github.weather = { copies: () => 0 };
  const of = await world.addRepository(name, options);
  await of.commit("long ago", files);
  await of.commit("cleaned", Object.fromEntries(Object.keys(files).map((path) => [path, undefined])));
  await of.push("main");
  world.github.weather = {};
  return of;
}

test("history is read quietly, public repositories first, what is dead already is closed, and one credential is one incident", {
  timeout: 120_000,
}, async () => {
  const shared = openRouterKey();
  const { secret } = world.provider.createKey("alive");
  await pauseBackfill(db(), "test");
  const hidden = await old("hidden", { "a.env": `KEY=${shared}\n`, "b.env": `KEY=${secret.reveal()}\n` });
  const open = await old(
    "open",
    { "c.env": `KEY=${shared}\nLITELLM_API_KEY=sk-${randomBytes(16).toString("base64url")}\n` },
    { private: false },
  );
  // a closed pull request can still be read
  world.github.weather = { copies: () => 0 };
  const onlyThere = openRouterKey();
  const number = await open.propose("closed", { "d.env": `KEY=${onlyThere}\n` });
  await open.git("checkout", "--quiet", "main");
  await open.api(world.mara, "PATCH", `/pulls/${number}`, { state: "closed" });
  world.github.closePull(open.repository, number, "mara");
  execFileSync("git", ["update-ref", "-d", "refs/heads/closed"], { cwd: open.repository.path });
  world.github.weather = {};

  world.github.installation("created", [hidden.repository, open.repository]);
  await until("both wait", status, (rows) => rows.length === 2 && rows.every(({ state }) => state === "waiting"));
  expect((await status()).map(({ repository }) => repository)).toEqual(["acme/open", "acme/hidden"]);
  expect(estimateBackfill(await backfillStatus(db()))).toMatchObject({ repositories: 2, measuredOn: 0 });
  expect(await world.incidents()).toEqual([]);

  await resumeBackfill(db());
  await until("both are read", status, (rows) => rows.every(({ state }) => state === "done"));
  expect(await status()).toMatchObject([{ found: 3 }, { found: 2 }]);
  const found = await until(
    "all were tried",
    () => world.incidents(),
    (all) => all.length === 4 && all.every(({ validityCode }) => validityCode !== undefined),
  );
  expect(found.every(({ preExisting }) => preExisting)).toBe(true);
  expect(found.filter(({ validity }) => validity === "inactive")).toHaveLength(3);
  const dead = found.find(({ credential }) => credential.detector === "litellm-virtual-key")?.id ?? "";
  const { rows: jobs } = await sql<{ data: { incident: string } }>`select data from pgboss.job where name = 'verify'`.execute(db());
  expect(jobs.map(({ data }) => data.incident)).toContain(dead);
  expect(await verifyDead(world.server.rekey, dead, async () => undefined)).toEqual({ dead: true, whenFound: true });
  expect((await world.incidents()).find(({ id }) => id === dead)).toMatchObject({ state: "resolved", death: { whenFound: true } });
  const [alive] = found.filter(({ validity }) => validity === "active");
  expect(alive).toMatchObject({ validity: "active" });
  expect(found.some(({ occurrences }) => new Set(occurrences.map(({ place }) => place)).size === 2)).toBe(true);

  await tellOutside(world.server.rekey);
  expect(await db().selectFrom("outbox").select("key").where("kind", "=", "message").execute()).toEqual([]);
});

test("a large installation waits for its operator; a pause begins nothing; what a crash left comes first", {
  timeout: 120_000,
}, async () => {
  const one = await old("large", { "a.env": `KEY=${openRouterKey()}\n` });
  const { id } = one.repository;
  await db()
    .insertInto("repository")
    .values({
      host: host(),
      id,
      installation_id: world.github.state.app?.installation ?? 0,
      full_name: "acme/large",
      private: true,
      default_branch: "main",
    })
    .execute();
  await planBackfill(db(), { host: host(), repository: id, kilobytes: 3 << 20, state: "asked" });
  expect(await claimBackfill(db(), host(), 7)).toBeUndefined();
  expect(estimateBackfill(await backfillStatus(db()))).toMatchObject({ repositories: 1, kilobytes: 3 << 20, requests: { api: 6 } });

  await pauseBackfill(db(), "test");
  expect(await startBackfill(db())).toBe(1);
  await runBackfill(world.server.rekey, { lane: 7 });
  expect((await status()).find(({ repository }) => repository === "acme/large")).toMatchObject({ state: "waiting" });

  await resumeBackfill(db());
  expect(await claimBackfill(db(), host(), 7)).toBe(id); // and then the process dies
  expect(await claimBackfill(db(), host(), 8)).toBeUndefined();
  await runBackfill(world.server.rekey, { lane: 7 });
  expect((await status()).find(({ repository }) => repository === "acme/large")).toMatchObject({ state: "done", found: 1 });
});

test("the last quarter of GitHub's hourly requests is left to pull requests", { timeout: 60_000 }, async () => {
  const one = await old("busy", { "a.env": `KEY=${openRouterKey()}\n` });
  world.github.state.spent = 4000;
  world.github.installation("created", [one.repository]);
  const waits = await until("it waits", status, (rows) =>
    rows.some(({ repository, notBefore }) => repository === "acme/busy" && notBefore !== undefined),
  );
  expect(waits.find(({ repository }) => repository === "acme/busy")).toMatchObject({
    state: "waiting",
    problem: expect.stringContaining("hourly limit"),
  });
  world.github.state.spent = 0;
});
