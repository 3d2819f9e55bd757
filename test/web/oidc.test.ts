import { randomBytes } from "node:crypto";
import { createServer, type Server } from "node:http";
import { serve } from "@hono/node-server";
import { Provider } from "oidc-provider";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../src/secret.ts";
import { createWeb } from "../../src/web/app.ts";
import { oidcLogin } from "../../src/web/login/oidc.ts";
import { type SessionStore, Sessions } from "../../src/web/login/session.ts";
import { Browser } from "../github/browser.ts";
import { mixed, now, readersOf } from "./sample.ts";

/** Against a real OpenID provider on loopback. */
const secret = randomBytes(24).toString("hex");
const people: Record<string, { email: string; email_verified: boolean; groups: string[] }> = {
  dana: { email: "dana@acme.example", email_verified: true, groups: ["security-leads"] },
  ari: { email: "ari@acme.example", email_verified: true, groups: ["auditors", "everybody"] },
  eve: { email: "dana@acme.example", email_verified: false, groups: ["everybody"] },
};
let provider: Server;
let issuer: string;
const closing: (() => void)[] = [];

beforeAll(async () => {
  provider = createServer();
  await new Promise<void>((resolve) => provider.listen(0, "127.0.0.1", () => resolve()));
  const address = provider.address();
  issuer = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
});
afterAll(() => {
  for (const close of closing) close();
  provider.closeAllConnections();
  provider.close();
});

async function dashboard(admit: { claim: string; read: string[]; lead: string[] }, clientSecret = secret): Promise<string> {
  const kept = new Map<string, Awaited<ReturnType<SessionStore["visit"]>>>();
  const store: SessionStore = {
    async begin(person) {
      const id = randomBytes(16).toString("hex");
      const at = new Date();
      kept.set(id, { ...person, createdAt: at, freshAt: at, checkedAt: new Date(0) });
      return id;
    },
    visit: async (id) => kept.get(id),
    checked: async () => undefined,
    end: async (id) => void kept.delete(id),
  };
  let fetch: (request: Request) => Response | Promise<Response> = () => new Response("starting", { status: 503 });
  const server = serve({ fetch: (request) => fetch(request), port: 0, hostname: "127.0.0.1" });
  await new Promise<void>((resolve) => server.once("listening", () => resolve()));
  closing.push(() => server.close());
  const address = server.address();
  const url = new URL(`http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`);
  const oidc = new Provider(issuer, {
    clients: [
      {
        client_id: "rekey",
        client_secret: secret,
        redirect_uris: [new URL("/login/oidc/callback", url).href],
        token_endpoint_auth_method: "client_secret_post",
      },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"], profile: [] },
    scopes: ["openid", "profile", "email", "groups"],
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    findAccount: (_context: unknown, id: string) => ({ accountId: id, claims: async () => ({ sub: id, ...people[id] }) }),
  });
  provider.removeAllListeners("request");
  provider.on("request", oidc.callback());
  const sessions = new Sessions(store, url);
  const login = oidcLogin({ label: "Acme", issuer, clientId: "rekey", clientSecret: Secret.from(clientSecret), ...admit });
  const act = async () => ({ ok: true });
  fetch = createWeb({ readers: readersOf(mixed(3)), now: () => now, login: { providers: [login], sessions, url, act } }).fetch;
  return url.href.replace(/\/$/, "");
}

/** Goes through the provider's own pages as this person. */
async function logIn(at: string, person: string, browser = new Browser()) {
  let page = await browser.get(`${at}/login/oidc?next=/account`);
  for (let step = 0; step < 4 && page.url.startsWith(issuer); step++) {
    const action = /action="([^"]+)"/.exec(page.text)?.[1] ?? "";
    const prompt = /name="prompt" value="(\w+)"/.exec(page.text)?.[1] ?? "";
    page = await browser.post(new URL(action, issuer).href, { prompt, login: person, password: "any" });
  }
  return { page, browser };
}

test("the groups of a provider decide who comes in, and who leads; all of them only read", { timeout: 30_000 }, async () => {
  const at = await dashboard({ claim: "groups", read: ["auditors"], lead: ["security-leads"] });
  const dana = await logIn(at, "dana");
  expect(dana.page.text).toMatch(/dana@acme\.example[\s\S]*lead:/);
  const ari = await logIn(at, "ari");
  expect(ari.page.text).toMatch(/ari@acme\.example[\s\S]*viewer:[\s\S]*Sees every repository/);
  expect((await logIn(at, "eve")).page).toMatchObject({ status: 403, text: expect.stringContaining("You may not come in") });

  const incident = await dana.browser.get(`${at}/incidents/RK-7F3K`);
  expect(incident.status).toBe(200);
  expect(incident.text).not.toContain("What you can do");
  expect((await dana.browser.post(`${at}/incidents/RK-7F3K/act`, { form: "x", verb: "verify" })).status).toBe(403);
});

test("an address that the provider has not verified admits nobody", { timeout: 30_000 }, async () => {
  const at = await dashboard({ claim: "email", read: ["dana@acme.example"], lead: [] });
  expect((await logIn(at, "dana")).page.status).toBe(200);
  expect((await logIn(at, "eve")).page.status).toBe(403);
});

test("a wrong client secret logs nobody in and says where to look", { timeout: 30_000 }, async () => {
  const at = await dashboard({ claim: "groups", read: ["auditors"], lead: [] }, "wrong-wrong-wrong-wrong");
  const { page, browser } = await logIn(at, "ari");
  expect(page).toMatchObject({ status: 502, text: expect.stringContaining("Acme could not be asked") });
  expect((await browser.get(`${at}/account`)).url).toContain("/login");
});
