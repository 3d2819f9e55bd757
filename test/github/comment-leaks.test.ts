import { afterAll, beforeAll, expect, test } from "vitest";
import { openRouterKey } from "./keys.ts";
import { type AppWorld, startApp, until, type WorkingRepository } from "./world.ts";

let world: AppWorld;
let repository: WorkingRepository;
const value = openRouterKey();
const issue = 77;
let incident = "";

beforeAll(async () => {
  world = await startApp({ policy: "rollout: comment" });
  repository = await world.addRepository("talk");
}, 60_000);
afterAll(() => world.stop());

const comments = () => world.github.state.comments.filter((one) => one.repository === repository.repository.id && one.issue === issue);
const say = (body: string, as = world.dev) => repository.api(as, "POST", `/issues/${issue}/comments`, { body });

test("a credential in a comment is an incident, said once below it, and never repeated", { timeout: 60_000 }, async () => {
  await say(`@mara look, it works with ${value} since <b>today</b>`);
  const [found] = await until(
    "it is found",
    () => world.incidents(),
    ({ length }) => length === 1,
  );
  incident = found?.id ?? "";
  expect(found).toMatchObject({ state: "open", repository: "acme/talk", occurrences: [{ pushedBy: "dev" }] });
  const answer = await until(
    "it is said",
    () => comments().find(({ byApp }) => byApp),
    (one) => one !== undefined,
  );
  expect(answer?.body).toContain(`**${incident}**: the comment of dev above holds OpenRouter API key`);
  expect(answer?.body).toContain(`/rekey redact ${incident}`);
  const [said] = comments();
  await repository.api(world.dev, "PATCH", `/issues/comments/${said?.id}`, { body: `${said?.body} (edited)` });
  await say("nothing to see here");
  await say(`${value} again`, world.mara);
  await until(
    "the second place is known",
    () => world.incidents(),
    ([one]) => (one?.occurrences.length ?? 0) >= 2,
  );
  expect(comments().filter(({ byApp }) => byApp).length).toBeLessThanOrEqual(2);
  expect(await world.incidents()).toHaveLength(1);
  for (const { body, byApp } of comments()) if (byApp) expect(body).not.toContain(value);
});

test("the last place that holds a value is not removed while its death could not be proven", { timeout: 60_000 }, async () => {
  await say(`/rekey redact ${incident}`, world.mara);
  const refused = await until(
    "it is answered",
    () => comments().find(({ body }) => body.includes("last place")),
    (one) => one !== undefined,
  );
  expect(refused?.body).toContain("Rotate it first");
  expect(comments().filter(({ body }) => body.includes(value))).toHaveLength(2);
});

test("then the comments are posted again without the value, as quotations, and deleted", { timeout: 90_000 }, async () => {
  await repository.branch("leak");
  await repository.commit("leak", { "a.env": `KEY=${value}\n` });
  await repository.push("leak");
  await until(
    "another place holds it",
    () => world.incidents(),
    ([one]) => one?.occurrences.some(({ commit }) => commit !== undefined) === true,
  );
  await say(`/rekey redact ${incident}`, world.mara);
  await until(
    "they are gone",
    () => comments().filter(({ body }) => body.includes(value)).length,
    (count) => count === 0,
  );
  const again = comments().filter(({ body }) => body.startsWith("Originally by"));
  expect(again).toHaveLength(2);
  expect(again[0]?.body).toContain(`[credential removed: ${incident}]`);
  expect(again[0]?.body).not.toMatch(/@mara|\n[^>\n]/);
  expect(await world.incidents()).toMatchObject([{ state: "open" }]);
});

test("who may not write has nothing removed", { timeout: 60_000 }, async () => {
  const reader = world.github.addUser("reader");
  repository.repository.roles.set("reader", "read");
  const other = openRouterKey();
  await say(`use ${other}`);
  const found = await until(
    "it is found",
    () => world.incidents(),
    ({ length }) => length === 2,
  );
  const id = found.find((one) => one.id !== incident)?.id ?? "";
  await say(`/rekey redact ${id}`, reader);
  await until(
    "it is refused",
    () => comments().find(({ body }) => body.includes("needs write access")),
    (one) => one !== undefined,
  );
  expect(comments().some(({ body }) => body.includes(other))).toBe(true);
});
