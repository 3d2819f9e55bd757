import { afterAll, beforeAll, expect, test } from "vitest";
import { createApiToken } from "../../src/store/access.ts";
import { housekeep } from "../../src/store/housekeeping.ts";
import { Browser } from "./browser.ts";
import { type AppWorld, concluded, startApp, until, type WorkingRepository } from "./world.ts";

let world: AppWorld;
let repository: WorkingRepository;

beforeAll(async () => {
  world = await startApp({ policy: "rollout: block, exceptions: { max_days: 30 }", security: "mara, kim", login: {} });
  repository = await world.addRepository("app");
  repository.repository.roles.set(world.github.addUser("kim").login, "read");
}, 60_000);
afterAll(() => world.stop());

const day = 86_400_000;
const dateIn = (days: number) => new Date(Date.now() + days * day).toISOString().slice(0, 10);

async function leak(name: string): Promise<{ number: number; id: string }> {
  const live = world.provider.createKey(name).secret.reveal();
  const number = await repository.propose(name, { [`${name}.env`]: `KEY=${live}\n` });
  expect(await concluded(repository, number)).toMatchObject({ conclusion: "action_required" });
  const body = await until(
    "the comment names it",
    () => repository.comment(number),
    (text) => text.includes("RK-"),
  );
  return { number, id: /RK-\w+/.exec(body)?.[0] ?? "" };
}

const user = (login: string) => {
  const found = world.github.state.users.get(login);
  if (found === undefined) throw new Error(`there is no ${login}`);
  return found;
};

async function say(number: number, login: string, body: string, expected: string): Promise<string> {
  await repository.api(user(login), "POST", `/issues/${number}/comments`, { body });
  return until(
    `the comment says "${expected}"`,
    () => repository.comment(number),
    (text) => text.includes(expected),
  );
}

const incident = async (id: string) => (await world.incidents()).find((one) => one.id === id);

test("a live key is accepted by two people of GitHub until a date, and is open again after it", async () => {
  const { number, id } = await leak("sandbox");
  await say(number, "dev", `/rekey accept ${id} "a sandbox" --until ${dateIn(60)}`, "lasts at most 30 days");
  await say(number, "dev", `/rekey false-positive ${id} "no key"`, "Somebody of the security team must decide that");
  await say(number, "mara", `/rekey false-positive ${id} "no key"`, "so it is a credential");
  const body = await say(number, "dev", `/rekey accept ${id} "a sandbox" --until ${dateIn(20)}`, "asks to accept the risk");
  const hash = new RegExp(`/rekey accept ${id} ([0-9a-f]{12})`).exec(body)?.[1] ?? "";
  await say(number, "dev", `/rekey accept ${id} ${hash}`, "dev leaked it");
  await say(number, "kim", `/rekey accept ${id} 0123456789ab`, "has changed");
  expect(await incident(id)).toMatchObject({ state: "open", asked: { by: "dev", vouched: true } });

  await say(number, "kim", `/rekey accept ${id} ${hash}`, "is accepted until");
  expect(await incident(id)).toMatchObject({ state: "resolved", resolution: "wont_fix", acceptance: { by: "dev", approvers: ["kim"] } });
  expect((await concluded(repository, number)).conclusion).toBe("neutral");

  expect(await housekeep(world.server.rekey.database.db, new Date(Date.now() + 19 * day))).toEqual([]);
  expect(await housekeep(world.server.rekey.database.db, new Date(Date.now() + 21 * day))).toEqual([id]);
  expect(await incident(id)).toMatchObject({ state: "open", lapsed: [{ by: "dev", approvers: ["kim"], why: "expired" }] });
});

test("a program asks and two people must agree; one of them on the dashboard after a fresh login; then it is ended", async () => {
  const { number, id } = await leak("program");
  const { db } = world.server.rekey.database;
  const expiresAt = new Date(Date.now() + day);
  const token = await createApiToken(db, { name: "grc", scopes: ["exceptions:ask"], expiresAt });
  const reader = await createApiToken(db, { name: "reader", scopes: ["incidents:read"], expiresAt });
  const ask = (bearer: string | undefined, body: object) =>
    fetch(`${world.server.url}/api/v1/exceptions`, {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const wanted = { target: id.toLowerCase(), reason: "until the contract ends", until: dateIn(10) };
  expect((await ask(reader, wanted)).status).toBe(403);
  expect((await ask(token, { ...wanted, target: "RK-0000" })).status).toBe(409);
  expect((await ask(token, { ...wanted, until: "tomorrow" })).status).toBe(400);
  expect(await (await ask(token, wanted)).json()).toMatchObject({ results: [{ incident: id, ok: true }] });
  expect(await incident(id)).toMatchObject({ state: "open", asked: { by: "token grc", vouched: false } });

  const browser = new Browser();
  world.github.login.user = world.mara;
  const page = await browser.get(`${world.server.url}/login/github?next=${encodeURIComponent(`/incidents/${id}`)}`);
  const field = (name: string) => new RegExp(`name="${name}" value="([\\w-]+)"`).exec(page.text)?.[1] ?? "";
  const agreed = await browser.post(
    `${world.server.url}/incidents/${id}/act`,
    { form: field("form"), verb: "accept", hash: field("hash") },
    {},
  );
  expect(agreed.text).toContain("stays open until also one of the security team agrees: kim");
  expect(await incident(id)).toMatchObject({ state: "open", asked: { agreed: [{ by: "mara" }] } });
  await say(number, "kim", `/rekey accept ${id} ${field("hash")}`, "is accepted until");
  expect(await incident(id)).toMatchObject({ acceptance: { by: "token grc", approvers: ["mara", "kim"], people: 2 } });

  const listed = await browser.get(`${world.server.url}/exceptions`);
  for (const text of ["1 risk is accepted, 1 for 14 days or less", "token grc", "mara, kim"]) expect(listed.text).toContain(text);
  expect((await browser.get(`${world.server.url}/exceptions.csv`)).text).toContain(`${id},`);
  await say(number, "kim", `/rekey decline ${id} "the contract ended"`, "has ended, and it is open again");
  expect(await incident(id)).toMatchObject({ state: "open", lapsed: [{ why: "the exception was ended: the contract ended" }] });
});
