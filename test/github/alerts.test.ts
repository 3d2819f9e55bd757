import { randomBytes } from "node:crypto";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { followAlerts } from "../../src/pipeline/close-alerts.ts";
import { alertsDue } from "../../src/pipeline/reconcile.ts";
import { openRouterKey } from "./keys.ts";
import { type AppWorld, startApp, until, type WorkingRepository } from "./world.ts";

let world: AppWorld;
beforeAll(async () => {
  world = await startApp({ policy: "rollout: check" });
  allow("write");
}, 60_000);
afterAll(() => world.stop());

function allow(level: "read" | "write" | undefined): void {
  const { app } = world.github.state;
  if (app === undefined) return;
  const { secret_scanning_alerts: _, ...rest } = app.permissions;
  app.permissions = level === undefined ? rest : { ...rest, secret_scanning_alerts: level };
  // as the event "new_permissions_accepted" does
  world.server.rekey.app?.forgetTokens(app.installation);
}

/** A key that works. */
function provided(name: string): { hash: string; value: string } {
  const { hash, secret } = world.provider.createKey(name);
  return { hash, value: secret.reveal() };
}

const rekey = () => world.server.rekey;
const all = () => world.incidents();

/** A repository whose main holds this value, as GitHub's scanning would name the place. */
async function leaked(
  name: string,
  value: string,
): Promise<{ of: WorkingRepository; at: { path: string; line: number; commit: string; blob: string } }> {
  const of = await world.addRepository(name);
  const commit = await of.commit("settings", { "config/prod.env": `# prod\nKEY=${value}\n` });
  const blob = (await of.git("rev-parse", "HEAD:config/prod.env")).trim();
  return { of, at: { path: "config/prod.env", line: 2, commit, blob } };
}

const withAlert = (number: number, of: WorkingRepository) =>
  until(
    `alert ${number} is known`,
    async () =>
      (await all()).find(({ alerts }) => alerts?.some((alert) => alert.number === number && alert.repositoryId === of.repository.id)),
    (found) => found !== undefined,
  );

test("an alert about a key that Rekey knows is one more place of it, and closes as revoked only when the key is dead", {
  timeout: 90_000,
}, async () => {
  const key = provided("leak");
  const { of, at } = await leaked("known", key.value);
  await of.push("main");
  await until("the push is judged", all, (found) => found.some(({ repository }) => repository === "acme/known"));
  const alert = world.github.raiseAlert(of.repository, { secret: key.value, type: "openrouter_api_key", at, validity: "active" });
  const incident = await withAlert(1, of);
  expect((await all()).filter(({ repository }) => repository === "acme/known")).toHaveLength(1);
  expect(incident).toMatchObject({ state: "open", validity: "active", alerts: [{ number: 1, state: "open", validity: "active" }] });
  expect(incident?.occurrences).toHaveLength(2);

  // a person's word there is a request: the incident stays open, and so does the clock
  world.github.closeAlert(alert, "false_positive", "dev");
  await until(
    "it is heard",
    async () => (await all()).find(({ id }) => id === incident?.id),
    (now) => now?.alerts?.[0]?.state === "resolved",
  );
  expect((await all()).find(({ id }) => id === incident?.id)).toMatchObject({
    state: "open",
    alerts: [{ resolution: "false_positive", by: "dev" }],
  });
  world.github.leakAlert(alert);
  world.github.reopenAlert(alert, "mara");
  await until(
    "it is open again",
    async () => (await all()).find(({ id }) => id === incident?.id)?.alerts?.[0],
    (now) => now?.state === "open" && now.publiclyLeaked,
  );
  await followAlerts(rekey());
  expect(alert.state).toBe("open");

  await world.deleteKey(key.hash);
  await rekey().queue.enqueue("verify", { incident: incident?.id }, {});
  await until(
    "it is dead",
    async () => (await all()).find(({ id }) => id === incident?.id)?.clock.dead,
    (dead) => dead !== undefined,
    60_000,
  );
  await until(
    "the alert is closed",
    async () => {
      await followAlerts(rekey());
      return alert.state;
    },
    (state) => state === "resolved",
  );
  expect(alert).toMatchObject({
    resolution: "revoked",
    resolvedBy: "rekey[bot]",
    comment: `Rekey has seen this credential dead (${incident?.id}).`,
  });
  // who opens it again has the last word there
  world.github.reopenAlert(alert, "mara");
  await until(
    "it is heard",
    async () => (await all()).find(({ id }) => id === incident?.id)?.alerts?.[0]?.state,
    (state) => state === "open",
  );
  await followAlerts(rekey());
  expect(alert.state).toBe("open");
});

test("alerts from before are imported page by page as history, also of types that Rekey has no detector for", {
  timeout: 90_000,
}, async () => {
  const value = openRouterKey();
  const { of, at } = await leaked("before", value);
  await of.push("main");
  await until("the push is judged", all, (found) => found.some(({ repository }) => repository === "acme/before"));
  world.github.weather = { copies: () => 0 };
  const own = `acme-${randomBytes(20).toString("hex")}`;
  world.github.raiseAlert(of.repository, { secret: value, type: "openrouter_api_key", at });
  world.github.raiseAlert(of.repository, { secret: own, type: "acme_internal", title: "Acme <b>token</b>" });
  world.github.raiseAlert(of.repository, { secret: "AKIAEXAMPLE7777EXAMP", type: "aws_access_key_id" });
  for (let more = 0; more < 110; more++)
    world.github.raiseAlert(of.repository, { secret: `acme-${randomBytes(20).toString("hex")}`, type: "acme_internal" });
  world.github.weather = {};
  await rekey().database.db.updateTable("repository").set({ backfilled_at: new Date() }).where("full_name", "=", "acme/before").execute();
  await alertsDue(rekey());
  const found = await until(
    "all are known",
    async () => (await all()).filter(({ alerts }) => alerts?.some(({ repository }) => repository === "acme/before")),
    ({ length }) => length === 112,
  );
  expect(found.filter(({ preExisting }) => preExisting)).toHaveLength(111);
  expect(found.filter(({ credential }) => credential.title === "Acme <b>token</b>")).toHaveLength(1);
  const { rows } = await sql<{
    count: number;
  }>`select count(*)::int as count from repository where alerts_off is null and alerts_at is not null and full_name = 'acme/before'`.execute(
    rekey().database.db,
  );
  expect(rows).toEqual([{ count: 1 }]);

  const { rows: tables } = await sql<{
    name: string;
  }>`select quote_ident(table_schema) || '.' || quote_ident(table_name) as name from information_schema.tables where table_schema in ('public', 'pgboss') and table_type = 'BASE TABLE'`.execute(
    rekey().database.db,
  );
  for (const { name } of tables) {
    const dump = JSON.stringify((await sql.raw(`select * from ${name}`).execute(rekey().database.db)).rows);
    expect([name, dump.includes(own) || dump.includes(value)]).toEqual([name, false]);
  }
});

test("a value that is only at the alert is read again from there", { timeout: 60_000 }, async () => {
  const key = provided("issue");
  const of = await world.addRepository("only-alert");
  world.github.raiseAlert(of.repository, { secret: key.value, type: "openrouter_api_key" });
  const incident = await withAlert(1, of);
  expect(incident).toMatchObject({ credential: { detector: "openrouter-api-key" }, preExisting: false, validity: "active" });
});

test("without the permission, or where secret scanning is off, the feature is off and says what it needs", {
  timeout: 60_000,
}, async () => {
  const [denied, off] = [await world.addRepository("denied"), await world.addRepository("off")];
  const reason = (name: string) =>
    until(
      `what ${name} needs is known`,
      () => rekey().database.db.selectFrom("repository").select("alerts_off").where("full_name", "=", name).executeTakeFirst(),
      (row) => row?.alerts_off != null,
    );
  allow(undefined);
  world.github.raiseAlert(denied.repository, { secret: openRouterKey(), type: "openrouter_api_key" });
  expect(await reason("acme/denied")).toEqual({ alerts_off: "needs secret_scanning_alerts: read" });
  allow("write");
  off.repository.secretScanning = false;
  world.github.raiseAlert(off.repository, { secret: openRouterKey(), type: "openrouter_api_key" });
  expect(await reason("acme/off")).toEqual({ alerts_off: "needs secret scanning, which is off or not licensed here" });
  expect((await all()).some(({ repository }) => repository === "acme/denied" || repository === "acme/off")).toBe(false);
});
