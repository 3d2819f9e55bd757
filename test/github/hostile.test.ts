import { afterAll, beforeAll, expect, test } from "vitest";
import { probeAgain } from "../../src/pipeline/reconcile.ts";
import { openRouterKey } from "./keys.ts";
import { type AppWorld, concluded, startApp, until, type WorkingRepository } from "./world.ts";

let world: AppWorld;
beforeAll(async () => {
  world = await startApp({ policy: "rollout: block, on_unavailable: block, unavailable_after: 3s" });
}, 60_000);
afterAll(() => world.stop());

const incidentOf = async (name: string) => (await world.incidents()).find(({ repository }) => repository === `acme/${name}`);
const known = (name: string) =>
  until(
    `${name} has an incident`,
    () => incidentOf(name),
    (found) => found !== undefined,
  );
const say = (own: WorkingRepository, as: AppWorld["dev"], number: number, body: string) =>
  own.api(as, "POST", `/issues/${number}/comments`, { body }) as Promise<{ id: number }>;
const reactions = (id: number) => world.github.state.comments.find((comment) => comment.id === id)?.reactions ?? [];

test("a command of a bot does nothing, one on a head that has moved is refused, and a flood of commands is one comment", {
  timeout: 90_000,
}, async () => {
  const own = await world.addRepository("commands");
  const bot = world.github.state.addUser("helper[bot]", "Bot");
  own.repository.roles.set(bot.login, "admin");
  const number = await own.propose("leak", { "a.env": `KEY=${openRouterKey()}\n` });
  await concluded(own, number);
  const { id = "" } = (await known("commands")) ?? {};
  const ignored = await say(own, bot, number, `/rekey false-positive ${id} "a bot says so"`);
  const flood = await Promise.all(Array.from({ length: 12 }, () => say(own, world.dev, number, "/rekey status")));
  await until(
    "the last is answered",
    () => flood.filter((comment) => reactions(comment.id).some(({ content }) => content === "rocket")).length,
    (all) => all === 12,
  );
  expect(reactions(ignored.id)).toEqual([]);
  expect(await incidentOf("commands")).toMatchObject({ state: "open" });
  expect(world.github.state.comments.filter((one) => one.byApp && one.repository === own.repository.id)).toHaveLength(1);

  // the head moves, and the App does not hear of it yet
  world.github.weather = { copies: ({ event }) => (event === "issue_comment" ? 1 : 0) };
  await own.commit("more", { "b.md": "text\n" });
  await own.push("leak");
  const late = await say(own, world.mara, number, `/rekey false-positive ${id} "seen"`);
  await until(
    "it is refused",
    () => reactions(late.id).map(({ content }) => content),
    (all) => all.includes("-1"),
  );
  world.github.weather = {};
  expect(await incidentOf("commands")).toMatchObject({ state: "open" });
});

test("a push whose commit before is gone is judged like a new branch", { timeout: 60_000 }, async () => {
  const own = await world.addRepository("forced");
  world.github.weather = { copies: () => 0 };
  await own.branch("work");
  const after = await own.commit("leak", { "a.env": `KEY=${openRouterKey()}\n` });
  await own.push("work");
  world.github.weather = {};
  const pushed = { ref: "refs/heads/work", before: "f".repeat(40), after, created: false, deleted: false, forced: true };
  world.github.send("push", pushed, own.repository, "dev");
  expect(await known("forced")).toMatchObject({ preExisting: false, occurrences: [{ pushedBy: "dev", place: "a.env:1" }] });
});

test("a pull request that is pointed at another base is judged against that", { timeout: 60_000 }, async () => {
  const own = await world.addRepository("retarget");
  await own.branch("release");
  await own.commit("known there", { "a.env": `KEY=${openRouterKey()}\n` });
  await own.push("release", { as: world.mara });
  await own.branch("work", "release");
  await own.commit("text", { "b.md": "text\n" });
  await own.push("work");
  const number = await own.open("work");
  expect(await concluded(own, number)).toMatchObject({ conclusion: "action_required" });
  const pull = world.github.state.pulls.find((one) => one.repository === own.repository.id && one.number === number);
  if (pull !== undefined) Object.assign(pull, { base: "release" });
  world.github.send("pull_request", { action: "edited", number, changes: { base: { ref: { from: "main" } } } }, own.repository, "dev");
  await until(
    "it is green",
    () => own.checks(number).at(-1)?.conclusion,
    (conclusion) => conclusion === "success",
  );
});

test("a scan that does not end blocks where the policy says so, and is judged once GitHub is back", { timeout: 90_000 }, async () => {
  const own = await world.addRepository("down");
  world.github.refuse = ({ path }) => (path.endsWith("git-upload-pack") ? 503 : undefined);
  const number = await own.propose("work", { "a.md": "text\n" });
  await until(
    "it blocks",
    () => own.checks(number).at(-1),
    (check) => check?.status === "completed" && check.conclusion !== "neutral",
  );
  expect(own.checks(number).at(-1)).toMatchObject({ conclusion: "failure", output: { title: "Could not be scanned yet" } });
  world.github.refuse = undefined;
  await until(
    "it is green",
    () => own.checks(number).at(-1)?.conclusion,
    (conclusion) => conclusion === "success",
  );
});

test("what a stranger can name is text in comment, check and dashboard", { timeout: 60_000 }, async () => {
  const own = await world.addRepository("names");
  const path = "a](http:⁄⁄evil)<img src=x>@acme|`.env";
  await own.branch("x<script>@acme");
  await own.git("config", "user.name", "Eve <script>alert(1)</script>");
  await own.commit("[click](http://evil) @acme/everyone <script>\u001b[31m", { [path]: `KEY=${openRouterKey()}\n` });
  await own.push("x<script>@acme");
  const number = await own.open("x<script>@acme");
  const check = await concluded(own, number);
  const { id = "" } = (await known("names")) ?? {};
  const comment = await until(
    "the comment stands",
    () => own.comment(number),
    (text) => text.includes(id),
  );
  const text = [comment, check.output.summary ?? "", check.output.text ?? ""].join("\n").replaceAll(/(`+)[^`].*?\1/g, "");
  expect(text).not.toMatch(/<img|<script|[^`]@acme|\]\(http:\/\/evil|\u001b/);
  const page = await (await fetch(`${world.server.url}/incidents/${id}`)).text();
  expect(page).toContain(id);
  expect(page.replaceAll(/<script src="\/live.js"[^>]*><\/script>/g, "")).not.toMatch(/<img|<script|\u001b/);
});

test("a key that somebody deletes by hand turns its check green without a word", { timeout: 120_000 }, async () => {
  const own = await world.addRepository("by-hand");
  const { hash, secret } = world.provider.createKey("by hand");
  const number = await own.propose("leak", { "a.env": `KEY=${secret.reveal()}\n` });
  expect(await concluded(own, number)).toMatchObject({ conclusion: "action_required" });
  await until(
    "it is seen alive",
    () => incidentOf("by-hand"),
    (found) => found?.validity === "active",
  );
  await world.deleteKey(hash);
  await probeAgain(world.server.rekey);
  await until(
    "it is green",
    () => own.checks(number).at(-1)?.conclusion,
    (conclusion) => conclusion === "success",
  );
  expect(await incidentOf("by-hand")).toMatchObject({ state: "resolved", death: { whenFound: false } });
});

test("an installation that is suspended is left alone, and taken up again when it is not", { timeout: 60_000 }, async () => {
  const own = await world.addRepository("again");
  const number = await own.propose("work", { "a.md": "text\n" });
  await concluded(own, number);
  const { db } = world.server.rekey.database;
  const states = () => db.selectFrom("pull_request").select("state").where("repository_id", "=", own.repository.id).execute();
  world.github.installation("suspend", []);
  await until("it is left", states, ([row]) => row?.state === "closed");
  await own.commit("leak", { "b.env": `KEY=${openRouterKey()}\n` });
  world.github.weather = { copies: () => 0 };
  await own.push("work");
  world.github.weather = {};
  world.github.installation("unsuspend", []);
  expect(
    await until(
      "it is judged",
      () => own.checks(number).at(-1),
      (check) => check?.status === "completed",
    ),
  ).toMatchObject({ conclusion: "action_required" });
  await until("it is open", states, ([row]) => row?.state === "open");
});
