import { afterEach, expect, test } from "vitest";
import { github } from "../../src/provider/github.ts";
import { openai } from "../../src/provider/openai.ts";
import { openrouter } from "../../src/provider/openrouter.ts";
import { startGitHubRevocation } from "../../src/stand-in/github-revocation.ts";
import { startOpenAi } from "../../src/stand-in/openai.ts";
import { startOpenRouter } from "../../src/stand-in/openrouter.ts";
import { type DriverUnderTest, driverContract } from "../contract/driver.ts";

/** A new vendor is one row: a stand-in in which one credential leaked among others. */
const vendors: Readonly<Record<string, () => Promise<DriverUnderTest>>> = {
  async openrouter() {
    const server = await startOpenRouter();
    for (let other = 0; other < 150; other++) server.createKey(`other ${other}`);
    const { secret } = server.createKey("agent", { limit: 25 });
    return {
      driver: openrouter,
      context: { host: server.url, credential: server.managementKey, timeout: 2000 },
      leaked: secret,
      living: () => server.keys().map(({ hash }) => hash),
      stop: server.stop,
      faults: {
        fail: server.fail,
        calls: {
          list: ["GET", /^\/api\/v1\/keys$/],
          issue: ["POST", /^\/api\/v1\/keys$/],
          disable: ["PATCH", /^\/api\/v1\/keys\//],
          revoke: ["DELETE", /^\/api\/v1\/keys\//],
          probe: ["GET", /^\/api\/v1\/key$/],
        },
      },
    };
  },
  async openai() {
    const server = await startOpenAi();
    const project = server.createProject("triage");
    for (let other = 0; other < 120; other++) server.createServiceAccount(project, `other ${other}`);
    const { secret } = server.createServiceAccount(project, "agent");
    return {
      driver: openai,
      context: { host: server.url, credential: server.adminKey, timeout: 2000 },
      leaked: secret,
      living: () => server.serviceAccounts(),
      stop: server.stop,
      faults: {
        fail: server.fail,
        calls: {
          list: ["GET", /api_keys$/],
          issue: ["POST", /service_accounts$/],
          revoke: ["DELETE", /service_accounts\//],
          probe: ["GET", /^\/v1\/models$/],
        },
      },
    };
  },
  async github() {
    const server = await startGitHubRevocation();
    for (let other = 0; other < 5; other++) server.createToken(`other-${other}`);
    const leaked = server.createToken("mara");
    return {
      driver: github,
      context: { host: server.url, timeout: 2000 },
      leaked,
      living: () => server.living(),
      stop: server.stop,
      faults: { fail: server.fail, calls: { revoke: ["POST", /^\/credentials\/revoke$/], probe: ["GET", /^\/user$/] } },
    };
  },
};

for (const [name, start] of Object.entries(vendors)) driverContract(name, start);

let stop: (() => unknown) | undefined;
afterEach(async () => {
  await stop?.();
  stop = undefined;
});

test("an OpenAI service account with a second key is not deleted", async () => {
  const server = await startOpenAi();
  stop = server.stop;
  const project = server.createProject("triage");
  const { id, secret } = server.createServiceAccount(project, "shared");
  server.addKey(project, id);
  const context = { host: server.url, credential: server.adminKey, timeout: 2000 };
  const { records } = (await openai.match?.(context, { attributes: {}, secret })) ?? { records: [] };
  const [record] = records;
  if (record === undefined) throw new Error("expected a record");
  await expect(openai.revoke?.(context, record, { attributes: {} })).rejects.toMatchObject({ code: "shared-service-account" });
  expect(await openai.probe(context, { attributes: {}, secret })).toMatchObject({ answer: "alive" });
});
