import { afterAll, beforeAll, expect, test } from "vitest";
import type { User } from "../../src/stand-in/github/state.ts";
import { Browser } from "./browser.ts";
import { openRouterKey } from "./keys.ts";
import { type AppWorld, concluded, startApp, until, type WorkingRepository } from "./world.ts";

let world: AppWorld;
let repository: WorkingRepository;

beforeAll(async () => {
  world = await startApp({ policy: "rollout: block", login: {} });
  repository = await world.addRepository("app");
}, 60_000);
afterAll(() => world.stop());

const detector = "openrouter-api-key";
const page = () => `${world.server.url}/types/${detector}`;

async function loggedIn(user: User): Promise<Browser> {
  const browser = new Browser();
  world.github.login.user = user;
  await browser.get(`${world.server.url}/login/github?next=${encodeURIComponent("/account")}`);
  return browser;
}

const field = (text: string, name: string) => new RegExp(`name="${name}" value="([\\w-]+)"`).exec(text)?.[1] ?? "";

async function leak(name: string, value: string) {
  const before = new Set((await world.incidents()).map(({ id }) => id));
  const number = await repository.propose(name, { [`${name}.env`]: `KEY=${value}\n` });
  const check = await concluded(repository, number);
  const found = (await world.incidents()).find(({ id }) => !before.has(id));
  return { id: found?.id ?? "", number, check };
}

const incident = async (id: string) => (await world.incidents()).find((one) => one.id === id);

test("a silenced type is dismissed now and later, never what is alive, and all of it comes back", { timeout: 300_000 }, async () => {
  const dead = await leak("dead", openRouterKey());
  const live = await leak("live", world.provider.createKey("live").secret.reveal());
  expect((await incident(dead.id))?.state).toBe("open");

  const dev = await loggedIn(world.dev);
  const seen = await dev.get(page());
  expect(seen.text).toContain("For the security team, logged in through GitHub.");
  expect((await dev.post(`${page()}/silence`, { form: "x", reason: "noise", hash: "0123456789ab" }, {})).status).toBe(403);

  const mara = await loggedIn(world.mara);
  const preview = await mara.get(page());
  expect(preview.text).toContain("1 open incident would be dismissed");
  expect(preview.text).toContain("as 1 of these do");
  expect(preview.text).toContain(dead.id);
  const order = { form: field(preview.text, "form"), reason: "our fixtures look like it" };
  const stale = await mara.post(`${page()}/silence`, { ...order, hash: "0123456789ab" }, {});
  expect(stale.text).toContain("what would be silenced has changed meanwhile");
  const done = await mara.post(`${page()}/silence`, { ...order, hash: field(preview.text, "hash") }, {});
  expect(done.text).toContain("is silenced for the organisation");
  await until(
    "the dead one is dismissed",
    () => incident(dead.id),
    (one) => one?.resolution === "false_positive",
  );
  expect(await incident(dead.id)).toMatchObject({
    dismissal: { by: "policy", reason: "silenced for the organisation: our fixtures look like it" },
  });
  expect(await incident(live.id)).toMatchObject({ state: "open", validity: "active" });

  const later = await leak("later", openRouterKey());
  expect(later.check.conclusion).toBe("success");
  expect(await incident(later.id)).toMatchObject({ state: "resolved", dismissal: { by: "policy" } });
  const alive = await leak("alive", world.provider.createKey("alive").secret.reveal());
  expect(alive.check.conclusion).toBe("action_required");
  expect(await incident(alive.id)).toMatchObject({ state: "open", validity: "active" });

  const silenced = await mara.get(page());
  expect(silenced.text).toContain("Silenced for the organisation");
  const undone = await mara.post(`${page()}/silence`, { form: field(silenced.text, "form"), reason: "too wide" }, {});
  expect(undone.text).toContain("is no longer silenced");
  for (const id of [dead.id, later.id])
    await until(
      `${id} is open again`,
      () => incident(id),
      (one) => one?.state === "open",
    );
});
