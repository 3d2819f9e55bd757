import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRouterKey } from "./keys.ts";
import { type AppWorld, startApp } from "./world.ts";

let world: AppWorld;
const values: string[] = [];
const token = "gateway-token-of-this-test";

beforeAll(async () => {
  world = await startApp({
    policy: "rollout: rotate, automatic: on",
    more: 'runtime: { sources: [ { name: gateway, token: "env:GATEWAY" } ] }\n',
    env: { GATEWAY: token },
  });
}, 60_000);
afterAll(() => world.stop());

function key(): string {
  const value = openRouterKey();
  values.push(value);
  return value;
}

function post(path: string, body: object | Uint8Array, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${world.server.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    body: body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body),
  });
}

const attribute = (name: string, text: string) => ({ key: name, value: { stringValue: text } });
const trace = (said: string) => ({
  resourceSpans: [
    {
      resource: { attributes: [attribute("service.name", "support")] },
      scopeSpans: [
        {
          spans: [
            {
              name: "chat",
              attributes: [
                attribute("gen_ai.agent.name", "triage-agent"),
                attribute("gen_ai.input.messages", JSON.stringify([{ role: "user", parts: [{ type: "text", content: said }] }])),
              ],
            },
          ],
        },
      ],
    },
  ],
});
const logged = (said: string) => ({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: said }, attributes: [] }] }] }] });
const guardrail = "/beta/litellm_basic_guardrail_api";

test("without a source's token nothing is read and nothing is kept", async () => {
  for (const authorization of ["", "Bearer wrong", `Basic ${token}`])
    for (const path of ["/v1/traces", "/v1/logs", guardrail])
      expect((await post(path, trace(key()), { authorization })).status, `${path} ${authorization}`).toBe(401);
  expect(await world.incidents()).toEqual([]);
});

test("a key in a trace or a log is an incident of its agent, and no rotation", async () => {
  expect((await post("/v1/traces", trace(`use ${key()}`))).status).toBe(200);
  expect(await world.incidents()).toMatchObject([
    {
      state: "open",
      credential: { title: "OpenRouter API key" },
      identities: [{ kind: "agent-instance", name: "triage-agent", grade: "weak" }],
    },
  ]);
  expect((await post("/v1/logs", gzipSync(JSON.stringify(logged(`key=${key()}`))), { "content-encoding": "gzip" })).status).toBe(200);
  const incidents = await world.incidents();
  expect(incidents).toHaveLength(2);
  expect(incidents.map(({ run }) => run)).toEqual([undefined, undefined]);
  expect((await post("/v1/traces", trace("nothing"))).status).toBe(200);
  expect(await world.incidents()).toHaveLength(2);
});

test("a guardrail call stops a request that holds a key, and masks it in an answer", async () => {
  const ask = async (input_type: string, texts: string[]) =>
    (await post(guardrail, { texts, input_type, request_data: { user_api_key_alias: "agents" } })).json();
  expect(await ask("request", ["hello"])).toEqual({ action: "NONE" });
  const value = key();
  const blocked = (await ask("request", ["hello", `use ${value} please`])) as { action: string; blocked_reason: string };
  expect(blocked.action).toBe("BLOCKED");
  expect(blocked.blocked_reason).toMatch(/OpenRouter API key, RK-/);
  expect(blocked.blocked_reason).not.toContain(value);
  expect(await ask("response", [`Grüße: ${key()} und Ende`, "fine"])).toEqual({
    action: "GUARDRAIL_INTERVENED",
    texts: ["Grüße: [credential removed] und Ende", "fine"],
  });
});

test("what is too large, of another form or packed to burst is refused with the reason", async () => {
  expect((await post("/v1/traces", new Uint8Array(5 << 20))).status).toBe(413);
  expect((await post("/v1/traces", gzipSync(Buffer.alloc(20 << 20, 32)), { "content-encoding": "gzip" })).status).toBe(400);
  expect((await post("/v1/traces", { resourceSpans: "x" })).status).toBe(400);
  const other = await post("/v1/traces", new Uint8Array([1, 2, 3]), { "content-type": "application/grpc" });
  expect(other.status).toBe(415);
  expect(await other.text()).toContain("application/x-protobuf");
});

test("no value and no text of what was reported is left on the disk", async () => {
  await world.server.stop();
  const folder = join(world.folder, "db");
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const bytes = readFileSync(join(entry.parentPath, entry.name));
    for (const value of values) expect(bytes.includes(value), `${entry.name} holds a value`).toBe(false);
    expect(bytes.includes("Grüße"), `${entry.name} holds a text`).toBe(false);
  }
  await world.restart({ stopFirst: false });
});
