import { expect, test } from "vitest";
import { anthropic } from "../../src/provider/anthropic.ts";
import { databricks } from "../../src/provider/databricks.ts";
import { elevenlabs } from "../../src/provider/elevenlabs.ts";
import { huggingface } from "../../src/provider/huggingface.ts";
import { langfuse } from "../../src/provider/langfuse.ts";
import { langsmith } from "../../src/provider/langsmith.ts";
import { litellm } from "../../src/provider/litellm.ts";
import { openaiAdmin } from "../../src/provider/openai-admin.ts";
import { pinecone } from "../../src/provider/pinecone.ts";
import { startAnthropic } from "../../src/stand-in/anthropic.ts";
import { startDatabricks } from "../../src/stand-in/databricks.ts";
import { startElevenLabs } from "../../src/stand-in/elevenlabs.ts";
import { startHuggingFace } from "../../src/stand-in/huggingface.ts";
import { startLangfuse } from "../../src/stand-in/langfuse.ts";
import { startLangSmith } from "../../src/stand-in/langsmith.ts";
import { startLiteLlm } from "../../src/stand-in/litellm.ts";
import { startOpenAiAdmin } from "../../src/stand-in/openai-admin.ts";
import { startPinecone } from "../../src/stand-in/pinecone.ts";
import { driverContract } from "../contract/driver.ts";
import { many, vendorUnderTest } from "./vendors.ts";

driverContract("anthropic", async () => {
  const server = await startAnthropic();
  many(120, (other) => server.createKey(`other ${other}`));
  return vendorUnderTest(
    anthropic,
    server,
    server.adminKey,
    server.createKey("agent").secret,
    {
      list: ["GET", /api_keys$/],
      disable: ["POST", /api_keys\//],
      revoke: ["POST", /api_keys\//],
      probe: ["GET", /models$/],
    },
    {
      living: () =>
        server.keys
          .all()
          .filter(({ fields }) => fields["status"] !== "archived")
          .map(({ id }) => id),
    },
  );
});

driverContract("pinecone", async () => {
  const server = await startPinecone();
  many(40, (other) => server.createKey(`project-${other % 4}`, `other ${other}`));
  const { id, secret } = server.createKey("project-1", "rekey-run-before");
  return vendorUnderTest(
    pinecone,
    server,
    server.serviceAccount,
    secret,
    { list: ["GET", /api-keys$/], issue: ["POST", /api-keys$/], revoke: ["DELETE", /api-keys\//], probe: ["GET", /indexes$/] },
    { named: id },
  );
});

driverContract("databricks", async () => {
  const server = await startDatabricks();
  many(60, (other) => server.createToken(`10${other}`, `other ${other}`));
  return vendorUnderTest(databricks, server, server.adminToken, server.createToken("7", "agent").secret, {
    list: ["GET", /tokens$/],
    issue: ["POST", /tokens$/],
    revoke: ["DELETE", /tokens\//],
    probe: ["GET", /Me$/],
  });
});

test("a Databricks principal with two tokens names neither, and a person's token is not made by anybody else", async () => {
  const server = await startDatabricks();
  const { secret } = server.createToken("7", "agent");
  server.createToken("7", "another of the same");
  const person = server.createToken("8", "mara", "person");
  const context = { host: server.url, credential: server.adminToken, timeout: 2000 };
  expect(await databricks.match?.(context, { attributes: {}, secret })).toMatchObject({ grade: "weak" });
  const { records } = (await databricks.match?.(context, { attributes: {}, secret: person.secret })) ?? { records: [] };
  const [like] = records;
  if (like === undefined) throw new Error("expected a record");
  await expect(databricks.issue?.(context, { name: "rekey-run-1", like, token: "t" })).rejects.toMatchObject({ code: "users-own" });
  expect(server.keys.all()).toHaveLength(3);
  await server.stop();
});

driverContract("litellm", async () => {
  const server = await startLiteLlm();
  many(130, (other) => server.createKey(`other ${other}`));
  return vendorUnderTest(litellm, server, server.masterKey, server.createKey("agent", { models: ["gpt"], max_budget: 5 }).secret, {
    list: ["GET", /list$/],
    issue: ["POST", /generate$/],
    revoke: ["POST", /delete$/],
    probe: ["GET", /info$/],
  });
});

driverContract("langfuse", async () => {
  const server = await startLangfuse({ projects: ["cm-one", "cm-two"] });
  many(30, (other) => server.createKey(other % 2 === 0 ? "cm-one" : "cm-two", `other ${other}`));
  const { publicKey, secret } = server.createKey("cm-two", "agent");
  return vendorUnderTest(
    langfuse,
    server,
    server.organizationKey,
    secret,
    { list: ["GET", /apiKeys$/], issue: ["POST", /apiKeys$/], revoke: ["DELETE", /apiKeys\//], probe: ["GET", /public\/projects$/] },
    { attributes: { public_key: publicKey } },
  );
});

driverContract("langsmith", async () => {
  const server = await startLangSmith();
  many(60, (other) => server.createKey(`other ${other}`));
  return vendorUnderTest(langsmith, server, server.adminKey, server.createKey("agent").secret, {
    list: ["GET", /service-keys$/],
    issue: ["POST", /service-keys$/],
    revoke: ["DELETE", /service-keys\//],
    probe: ["GET", /orgs\/current$/],
  });
});

driverContract("huggingface", async () => {
  const server = await startHuggingFace();
  many(5, (other) => server.createToken(`other-${other}`));
  return vendorUnderTest(huggingface, server, undefined, server.createToken("mara"), {
    revoke: ["POST", /revoke$/],
    probe: ["GET", /whoami-v2$/],
  });
});

driverContract("elevenlabs", async () => {
  const server = await startElevenLabs();
  many(40, (other) => server.createKey(`account-${other % 7}`, `other ${other}`));
  return vendorUnderTest(elevenlabs, server, server.adminKey, server.createKey("account-agent", "agent").secret, {
    list: ["GET", /service-accounts$/],
    issue: ["POST", /api-keys$/],
    disable: ["PATCH", /api-keys\//],
    revoke: ["DELETE", /api-keys\//],
    probe: ["GET", /user$/],
  });
});

driverContract("openai admin keys", async () => {
  const server = await startOpenAiAdmin();
  many(120, (other) => server.createKey(`other ${other}`));
  return vendorUnderTest(openaiAdmin, server, server.adminKey, server.createKey("agent").secret, {
    list: ["GET", /admin_api_keys$/],
    issue: ["POST", /admin_api_keys$/],
    revoke: ["DELETE", /admin_api_keys\//],
    probe: ["GET", /admin_api_keys$/],
  });
});

test("an inactive Anthropic key is contained, not gone", async () => {
  const server = await startAnthropic();
  const { secret } = server.createKey("agent");
  const context = { host: server.url, credential: server.adminKey, timeout: 2000 };
  const [record] = (await anthropic.match?.(context, { attributes: {}, secret }))?.records ?? [];
  if (record === undefined) throw new Error("expected a record");
  await anthropic.disable?.(context, record);
  expect((await anthropic.list?.(context, { attributes: {} }))?.map(({ state }) => state)).toEqual(["disabled"]);
  await server.stop();
});

test("a blocked LiteLLM key says disabled, not dead", async () => {
  const server = await startLiteLlm();
  const { id, secret } = server.createKey("agent");
  const context = { host: server.url, credential: server.masterKey, timeout: 2000 };
  await litellm.disable?.(context, { id, state: "active", attributes: {} });
  expect(await litellm.probe(context, { attributes: {}, secret })).toEqual({ answer: "disabled", code: "401 blocked" });
  await server.stop();
});

test("of two keys of one ElevenLabs account neither is named by a guess, and a key without user_read is alive", async () => {
  const server = await startElevenLabs();
  const { secret } = server.createKey("one", "a", ["text_to_speech"]);
  const context = { host: server.url, credential: server.adminKey, timeout: 2000 };
  expect(await elevenlabs.probe(context, { attributes: {}, secret })).toMatchObject({ answer: "alive" });
  expect(await elevenlabs.match?.(context, { attributes: {}, secret })).toMatchObject({ records: [], grade: "weak" });
  await server.stop();
});
