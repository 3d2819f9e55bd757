import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { confirmRules, followRollout, policyOf, rolloutOverview, rolloutPlan } from "../../src/pipeline/rollout.ts";
import { redraw } from "../../src/pipeline/surfaces.ts";
import { reportWeek } from "../../src/pipeline/week-issue.ts";
import { holdRollout, releaseRollout } from "../../src/store/rollout.ts";
import { openRouterKey } from "./keys.ts";
import { type AppWorld, concluded, startApp, until, type WorkingRepository } from "./world.ts";

let world: AppWorld;
let organization: WorkingRepository;
let app: WorkingRepository;
let leak: number;

const rekey = () => world.server.rekey;
const file = ".github/rekey.yml";

beforeAll(async () => {
  world = await startApp({ policy: "rollout: observe", more: "reports: { weekly: { repository: acme/payments-api } }\n" });
  app = await world.addRepository("payments-api");
  app.repository.topics = ["agents"];
  organization = await world.addRepository(".github");
  leak = await app.propose("leak", { "app.env": `KEY=${openRouterKey()}\n` });
  await until("the pull request was judged", () => scanned(leak), Boolean);
}, 60_000);
afterAll(() => world.stop());

async function scanned(number: number): Promise<boolean> {
  const row = await rekey().database.db.selectFrom("pull_request").selectAll().where("number", "=", number).executeTakeFirst();
  return row?.scanned_sha != null && !row.surface_due;
}

/** What the reconciliation does every fifteen seconds. */
function follow(): Promise<void> {
  const host = new URL(world.github.url).host;
  return followRollout(rekey(), (repositoryId, number) => redraw(rekey(), { host, repositoryId, number }));
}

const stage = async () => (await policyOf(rekey(), app.repository.id))?.policy;

test("a new installation only observes: what is found is known, and nothing stands on GitHub", async () => {
  expect(app.checks(leak)).toEqual([]);
  expect(app.comment(leak)).toBe("");
  expect(await world.incidents()).toMatchObject([{ state: "open", repository: "acme/payments-api" }]);
});

test("rules wait for a person, who sees what they would have written; then they count", { timeout: 60_000 }, async () => {
  await organization.git("checkout", "--quiet", "main");
  await organization.commit("Roll out", { [file]: "version: 1\nrollout:\n  - { stage: block, topics: [agents] }\n" });
  await organization.push("main", { as: world.mara });
  await until("the rules wait", stage, (policy) => policy?.waiting === "block");
  expect((await stage())?.stage).toBe("observe");

  const [incident] = await world.incidents();
  const plan = await rolloutPlan(rekey());
  expect(plan.changes).toEqual([
    {
      repository: "acme/payments-api",
      from: "observe",
      to: "block",
      pullRequests: 1,
      would: [`#${leak}: a red check and a comment (${incident?.id} OpenRouter API key)`],
    },
  ]);
  await expect(confirmRules(rekey(), "000000000000", "the operator")).rejects.toThrow("the rules have changed");
  await confirmRules(rekey(), plan.hash ?? "", "the operator");
  await expect(confirmRules(rekey(), plan.hash ?? "", "the operator")).rejects.toThrow("no rules of a rollout wait");
  expect(await stage()).toMatchObject({ stage: "block", because: "the organisation's rules" });
  await follow();
  expect(await concluded(app, leak)).toMatchObject({ conclusion: "action_required" });
  await until(
    "the comment stands",
    () => app.comment(leak),
    (text) => text.includes("OpenRouter API key"),
  );
});

test("everything returns to observe by one command, and back", { timeout: 60_000 }, async () => {
  expect(await holdRollout(rekey().database.db, "the operator", "too loud")).toBe(true);
  expect(await holdRollout(rekey().database.db, "the operator", "again")).toBe(false);
  await follow();
  await until(
    "the check lets go",
    () => app.checks(leak).at(-1),
    (check) => check?.output.title === "Rekey only observes here",
  );
  expect(app.checks(leak).at(-1)).toMatchObject({ conclusion: "neutral" });
  expect(await rolloutOverview(rekey())).toMatchObject({
    hold: { reason: "too loud" },
    repositories: [{ policy: { stage: "observe" } }, { policy: { stage: "observe" } }],
  });

  const quiet = await app.propose("quiet", { "b.env": `KEY=${openRouterKey()}\n` });
  await until("it was judged", () => scanned(quiet), Boolean);
  expect(app.checks(quiet)).toEqual([]);

  expect(await releaseRollout(rekey().database.db)).toBe(true);
  await follow();
  await until(
    "the check blocks again",
    () => app.checks(leak).at(-1),
    (check) => check?.conclusion === "action_required",
  );
  expect(await concluded(app, quiet)).toMatchObject({ conclusion: "action_required" });
});

test("below `rotate` a command to rotate is refused with the reason", { timeout: 60_000 }, async () => {
  await app.api(world.mara, "POST", `/issues/${leak}/comments`, { body: "/rekey contain" });
  await until(
    "it is answered",
    () => app.comment(leak),
    (text) => text.includes("does not go as far as"),
  );
});

test("a bad file in a head is said with its line; on the default branch the last good one goes on counting", {
  timeout: 90_000,
}, async () => {
  const bad = await app.propose("bad", { [file]: "version: 1\nstage: rotate\n" });
  const check = await concluded(app, bad);
  expect(check).toMatchObject({ conclusion: "neutral", output: { title: "Configuration not valid" } });
  expect(check.output.summary).toContain(".github/rekey.yml:2");

  await organization.commit("Break it", { [file]: "version: 1\nrollout: everything\n" });
  await organization.push("main", { as: world.mara });
  await until(
    "the problem is known",
    async () => (await rolloutOverview(rekey())).repositories.find(({ fullName }) => fullName === "acme/.github"),
    (of) => of?.error?.includes(".github/rekey.yml:2") === true,
  );
  expect(await stage()).toMatchObject({ stage: "block" });
});

test("the week that has ended becomes one issue, also after a lost answer, and never a public one", async () => {
  const monday = (issue: { title: string } | undefined) => issue?.title;
  const issues = () => world.github.state.issues.filter(({ repository }) => repository === app.repository.id);
  await reportWeek(rekey());
  await reportWeek(rekey());
  expect(issues().map(monday)).toEqual([expect.stringMatching(/^Leaked credentials, week of \d{4}-\d{2}-\d{2}$/)]);
  expect(issues()[0]?.body).toContain("Open by owner");
  await sql`delete from outbox`.execute(rekey().database.db);
  await reportWeek(rekey());
  expect(issues()).toHaveLength(1);
  await sql`delete from outbox`.execute(rekey().database.db);
  await sql`update repository set private = false where full_name = 'acme/payments-api'`.execute(rekey().database.db);
  world.github.state.issues.length = 0;
  await expect(reportWeek(rekey())).rejects.toThrow("is public");
  expect(issues()).toEqual([]);
  await sql`update repository set private = true where full_name = 'acme/payments-api'`.execute(rekey().database.db);
});

test("a repository may tighten and may not loosen", { timeout: 60_000 }, async () => {
  await app.git("checkout", "--quiet", "main");
  await app.commit("Tighten", { [file]: "version: 1\ndisclosure: private\non_unavailable: block\n" });
  await app.push("main", { as: world.mara });
  await until("it counts", stage, (policy) => policy?.disclosure === "private");
  expect(await stage()).toMatchObject({ stage: "block", onUnavailable: "block" });
});
