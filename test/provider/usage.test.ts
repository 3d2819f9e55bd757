import { expect, test } from "vitest";
import { RetryError } from "../../src/errors.ts";
import { litellm } from "../../src/provider/litellm.ts";
import { openai } from "../../src/provider/openai.ts";
import { openrouter } from "../../src/provider/openrouter.ts";
import { startLiteLlm } from "../../src/stand-in/litellm.ts";
import { startOpenAi } from "../../src/stand-in/openai.ts";
import { startOpenRouter } from "../../src/stand-in/openrouter.ts";

const window = { from: "2026-11-20T06:00:00.000Z", to: "2026-11-23T12:00:00.000Z" };
const recordOf = (id: string) => ({ id, state: "active", attributes: {} }) as const;

test("OpenRouter counts a key's requests by day, not those of another key, of another time, or by whom", async () => {
  const server = await startOpenRouter();
  const [key, other] = [server.createKey("agent"), server.createKey("other")];
  for (const [hash, date, requests] of [
    [key.hash, "2026-11-19", 5],
    [key.hash, "2026-11-21", 12],
    [other.hash, "2026-11-21", 99],
  ] as const)
    server.used(hash, date, requests);
  const context = { host: server.url, credential: server.managementKey, timeout: 2000 };
  expect(await openrouter.usage?.(context, recordOf(key.hash), window)).toEqual({
    seen: [{ at: "2026-11-21", count: 12 }],
    complete: false,
  });
  const headers = { authorization: `Bearer ${key.secret.reveal()}`, "content-type": "application/json" };
  await fetch(`${server.url}/api/v1/chat/completions`, { method: "POST", headers, body: "{}" });
  const today = await openrouter.usage?.(context, recordOf(key.hash), window);
  expect(today?.seen.at(-1)).toEqual({ at: "2026-11-23" });
  server.fail("GET", /activity$/, "500");
  await expect(openrouter.usage?.(context, recordOf(key.hash), window)).rejects.toBeInstanceOf(RetryError);
  await server.stop();
});

test("OpenAI counts a key's requests by hour over all pages, and nothing outside the window", async () => {
  const server = await startOpenAi();
  const project = server.createProject("triage");
  const [key, other] = [server.createServiceAccount(project, "agent"), server.createServiceAccount(project, "other")];
  server.used(key.keyId, new Date("2026-11-20T05:59:00Z"), 50);
  server.used(key.keyId, new Date("2026-11-22T10:30:00Z"), 4);
  server.used(other.keyId, new Date("2026-11-22T10:30:00Z"), 70);
  const context = { host: server.url, credential: server.adminKey, timeout: 2000 };
  const usage = (from: string) => openai.usage?.(context, recordOf(key.keyId), { from, to: window.to });
  expect(await usage(window.from)).toEqual({ seen: [{ at: "2026-11-22T10:00:00.000Z", count: 4 }], complete: false });
  expect(
    (await usage("2026-09-01T00:00:00.000Z"))?.seen.map(({ count }) => count),
    "by day, two pages and more",
  ).toEqual([50, 4]);
  await server.stop();
});

test("LiteLLM says from which address each request came, and a proxy without a log is no complete record", async () => {
  const server = await startLiteLlm();
  const [key, other] = [server.createKey("agent"), server.createKey("other")];
  server.used(key.id, "2026-11-20T05:00:00.000Z", "198.51.100.7");
  server.used(key.id, "2026-11-21T10:00:00.000Z", "10.0.0.5");
  server.used(key.id, "2026-11-23T11:59:59.000Z", "10.0.0.5");
  server.used(key.id, "2026-11-22T10:00:00.000Z", "203.0.113.9");
  server.used(key.id, "2026-11-23T12:00:01.000Z", "198.51.100.8");
  server.used(other.id, "2026-11-22T10:00:00.000Z", "192.0.2.1");
  const context = { host: server.url, credential: server.masterKey, timeout: 2000 };
  expect(await litellm.usage?.(context, recordOf(key.id), window)).toEqual({
    seen: [
      { by: "10.0.0.5", at: "2026-11-23T11:59:59.000Z", count: 2 },
      { by: "203.0.113.9", at: "2026-11-22T10:00:00.000Z", count: 1 },
    ],
    complete: true,
  });
  const quiet = server.createKey("quiet");
  expect(await litellm.usage?.(context, recordOf(quiet.id), window)).toEqual({ seen: [], complete: false });
  await server.stop();
});
