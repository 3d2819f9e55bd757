import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { User } from "../../src/stand-in/github/state.ts";
import { createApiToken, dropApiToken, listApiTokens } from "../../src/store/access.ts";
import { Browser } from "./browser.ts";
import { openRouterKey } from "./keys.ts";
import { type AppWorld, startApp, until, type WorkingRepository } from "./world.ts";

let world: AppWorld;
let app: WorkingRepository;
let stranger: User;
let incident: string;
const leaked = openRouterKey();

beforeAll(async () => {
  world = await startApp({ policy: "rollout: block", login: {} });
  stranger = world.github.addUser("stranger");
  app = await world.addRepository("triage");
  await app.propose("leak", { "app.env": `KEY=${leaked}\n` });
  const [found] = await until(
    "the key was found",
    () => world.incidents(),
    ({ length }) => length === 1,
  );
  incident = found?.id ?? "";
}, 60_000);
afterAll(() => world.stop());

const at = (path: string) => `${world.server.url}${path}`;
const db = () => world.server.rekey.database.db;

async function loggedIn(user: User, next = "/account"): Promise<Browser> {
  const browser = new Browser();
  world.github.login.user = user;
  const page = await browser.get(at(`/login/github?next=${encodeURIComponent(next)}`));
  expect(page.status, page.text).toBe(200);
  return browser;
}

/** The token that stands in the forms of a page. */
function formToken(page: string): string {
  return /name="form" value="([\w-]+)"/.exec(page)?.[1] ?? "";
}

async function ask(browser: Browser, verb: string, fields: Record<string, string> = {}, origin?: string) {
  const page = await browser.get(at(`/incidents/${incident}`));
  return browser.post(
    at(`/incidents/${incident}/act`),
    { form: formToken(page.text), verb, ...fields },
    origin === undefined ? {} : { origin },
  );
}

test("nobody sees anything without a login, and is brought back to where they wanted to go", async () => {
  const browser = new Browser();
  for (const path of ["/", "/incidents", `/incidents/${incident}`, "/rollout", "/reviews"]) {
    const page = await browser.get(at(path));
    expect(page.url, path).toBe(at(`/login?next=${encodeURIComponent(path)}`));
    expect(page.text.replaceAll(encodeURIComponent(path), "")).not.toContain("RK-");
  }
  expect((await browser.get(at("/api/v1/incidents"))).status).toBe(401);
  world.github.login.user = world.dev;
  expect((await browser.get(at(`/login/github?next=/incidents/${incident}`))).url).toBe(at(`/incidents/${incident}`));
});

test("a person sees what they may read on GitHub, and no more", async () => {
  expect((await (await loggedIn(world.dev)).get(at("/incidents"))).text).toContain(incident);
  const other = await loggedIn(stranger);
  expect((await other.get(at("/incidents"))).text).not.toContain(incident);
  expect((await other.get(at(`/incidents/${incident}`))).status).toBe(404);
  expect((await other.get(at(`/api/v1/incidents/${incident}`))).status).toBe(404);
});

test.each(["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/login"])(
  "a login is not brought to %s",
  async (next) => {
    const browser = new Browser();
    world.github.login.user = world.dev;
    expect((await browser.get(at(`/login/github?next=${encodeURIComponent(next)}`))).url).toBe(at("/"));
  },
);

test("an answer that belongs to no login of this browser is refused: another state, another browser, a second time", async () => {
  world.github.login.user = world.dev;
  const browser = new Browser();
  const sent = await browser.get(at("/login/github"), { follow: false });
  const back = await browser.get(sent.headers.get("location") ?? "", { follow: false });
  const callback = back.headers.get("location") ?? "";
  expect((await new Browser().get(callback)).status).toBe(400);
  const forged = new URL(callback);
  forged.searchParams.set("state", "x".repeat(32));
  const other = new Browser();
  await other.get(at("/login/github"), { follow: false });
  expect((await other.get(forged.href)).status).toBe(400);
  expect((await browser.get(callback)).url).toBe(at("/"));
  expect((await browser.get(callback)).status).toBe(400);
});

test("who says no at GitHub is not logged in", async () => {
  world.github.login.user = undefined;
  const browser = new Browser();
  expect((await browser.get(at("/login/github"))).status).toBe(403);
  expect((await browser.get(at("/account"))).url).toContain("/login");
});

test("the session's id is in no table, no other site's form counts, and logging out ends it", async () => {
  const browser = await loggedIn(world.dev);
  const id = browser.cookie(world.server.url, "rekey") ?? "";
  expect(id.length).toBeGreaterThan(40);
  const { rows } = await sql<object>`select * from web_session`.execute(db());
  expect(JSON.stringify(rows)).not.toContain(id);

  const token = formToken((await browser.get(at("/account"))).text);
  expect((await browser.post(at("/logout"), { form: token }, { origin: "https://evil.example" })).status).toBe(403);
  expect((await browser.post(at("/logout"), { form: "forged" })).status).toBe(403);
  expect((await browser.get(at("/account"))).text).toContain("dev");
  await browser.post(at("/logout"), { form: token });
  expect((await browser.get(at("/account"))).url).toContain("/login");
  const stolen = new Browser();
  stolen.setCookie(world.server.url, "rekey", id);
  expect((await stolen.get(at("/account"))).url).toContain("/login");
});

test("a session ends after its time, and with the right to see anything", async () => {
  const browser = await loggedIn(world.dev);
  await sql`update web_session set seen_at = now() - interval '9 hours'`.execute(db());
  expect((await browser.get(at("/account"))).url).toContain("/login");

  const later = await loggedIn(world.dev);
  expect((await later.get(at("/incidents"))).text).toContain(incident);
  app.repository.roles.delete("dev");
  expect((await later.get(at("/incidents"))).text, "asked again every ten minutes").toContain(incident);
  await sql`update web_session set checked_at = now() - interval '11 minutes'`.execute(db());
  expect((await later.get(at("/incidents"))).text).not.toContain(incident);
  app.repository.roles.set("dev", "write");
});

test("roles come from GitHub and the security team", async () => {
  const roleOf = async (user: User) => (await (await loggedIn(user)).get(at("/account"))).text;
  expect(await roleOf(world.mara)).toContain("lead:");
  expect(await roleOf(world.dev)).toContain("responder:");
  expect(await roleOf(stranger)).toContain("viewer:");
  world.github.login.owners.add("dev");
  expect(await roleOf(world.dev)).toContain("admin:");
  world.github.login.owners.clear();
});

test("commands are for people with write access, and are judged like those on a pull request", async () => {
  const reader = world.github.addUser("reader");
  app.repository.roles.set("reader", "read");
  const browser = await loggedIn(reader);
  expect((await browser.get(at(`/incidents/${incident}`))).text).not.toContain("What you can do");
  expect((await browser.post(at(`/incidents/${incident}/act`), { form: "x", verb: "verify" })).status).toBe(403);

  const dev = await loggedIn(world.dev);
  expect((await ask(dev, "verify", {}, "https://evil.example")).status).toBe(403);
  expect((await ask(dev, "explode")).status).toBe(400);
  const rotate = await ask(dev, "rotate", { hash: "0".repeat(12) });
  expect([rotate.status, rotate.text.includes("does not go as far as")]).toEqual([409, true]);
  const dismissed = await ask(dev, "false-positive", { text: "I do not like it" });
  expect([dismissed.status, dismissed.text.includes("security team")]).toEqual([409, true]);
  expect((await world.incidents())[0]?.state).toBe("open");
});

test("what weighs is asked for only after a fresh login; then it counts", async () => {
  const mara = await loggedIn(world.mara);
  await sql`update web_session set fresh_at = now() - interval '6 minutes'`.execute(db());
  world.github.login.user = world.mara;
  const page = await mara.get(at(`/incidents/${incident}`));
  const sent = await mara.post(
    at(`/incidents/${incident}/act`),
    { form: formToken(page.text), verb: "false-positive", text: "an example" },
    { follow: false },
  );
  expect(sent.headers.get("location")).toBe(`/login/github?fresh=1&next=%2Fincidents%2F${incident}`);
  expect((await world.incidents())[0]?.state).toBe("open");
  expect((await mara.get(at(sent.headers.get("location") ?? ""))).url).toBe(at(`/incidents/${incident}`));
  expect((await ask(mara, "false-positive", { text: "an example" })).status).toBe(200);
  expect((await world.incidents())[0]).toMatchObject({ state: "resolved", dismissal: { by: "mara", reason: "an example" } });
});

test("a program's token opens what its scopes name, is kept as a hash, and is refused once it is over", async () => {
  const create = (name: string, options: { scopes: string[]; repositories?: string[]; days?: number }) =>
    createApiToken(db(), { name, ...options, expiresAt: new Date(Date.now() + (options.days ?? 1) * 86_400_000) });
  const get = async (path: string, token: string | undefined) =>
    (await fetch(at(path), { headers: { authorization: `Bearer ${token}` } })).status;
  const reader = await create("reader", { scopes: ["incidents:read"] });
  expect(await create("reader", { scopes: ["incidents:read"] }), "the name is taken").toBeUndefined();
  expect(JSON.stringify(await listApiTokens(db()))).not.toContain(reader);
  expect(await get("/api/v1/incidents", reader)).toBe(200);
  expect(await get(`/api/v1/incidents/${incident}`, reader)).toBe(200);
  expect(await get("/api/v1/metrics", reader), "another scope").toBe(403);
  expect(await get("/account", reader), "a page").toBe(403);
  expect(await get("/api/v1/incidents", `${reader}x`)).toBe(401);
  expect(await get("/api/v1/incidents", "rekey_pat_")).toBe(401);
  const post = await fetch(at(`/incidents/${incident}/act`), { method: "POST", headers: { authorization: `Bearer ${reader}` } });
  expect(post.status).toBe(403);

  const numbers = await create("numbers", { scopes: ["metrics:read"] });
  const metrics = await (await fetch(at("/metrics"), { headers: { authorization: `Bearer ${numbers}` } })).text();
  expect(metrics).toMatch(/^rekey_incidents_open\{severity="\w+"\} \d+$/m);
  expect(metrics).toMatch(/^rekey_deliveries_waiting 0$/m);
  expect(metrics).toMatch(/^process_cpu_seconds_total /m);
  expect(metrics, "no repository, owner or identity is a label").not.toMatch(/acme|triage|RK-/);

  const other = await create("other", { scopes: ["incidents:read"], repositories: ["acme/nothing"] });
  expect(await get(`/api/v1/incidents/${incident}`, other)).toBe(404);
  expect(await get("/api/v1/incidents", await create("late", { scopes: ["incidents:read"], days: -1 }))).toBe(401);
  expect(await dropApiToken(db(), "reader")).toBe(true);
  expect(await get("/api/v1/incidents", reader)).toBe(401);
});
