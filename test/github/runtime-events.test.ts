import { createHmac, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { loadMapping } from "../../src/config/mapping.ts";
import { parseServerConfig } from "../../src/config/server.ts";
import type { Incident } from "../../src/incident/fold.ts";
import { openRouterKey } from "./keys.ts";
import { type AppWorld, startApp } from "./world.ts";

const mapping = `version: 1
name: A firewall's alert webhook
events: $.alerts[*]
when: [ { path: '@.status', is: [open, updated] } ]
kind:
  path: '@.category'
  values: { prompt_attack: prompt-injection, pii: data-leakage, tool_abuse: unsafe-tool-use }
  default: policy-violation
severity: { path: '@.score', scores: [ { from: 0.9, severity: critical }, { from: 0.5, severity: high } ], default: low }
title: '@.detector.name'
id: '@.id'
time: { path: '@.at', format: unix-ms }
action: { path: '@.verdict', values: { block: blocked, pass: allowed } }
rule: { paths: ['@.detector.id', '$.policy'] }
link: '@.url'
identity: { agent: '@.app' }
`;

let folder: string;
let world: AppWorld;
const token = "firewall-token-of-this-test";
const secret = `whsec_${randomBytes(24).toString("base64")}`;
const secrets: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "rekey-mapping-"));
  writeFileSync(join(folder, "firewall.yml"), mapping);
  world = await startApp({
    policy: "rollout: rotate, automatic: on",
    more: `runtime:
  sources:
    - { name: firewall, token: "env:FIREWALL", webhook_secret: "env:FIREWALL_SECRET", mapping: "${join(folder, "firewall.yml")}", open_incidents: 6 }
    - { name: gateway, token: "env:GATEWAY", requests_per_minute: 40 }
`,
    env: { FIREWALL: token, FIREWALL_SECRET: secret, GATEWAY: "gateway-token-of-this-test" },
  });
}, 60_000);
afterAll(async () => {
  await world.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Every test begins with nothing open. */
beforeEach(async () => {
  for (const { id, state, kind } of await world.incidents())
    if (state === "open" && kind !== undefined) await operator(`/operator/incident/${id}`, { verb: "resolve", reason: "the test is over" });
});

interface Alert {
  id?: string;
  app?: string;
  category?: string;
  score?: number;
  at?: number;
  verdict?: string;
  status?: string;
  url?: string;
  detector?: { id: string; name: string };
}
let numbers = 0;
const alert = (change: Alert = {}): Alert => ({
  id: `al_${++numbers}`,
  app: "triage-agent",
  category: "prompt_attack",
  score: 0.95,
  at: Date.now() - 60_000,
  verdict: "pass",
  status: "open",
  url: "https://firewall.example/alerts/1",
  detector: { id: "pi-7", name: "Role change in a tool result" },
  ...change,
});

function deliver(alerts: readonly Alert[], headers: Record<string, string> = { authorization: `Bearer ${token}` }): Promise<Response> {
  return fetch(`${world.server.url}/v1/events/firewall`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ policy: "default", alerts }),
  });
}

function signed(body: string, change: { id?: string; at?: number; key?: string } = {}): Record<string, string> {
  const { id = "msg_1", at = Date.now(), key = secret } = change;
  const timestamp = String(Math.floor(at / 1000));
  const hmac = createHmac("sha256", Buffer.from(key.slice(6), "base64"))
    .update(`${id}.${timestamp}.${body}`)
    .digest("base64");
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": `v1,${hmac}` };
}

const operator = (path: string, body?: object) =>
  new Promise<{ status: number; body: Record<string, unknown> }>((resolve, reject) => {
    const asked = request(
      {
        socketPath: join(world.folder, "db", "api.sock"),
        path,
        method: body === undefined ? "GET" : "POST",
        headers: { host: "rekey", "content-type": "application/json" },
      },
      (answer) => {
        let text = "";
        answer.on("data", (part) => {
          text += part;
        });
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) }));
      },
    );
    asked.on("error", reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });

const open = async (): Promise<Incident[]> => (await world.incidents()).filter(({ state, kind }) => state === "open" && kind !== undefined);
const page = async (path: string) => (await fetch(`${world.server.url}${path}`)).text();

test("an alert of a firewall is an incident of the agent, in the same queue as a leaked key, and no rotation", async () => {
  const answer = await (await deliver([alert(), alert({ status: "closed" })])).json();
  expect(answer).toMatchObject({ taken: 1, known: 0, heldBack: 0, ignored: 1, problems: [] });
  const [incident] = await open();
  expect(incident).toMatchObject({
    kind: "prompt-injection",
    severity: "critical",
    credential: { title: "Prompt injection: Role change in a tool result", detector: "prompt-injection" },
    identities: [{ kind: "agent-instance", name: "triage-agent", grade: "weak", method: "runtime-name" }],
    report: { source: "firewall", action: "allowed", rule: "pi-7", count: 1, link: "https://firewall.example/alerts/1" },
  });
  expect(Date.parse(incident?.clock.exposed ?? "")).toBeLessThan(Date.parse(incident?.clock.detected ?? ""));
  expect(incident?.plan).toBeUndefined();
  expect(incident?.run).toBeUndefined();

  const id = incident?.id ?? "";
  expect(await page("/")).toContain("What happened to agents at runtime");
  expect(await page("/incidents?kind=prompt-injection")).toContain(id);
  expect(await page("/incidents?kind=leaked-credential")).not.toContain(id);
  const shown = await page(`/incidents/${id}`);
  for (const text of ["went through", "Role change in a tool result", "firewall", "pi-7", "https://firewall.example/alerts/1", "weak"])
    expect(shown).toContain(text);
  const listed = (await (await fetch(`${world.server.url}/api/v1/incidents?kind=prompt-injection&state=open`)).json()) as {
    incidents: object[];
  };
  expect(listed.incidents).toMatchObject([{ id, kind: "prompt-injection", report: { source: "firewall" } }]);
  expect(await page("/incidents.csv?kind=prompt-injection&state=open")).toContain(",prompt-injection,firewall,allowed,1");
  expect(JSON.parse(await page("/incidents.ocsf?kind=prompt-injection&state=open"))).toMatchObject({
    class_uid: 2004,
    finding_info: { uid: id },
  });
  const metrics = (await (await fetch(`${world.server.url}/api/v1/metrics`)).json()) as { open: object; runtime: object };
  expect(metrics).toMatchObject({
    open: { total: 0 },
    timeToRemediate: { n: 0 },
    runtime: { open: 1, openByKind: { "prompt-injection": 1 } },
  });
  expect(await page("/metrics")).toContain('rekey_runtime_incidents_open{severity="critical"} 1');
});

test("duplicates and reordered deliveries of one alert are one incident with the worst severity", async () => {
  const [first, later] = [
    alert({ id: "al_x", score: 0.6, at: 1_760_000_000_000 }),
    alert({ id: "al_x", score: 0.95, at: 1_760_000_100_000 }),
  ];
  await deliver([later]);
  const [before] = await open();
  await Promise.all([deliver([first]), deliver([first]), deliver([later]), deliver([later])]);
  const [incident, ...others] = await open();
  expect(others).toEqual([]);
  expect(incident?.id).toBe(before?.id);
  expect(incident).toMatchObject({
    severity: "critical",
    clock: { exposed: new Date(1_760_000_000_000).toISOString() },
    report: { count: 2, lastAt: new Date(1_760_000_100_000).toISOString() },
  });
  expect(await (await deliver([first])).json()).toMatchObject({ taken: 0, known: 1, incidents: [incident?.id] });
});

test("what the source stopped is contained, until one goes through", async () => {
  await deliver([alert({ id: "al_c", verdict: "block" })]);
  const [blocked] = await open();
  expect(blocked?.clock.contained).toBeDefined();
  expect(await page(`/incidents/${blocked?.id}`)).toContain("blocked by its source");
  await deliver([alert({ id: "al_c", verdict: "pass" })]);
  expect((await open())[0]?.clock.contained).toBeUndefined();
});

test("a person ends it with a reason; the same alert opens it no more, and its end is in no time to remediate", async () => {
  const again = alert({ id: "al_end" });
  await deliver([again]);
  const [incident] = await open();
  const id = incident?.id ?? "";
  expect(await operator(`/operator/incident/${id}`, { verb: "resolve" })).toMatchObject({ status: 409, body: { error: /say why/ } });
  expect((await operator(`/operator/incident/${id}`, { verb: "acknowledge" })).status).toBe(200);
  expect((await operator(`/operator/incident/${id}`, { verb: "contain", reason: "the tool was taken away" })).status).toBe(200);
  expect(await operator(`/operator/incident/${id}`, { verb: "resolve", reason: "twice" })).toMatchObject({ status: 409 });
  const ended = (await world.incidents()).find((one) => one.id === id);
  expect(ended).toMatchObject({
    state: "resolved",
    resolution: "contained",
    settlement: { by: "the operator", reason: "the tool was taken away", contained: true },
  });
  expect(ended?.clock.dead).toBeUndefined();
  await deliver([again, { ...again, score: 0.6 }]);
  expect(await open()).toEqual([]);
  const metrics = (await (await fetch(`${world.server.url}/api/v1/metrics`)).json()) as {
    provenDead: number;
    runtime: { contained: number };
  };
  expect(metrics.provenDead).toBe(0);
  expect(metrics.runtime.contained).toBeGreaterThan(0);
});

test("nobody can rotate or verify a runtime event", async () => {
  await deliver([alert()]);
  const [incident] = await open();
  expect(await operator(`/operator/rotate/${incident?.id}`, { plan: "0123456789ab" })).toMatchObject({
    status: 409,
    body: { error: /no plan/ },
  });
  expect((await world.incidents()).every(({ run }) => run === undefined)).toBe(true);
});

test("without the token or the signature of this very source nothing is read", async () => {
  const before = (await world.incidents()).length;
  const body = JSON.stringify({ policy: "default", alerts: [alert()] });
  const send = (headers: Record<string, string>, to = "firewall", text = body) =>
    fetch(`${world.server.url}/v1/events/${to}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: text,
    });
  const wrong: [string, Record<string, string>, string?, string?][] = [
    ["nothing", {}],
    ["a wrong token", { authorization: "Bearer wrong" }],
    ["another source's token", { authorization: "Bearer gateway-token-of-this-test" }],
    ["a source that has no secret", signed(body), "gateway"],
    ["a source that is not there", signed(body), "nobody"],
    ["another secret", signed(body, { key: `whsec_${randomBytes(24).toString("base64")}` })],
    ["an old delivery", signed(body, { at: Date.now() - 6 * 60_000 })],
    ["a delivery from the future", signed(body, { at: Date.now() + 6 * 60_000 })],
    ["another body", signed(body), "firewall", body.replace("0.95", "0.94")],
    ["another id", { ...signed(body), "webhook-id": "msg_2" }],
    ["no version", { ...signed(body), "webhook-signature": signed(body)["webhook-signature"]?.slice(3) ?? "" }],
  ];
  for (const [what, headers, to, text] of wrong) expect((await send(headers, to, text)).status, what).toBe(401);
  expect(await world.incidents()).toHaveLength(before);
  expect((await send(signed(body))).status).toBe(200);
  const two = { ...signed(body), "webhook-signature": `v1,${randomBytes(32).toString("base64")} ${signed(body)["webhook-signature"]}` };
  expect(await (await send(two)).json()).toMatchObject({ known: 1 });
});

test("a flood opens as many incidents as the source may have, and the rest is counted where people look", async () => {
  const answer = await (await deliver(Array.from({ length: 40 }, () => alert()))).json();
  expect(answer).toMatchObject({ taken: 6, heldBack: 34 });
  expect(await open()).toHaveLength(6);
  expect(await page("/incidents")).toContain("34 more events of <bdi>firewall</bdi>");
  const listed = (await (await fetch(`${world.server.url}/api/v1/incidents`)).json()) as { heldBack: object[] };
  expect(listed.heldBack).toMatchObject([{ source: "firewall", events: 34 }]);
});

test("our own form needs no mapping; a source that calls too often is told to wait", async () => {
  const send = (body: object) =>
    fetch(`${world.server.url}/v1/events`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer gateway-token-of-this-test" },
      body: JSON.stringify(body),
    });
  const event = {
    kind: "unsafe-tool-use",
    severity: "high",
    title: "shell with a pipe to sh",
    tool: "bash",
    identity: { agent: "builder" },
  };
  expect(await (await send({ events: [event] })).json()).toMatchObject({ taken: 1 });
  expect((await open())[0]).toMatchObject({ kind: "unsafe-tool-use", report: { source: "gateway", tool: "bash" } });
  expect(await send({ events: [{ ...event, kind: "other" }] })).toMatchObject({ status: 400 });
  expect(await send({ events: [{ ...event, prompt: "text" }] })).toMatchObject({ status: 400 });
  const answers = await Promise.all(Array.from({ length: 60 }, () => send({ events: [event] })));
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(10);
  expect(Number(refused[0]?.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(await open()).toHaveLength(1);
});

test("a key in an alert is a leaked credential; no text of the alert keeps it", async () => {
  const [inTitle, inBody] = [openRouterKey(), openRouterKey()];
  secrets.push(inTitle, inBody);
  const hostile = alert({ url: `https://firewall.example/?key=${inTitle}`, detector: { id: "d", name: `the prompt was: use ${inTitle}` } });
  await deliver([{ ...hostile, prompt: `use ${inBody}` } as Alert]);
  const all = await world.incidents();
  const leaked = all.filter(({ kind }) => kind === undefined);
  expect(leaked.map(({ credential }) => credential.title)).toEqual(["OpenRouter API key", "OpenRouter API key"]);
  const [event] = await open();
  expect(event?.credential.title).toBe("Prompt injection: [credential removed]");
  expect(event?.report?.link).toBeUndefined();
});

test("hostile alerts break no page and become no markup", async () => {
  const evil = '"><script>alert(1)</script>\u202e\n\n[x](javascript:alert(1))';
  await deliver([
    alert({ id: evil, app: evil, url: "javascript:alert(1)", detector: { id: evil, name: evil } }),
    { __proto__: null, constructor: { name: "x" } } as unknown as Alert,
  ]);
  const [incident] = await open();
  const shown = await page(`/incidents/${incident?.id}`);
  expect(shown).not.toContain("<script>alert");
  expect(shown).not.toContain('href="javascript:');
  expect(shown).not.toContain("\u202e");
});

test("a wrong mapping stops the start with its file and line", () => {
  writeFileSync(join(folder, "wrong.yml"), mapping.replace("prompt-injection,", "injection,"));
  expect(() => loadMapping(join(folder, "wrong.yml"))).toThrow(/wrong\.yml:7:28: .*prompt-injection/);
  const config = parseServerConfig(`runtime: { sources: [ { name: a, token: "env:A", mapping: wrong.yml } ] }`, join(folder, "rekey.yml"));
  expect(config.runtime.sources[0]?.mapping).toBe(join(folder, "wrong.yml"));
});

test("no value is left on the disk", async () => {
  await world.server.stop();
  const data = join(world.folder, "db");
  for (const entry of readdirSync(data, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const bytes = readFileSync(join(entry.parentPath, entry.name));
    for (const value of secrets) expect(bytes.includes(value), `${entry.name} holds a value`).toBe(false);
  }
  await world.restart({ stopFirst: false });
});
