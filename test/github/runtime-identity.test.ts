import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { githubHost } from "../../src/pipeline/context.ts";
import { identitiesNamed } from "../../src/store/inventory.ts";
import { type AppWorld, concluded, startApp, until, type WorkingRepository } from "./world.ts";

let world: AppWorld;
let repository: WorkingRepository;
const token = "gateway-token-of-this-test";

beforeAll(async () => {
  world = await startApp({
    more: 'runtime: { sources: [ { name: gateway, token: "env:GATEWAY" } ] }\n',
    env: { GATEWAY: token },
  });
  const declared =
    "version: 1\nidentities:\n  - { kind: agent, name: triage-agent, owner: '@mara', credentials: [ { detector: litellm-virtual-key } ] }\n";
  repository = await world.addRepository("agents", { files: { ".rekey/identities.yml": declared } });
  await repository.commit("more", { "README.md": "# agents\n" });
  await repository.push("main");
  await until(
    "the inventory",
    () => identitiesNamed(world.server.rekey.database.db, githubHost(world.server.rekey), "triage-agent"),
    (found) => found.length === 1,
  );
}, 90_000);
afterAll(() => world.stop());

const post = (path: string, body: object) =>
  fetch(`${world.server.url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const page = async (path: string) => (await fetch(`${world.server.url}${path}`)).text();
const newest = async () => (await world.incidents()).at(-1);

test("an agent that a trace names is the one of the default branch, weakly: its owner and repository count, and it was seen", async () => {
  const spans = [
    { name: "chat", attributes: [attribute("gen_ai.agent.name", "triage-agent"), attribute("gen_ai.request.model", "gpt-5")] },
  ];
  expect((await post("/v1/traces", { resourceSpans: [{ scopeSpans: [{ spans }] }] })).status).toBe(200);
  const event = { kind: "prompt-injection", severity: "high", identity: { agent: "triage-agent" } };
  await post("/v1/events", { events: [event] });
  const incident = await newest();
  expect(incident).toMatchObject({
    owner: "@mara",
    repository: "acme/agents",
    identities: [
      { name: "triage-agent", kind: "agent", grade: "weak", method: "runtime-name", owner: "@mara" },
      { name: "triage-agent", kind: "agent-instance", grade: "weak" },
    ],
  });
  const shown = await page(`/identity?id=${encodeURIComponent(incident?.identities[0]?.id ?? "")}`);
  expect(shown).toContain("Last seen at runtime");
  expect(shown).toContain("gateway</bdi> says gen_ai.agent.name");
  expect(shown).toContain("gpt-5");
});

test("a name that nobody or two have joins nothing but the source's own word", async () => {
  await post("/v1/events", { events: [{ kind: "prompt-injection", severity: "high", identity: { agent: "triage-agent-2" } }] });
  expect((await newest())?.identities).toMatchObject([{ id: "agent-instance:runtime/gateway#triage-agent-2", grade: "weak" }]);
  expect((await newest())?.owner).toBeUndefined();
});

test("the hash that a gateway names joins its call to the key that leaked: one matter with one owner, and the value never came by", {
  timeout: 60_000,
}, async () => {
  const key = `sk-${randomBytes(16).toString("base64url").slice(0, 22)}`;
  const number = await repository.propose("leak", { ".env": `LITELLM_API_KEY=${key}\n` });
  await concluded(repository, number);
  const leak = (await world.incidents()).find(({ kind }) => kind === undefined);
  expect(leak).toMatchObject({ credential: { detector: "litellm-virtual-key" } });
  const hash = createHash("sha256").update(key).digest("hex");
  const event = (key_hash: string, severity = "critical") => ({
    kind: "unsafe-tool-use",
    severity,
    title: key_hash.slice(0, 6),
    identity: { key_hash },
  });
  await post("/v1/events", { events: [event(hash), event(hash.replace(/^./, (first) => (first === "0" ? "1" : "0")))] });
  const [joined, other] = (await world.incidents()).filter(({ kind }) => kind === "unsafe-tool-use");
  expect(other?.usedCredential).toBeUndefined();
  expect(joined?.usedCredential).toMatchObject({ incident: leak?.id, method: "key-hash" });
  expect(joined?.owner).toBe(leak?.owner);

  for (const [id, expected] of [
    [leak?.id, joined?.id],
    [joined?.id, leak?.id],
  ]) {
    const { chain } = (await (await fetch(`${world.server.url}/api/v1/incidents/${id}`)).json()) as { chain: object };
    expect(chain).toMatchObject({ merged: [{ incident: expected, grade: "confirmed" }], severity: "critical" });
    const shown = await page(`/incidents/${id}`);
    expect(shown).toContain("What belongs together");
    expect(shown).toContain(expected ?? "");
  }
  expect(JSON.stringify(await world.incidents())).not.toContain(hash);
  expect((await world.incidents()).every(({ run }) => run === undefined)).toBe(true);
});
