import { afterAll, beforeAll, expect, test } from "vitest";
import { openRouterKey } from "./keys.ts";
import { type AppWorld, concluded, startApp, until, type WorkingRepository } from "./world.ts";

let world: AppWorld;
let repository: WorkingRepository;
beforeAll(async () => {
  world = await startApp({ policy: "rollout: rotate" });
  repository = await world.addRepository("pair");
}, 60_000);
afterAll(() => world.stop());

test("with several leaked credentials the button rotates none and says what to say instead", { timeout: 60_000 }, async () => {
  const number = await repository.propose("two", { "a.env": `KEY=${openRouterKey()}\n`, "b.env": `KEY=${openRouterKey()}\n` });
  await concluded(repository, number);
  const { db } = world.server.rekey.database;
  await until(
    "both plans are shown, and it is on record",
    () => db.selectFrom("pull_request").select("comment_plans").executeTakeFirst(),
    (row) => Object.keys(row?.comment_plans ?? {}).length === 2,
  );
  const check = repository.checks(number).at(-1);
  if (check === undefined) throw new Error("no check");
  world.github.pressButton(check, "rotate", "mara");
  const text = await until(
    "the button is answered",
    () => repository.comment(number),
    (one) => one.includes("cannot tell which"),
  );
  for (const { id, run } of await world.incidents()) {
    expect(text).toContain(`/rekey rotate ${id} `);
    expect(run).toBeUndefined();
  }
});
