import { afterAll, beforeAll, expect, test } from "vitest";
import { missedDeliveries } from "../../src/pipeline/reconcile.ts";
import { openRouterKey } from "./keys.ts";
import { type AppWorld, concluded, startApp, until } from "./world.ts";

let world: AppWorld;

beforeAll(async () => {
  world = await startApp({ policy: "rollout: block, unavailable_after: 3s" });
}, 60_000);
afterAll(async () => {
  await world.stop();
});

const incidentsOf = async (name: string) => (await world.incidents()).filter(({ repository }) => repository === `acme/${name}`);

test("a push without a pull request opens an incident quietly, exposed since the push, and a later pull request carries it on", async () => {
  const own = await world.addRepository("pushed");
  await own.branch("work");
  await own.commit("oops", { "a.env": `KEY=${openRouterKey()}\n` });
  const before = Date.now();
  await own.push("work");
  const [incident] = await until(
    "an incident is open",
    () => incidentsOf("pushed"),
    (found) => found.length === 1,
  );
  expect(incident).toMatchObject({ state: "open", preExisting: false, occurrences: [{ place: "a.env:1", pushedBy: "dev" }] });
  expect(Date.parse(incident?.clock.exposed ?? "")).toBeGreaterThanOrEqual(before - 1000);
  expect(own.checks((await own.git("rev-parse", "HEAD")).trim())).toEqual([]);

  const number = await own.open("work");
  expect(await concluded(own, number)).toMatchObject({ conclusion: "action_required" });
  expect(await incidentsOf("pushed")).toMatchObject([{ id: incident?.id, clock: { exposed: incident?.clock.exposed } }]);
});

test("a push to the default branch is judged, and its inventory is stored and used by the next pull request", async () => {
  const own = await world.addRepository("inventory", {
    files: {
      ".mcp.json": JSON.stringify({ mcpServers: { search: { command: "npx", env: { OPENROUTER_API_KEY: `\${OPENROUTER_API_KEY}` } } } }),
    },
  });
  await own.git("checkout", "--quiet", "main");
  await own.commit("leak on main", { "main.env": `KEY=${openRouterKey()}\n` });
  await own.push("main", { as: world.mara });
  await until(
    "an incident is open",
    () => incidentsOf("inventory"),
    (found) => found.length === 1,
  );
  const { db } = world.server.rekey.database;
  const tip = (await own.git("rev-parse", "main")).trim();
  const row = await until(
    "the inventory is stored",
    () => db.selectFrom("inventory").selectAll().where("repository_id", "=", own.repository.id).executeTakeFirst(),
    (stored) => stored?.commit === tip,
  );
  expect(row?.body).toMatchObject({
    files: expect.arrayContaining([{ path: ".mcp.json", blob: expect.stringMatching(/^[0-9a-f]{40}$/) }]),
    identities: expect.arrayContaining([expect.objectContaining({ kind: "mcp-server", name: "search" })]),
  });

  let fetches = 0;
  world.github.seen = ({ path }) => {
    if (path.endsWith("/git-upload-pack")) fetches++;
  };
  const number = await own.propose("literal", {
    ".mcp.json": JSON.stringify({ mcpServers: { search: { command: "npx", env: { OPENROUTER_API_KEY: openRouterKey() } } } }),
  });
  expect(await concluded(own, number)).toMatchObject({ conclusion: "action_required" });
  world.github.seen = undefined;
  await until(
    "the comment names the identity",
    () => own.comment(number),
    (text) => text.includes("mcp-server **search**"),
  );
  expect(fetches).toBeGreaterThan(0);
});

test("an installation looks through the whole history: pre-existing, exposed since the commit, and judges what is open", async () => {
  const own = await world.addRepository("old");
  const key = openRouterKey();
  world.github.weather = { copies: () => 0 };
  await own.git("checkout", "--quiet", "main");
  await own.commit("long ago", { "old.env": `KEY=${key}\n` });
  await own.commit("removed", { "old.env": "KEY=\n" });
  await own.push("main");
  const number = await own.propose("open", { "new.env": `KEY=${openRouterKey()}\n` });
  world.github.weather = {};
  world.github.installation("created", [own.repository]);
  expect(await concluded(own, number)).toMatchObject({ conclusion: "action_required" });
  const found = await until(
    "the old key is known",
    () => incidentsOf("old"),
    (known) => known.some(({ preExisting }) => preExisting),
  );
  const old = found.find(({ preExisting }) => preExisting);
  expect(old?.occurrences[0]?.place).toBe("old.env:1");
  expect((old?.clock.exposed ?? "z") <= (old?.clock.detected ?? "")).toBe(true);
  expect(found.filter(({ preExisting }) => !preExisting)).toHaveLength(1);
});

test("webhooks that did not arrive are asked for again, and only those", async () => {
  const own = await world.addRepository("missed");
  await until(
    "main was looked at",
    () => world.server.rekey.database.db.selectFrom("inventory").select("commit").where("repository_id", "=", own.repository.id).execute(),
    (rows) => rows.length === 1,
  );
  world.github.weather = { copies: ({ event }) => (event === "pull_request" ? 0 : 1) };
  const number = await own.propose("work", { "a.env": `KEY=${openRouterKey()}\n` });
  world.github.weather = {};
  const before = world.github.state.deliveries.length;
  await missedDeliveries(world.server.rekey);
  expect(await concluded(own, number)).toMatchObject({ conclusion: "action_required" });
  const again = world.github.state.deliveries
    .slice(before)
    .filter(
      ({ redelivery, body }) =>
        redelivery === true && (JSON.parse(body) as { repository?: { id: number } }).repository?.id === own.repository.id,
    );
  expect(again.map(({ event }) => event)).toEqual(["pull_request"]);
  // it arrived by now, so that it is not asked for another time
  await missedDeliveries(world.server.rekey);
  expect(world.github.state.deliveries.filter(({ guid }) => guid === again[0]?.guid)).toHaveLength(2);
});

test("a pull request from a fork is judged on its head, and grants its author nothing", async () => {
  const own = await world.addRepository("upstream", { private: false });
  const eve = world.github.addUser("eve");
  const fork = await world.github.fork(own.repository, eve);
  await own.branch("planted");
  await own.commit("plant", { "planted.env": `KEY=${openRouterKey()}\n` });
  const { git } = await import("../../src/git.ts");
  const url = `${world.github.url}/eve/${fork.name}.git`;
  await git(["push", "--quiet", url, "planted:refs/heads/planted"], { cwd: own.work, remote: { url, token: eve.token, loopback: true } });
  const number = await own.open("eve:planted", { as: eve });
  expect(await concluded(own, number)).toMatchObject({ conclusion: "action_required" });
  const body = await until(
    "the comment stands",
    () => own.comment(number),
    (text) => text.includes("RK-"),
  );
  // a public repository: neither whether it works nor whose it is
  expect(body).toContain("The owners were told.");
  const id = /RK-\w+/.exec(body)?.[0] ?? "";
  await own.api(eve, "POST", `/issues/${number}/comments`, { body: `/rekey revoked ${id} "trust me"` });
  await until(
    "the refusal",
    () => own.comment(number),
    (text) => text.includes("needs write access"),
  );
});

test("a draft, and one of Dependabot's, have a check that ends", async () => {
  const own = await world.addRepository("bots");
  const bot = world.github.state.addUser("dependabot[bot]", "Bot");
  own.repository.roles.set(bot.login, "write");
  await own.branch("bump");
  await own.commit("bump", { "package.json": "{}\n" });
  await own.push("bump", { as: bot });
  const number = await own.open("bump", { as: bot, draft: true });
  expect(await concluded(own, number)).toMatchObject({ conclusion: "success" });
});

test("a merge queue's head has a check of its own", async () => {
  const own = await world.addRepository("queue");
  await own.branch("gh-readonly-queue/main/pr-1");
  const head = await own.commit("group", { "group.env": `KEY=${openRouterKey()}\n` });
  await own.push("gh-readonly-queue/main/pr-1", { as: world.mara });
  const base = (await own.git("rev-parse", "main")).trim();
  const group = { head_sha: head, head_ref: "refs/heads/gh-readonly-queue/main/pr-1", base_sha: base, base_ref: "refs/heads/main" };
  world.github.send("merge_group", { action: "checks_requested", merge_group: group }, own.repository, "mara");
  expect(await concluded(own, head)).toMatchObject({ conclusion: "action_required", output: { title: "1 leaked credential" } });
});

test("Re-run judges again", async () => {
  const own = await world.addRepository("rerun");
  const number = await own.propose("clean", { "a.md": "text\n" });
  const check = await concluded(own, number);
  const before = check.completedAt;
  await new Promise((resolve) => setTimeout(resolve, 1100)); // GitHub's times have whole seconds
  world.github.rerun(check, "dev");
  expect(check.status).toBe("queued");
  const again = await concluded(own, number);
  expect(again.id).toBe(check.id);
  expect(again.completedAt).not.toBe(before);
});

test("while git is down the check is queued, ends neutral with the reason at the deadline, and is red once git is back", async () => {
  const own = await world.addRepository("outage");
  await until(
    "main was looked at",
    () => world.server.rekey.database.db.selectFrom("inventory").select("commit").where("repository_id", "=", own.repository.id).execute(),
    (rows) => rows.length === 1,
  );
  world.github.refuse = ({ path }) => (path.includes("/outage.git/") && path.includes("upload-pack") ? 503 : undefined);
  const number = await own.propose("work", { "a.env": `KEY=${openRouterKey()}\n` }).finally(() => undefined);
  await until(
    "the check stands",
    () => own.checks(number).at(-1)?.status,
    (status) => status === "queued",
    10_000,
  );
  const overdue = await until(
    "the deadline is said",
    () => own.checks(number).at(-1),
    (check) => check?.output.summary?.includes("Fetching the code by git failed") === true && check.status === "completed",
  );
  expect(overdue).toMatchObject({ conclusion: "neutral", output: { title: "Could not be scanned yet" } });
  world.github.refuse = undefined;
  await until(
    "the scan was made up for",
    () => own.checks(number).at(-1)?.conclusion,
    (conclusion) => conclusion === "action_required",
  );
  expect(own.checks(number)).toHaveLength(1);
});

test.each([500, 429])(
  "GitHub's API answers %s for a while: the check still comes to its conclusion, once",
  async (status) => {
    const own = await world.addRepository(`api-${status}`);
    let refused = 0;
    world.github.refuse = ({ path }) => (path.includes(`/api-${status}/`) && !path.includes(".git/") && refused++ < 6 ? status : undefined);
    await own.branch("work");
    await own.commit("work", { "a.env": `KEY=${openRouterKey()}\n` });
    await own.push("work");
    let number = 0;
    for (; number === 0; ) number = (await own.open("work")) ?? 0;
    await until(
      "red",
      () => own.checks(number).at(-1)?.conclusion,
      (conclusion) => conclusion === "action_required",
    );
    world.github.refuse = undefined;
    expect(own.checks(number)).toHaveLength(1);
    expect(
      world.github.state.comments.filter(({ byApp, repository }) => byApp && repository === own.repository.id).length,
    ).toBeLessThanOrEqual(1);
  },
  120_000,
);

test("a repository that is renamed is followed, and its values are still found", async () => {
  const own = await world.addRepository("before");
  const live = world.provider.createKey("renamed");
  const number = await own.propose("work", { "a.env": `KEY=${live.secret.reveal()}\n` });
  await concluded(own, number);
  world.github.rename(own.repository, "after", "mara");
  const { db } = world.server.rekey.database;
  await until(
    "the name is known",
    () => db.selectFrom("repository").select("full_name").where("id", "=", own.repository.id).executeTakeFirst(),
    (row) => row?.full_name === "acme/after",
  );
  await world.deleteKey(live.hash);
  const id = /RK-\w+/.exec(own.comment(number))?.[0] ?? "";
  await own.api(world.mara, "POST", `/issues/${number}/comments`, { body: `/rekey verify ${id}` });
  await until(
    "green",
    () => own.checks(number).at(-1)?.conclusion,
    (conclusion) => conclusion === "success",
  );
}, 120_000);

test("a repository that becomes public says no more whose keys they are, nor does the history of an edited comment", async () => {
  const own = await world.addRepository("opened");
  const number = await own.propose("work", { "a.env": `KEY=${world.provider.createKey("public").secret.reveal()}\n` });
  await concluded(own, number);
  await until(
    "the whole story",
    () => own.comment(number),
    (text) => text.includes("**live**"),
  );
  const before = world.github.state.comments.find(({ byApp, repository }) => byApp && repository === own.repository.id)?.id;
  world.github.publicize(own.repository, "mara");
  const body = await until(
    "the quiet form",
    () => own.comment(number),
    (text) => text.includes("The owners were told."),
  );
  expect(body).not.toContain("live");
  expect(world.github.state.comments.some(({ id }) => id === before)).toBe(false);
});

test("an installation that is suspended or deleted is left alone", async () => {
  const own = await world.addRepository("left");
  const number = await own.propose("work", { "a.md": "text\n" });
  await concluded(own, number);
  const { db } = world.server.rekey.database;
  const rows = () => db.selectFrom("repository").select("id").execute();
  expect((await rows()).length).toBeGreaterThan(0);
  world.github.installation("suspend", []);
  await until(
    "nothing is due",
    () => db.selectFrom("pull_request").select("number").where("state", "=", "open").execute(),
    (open) => open.length === 0,
  );
  world.github.installation("deleted", []);
  await until("nothing of its code is kept", rows, (left) => left.length === 0);
  expect(await db.selectFrom("inventory").select("commit").execute()).toEqual([]);
  expect((await world.incidents()).length).toBeGreaterThan(0);
});
