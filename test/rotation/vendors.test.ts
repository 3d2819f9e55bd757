import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, test as always, beforeAll, expect } from "vitest";
import type { Driver } from "../../src/driver.ts";
import type { PlannedSink } from "../../src/playbook/plan.ts";
import { anthropic } from "../../src/provider/anthropic.ts";
import { cloudflare } from "../../src/provider/cloudflare.ts";
import { databricks } from "../../src/provider/databricks.ts";
import { elevenlabs } from "../../src/provider/elevenlabs.ts";
import { gitlab } from "../../src/provider/gitlab.ts";
import { huggingface } from "../../src/provider/huggingface.ts";
import { langfuse } from "../../src/provider/langfuse.ts";
import { langsmith } from "../../src/provider/langsmith.ts";
import { litellm } from "../../src/provider/litellm.ts";
import { npm } from "../../src/provider/npm.ts";
import { openai } from "../../src/provider/openai.ts";
import { openaiAdmin } from "../../src/provider/openai-admin.ts";
import { openrouter } from "../../src/provider/openrouter.ts";
import { pinecone } from "../../src/provider/pinecone.ts";
import { portkey } from "../../src/provider/portkey.ts";
import { executeRun, startRun } from "../../src/rotation/run.ts";
import { fieldsOf, valueIn } from "../../src/rotation/stored-value.ts";
import type { Secret } from "../../src/secret.ts";
import { vault } from "../../src/secret-manager/vault.ts";
import { startAnthropic } from "../../src/stand-in/anthropic.ts";
import { startCloudflare } from "../../src/stand-in/cloudflare.ts";
import { startDatabricks } from "../../src/stand-in/databricks.ts";
import { startElevenLabs } from "../../src/stand-in/elevenlabs.ts";
import { startGitLab } from "../../src/stand-in/gitlab.ts";
import { startHuggingFace } from "../../src/stand-in/huggingface.ts";
import { startLangfuse } from "../../src/stand-in/langfuse.ts";
import { startLangSmith } from "../../src/stand-in/langsmith.ts";
import { startLiteLlm } from "../../src/stand-in/litellm.ts";
import { startNpm } from "../../src/stand-in/npm.ts";
import { startOpenAi } from "../../src/stand-in/openai.ts";
import { startOpenAiAdmin } from "../../src/stand-in/openai-admin.ts";
import { startOpenBao } from "../../src/stand-in/openbao.ts";
import { startOpenRouter } from "../../src/stand-in/openrouter.ts";
import { startPinecone } from "../../src/stand-in/pinecone.ts";
import { startPortkey } from "../../src/stand-in/portkey.ts";
import type { VendorServer } from "../../src/stand-in/vendor.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { real } from "../servers/real.ts";
import { dying } from "./dying.ts";
import { planOf, rig } from "./rig.ts";

/** A vendor's stand-in with a credential that leaked from it. */
interface Leak {
  readonly driver: Driver;
  readonly playbook: string;
  readonly server: VendorServer;
  readonly admin?: Secret;
  readonly secret: Secret;
  readonly attributes?: Record<string, string>;
  readonly companions?: Record<string, string>;
  /** Where the vendor cannot tell a value's record. */
  readonly id?: string;
}

const leaks: Readonly<Record<string, () => Promise<Leak>>> = {
  async openrouter() {
    const server = await startOpenRouter();
    const { secret } = server.createKey("agent");
    return { driver: openrouter, playbook: "openrouter-key", server, admin: server.managementKey, secret };
  },
  async portkey() {
    const server = await startPortkey({ speed: 3600 });
    const { secret } = server.createKey("agent");
    return { driver: portkey, playbook: "portkey-key", server, admin: server.adminKey, secret };
  },
  async pinecone() {
    const server = await startPinecone();
    const { id, secret } = server.createKey("project-1", "agent");
    return { driver: pinecone, playbook: "pinecone-key", server, admin: server.serviceAccount, secret, id };
  },
  async databricks() {
    const server = await startDatabricks();
    const { secret } = server.createToken("7", "agent");
    return { driver: databricks, playbook: "databricks-token", server, admin: server.adminToken, secret };
  },
  async litellm() {
    const server = await startLiteLlm();
    const { secret } = server.createKey("agent");
    return { driver: litellm, playbook: "litellm-key", server, admin: server.masterKey, secret };
  },
  async langfuse() {
    const server = await startLangfuse({ projects: ["cm-one"] });
    const { publicKey, secret } = server.createKey("cm-one", "agent");
    const companions = { public_key: publicKey };
    return {
      driver: langfuse,
      playbook: "langfuse-key",
      server,
      admin: server.organizationKey,
      secret,
      attributes: companions,
      companions,
    };
  },
  async langsmith() {
    const server = await startLangSmith();
    const { secret } = server.createKey("agent");
    return { driver: langsmith, playbook: "langsmith-key", server, admin: server.adminKey, secret };
  },
  async elevenlabs() {
    const server = await startElevenLabs();
    const { secret } = server.createKey("one", "agent");
    return { driver: elevenlabs, playbook: "elevenlabs-key", server, admin: server.adminKey, secret };
  },
  async openai() {
    const server = await startOpenAi();
    const { secret } = server.createServiceAccount(server.createProject("triage"), "agent");
    return { driver: openai, playbook: "openai-service-account", server, admin: server.adminKey, secret };
  },
  async "openai-admin"() {
    const server = await startOpenAiAdmin();
    const { secret } = server.createKey("agent");
    return { driver: openaiAdmin, playbook: "openai-admin-key", server, admin: server.adminKey, secret };
  },
  async cloudflare() {
    const server = await startCloudflare();
    const { secret } = server.createToken("agent");
    return { driver: cloudflare, playbook: "cloudflare-token", server, admin: server.adminToken, secret };
  },
  async gitlab() {
    const server = await startGitLab();
    const { secret } = server.createToken(7, "agent");
    return { driver: gitlab, playbook: "gitlab-token", server, admin: server.adminToken, secret };
  },
  async anthropic() {
    const server = await startAnthropic();
    const { secret } = server.createKey("agent");
    return { driver: anthropic, playbook: "anthropic-key", server, admin: server.adminKey, secret };
  },
  async npm() {
    const server = await startNpm();
    return { driver: npm, playbook: "npm-token", server, admin: server.ownToken, secret: server.createToken("acme-bot", "ci") };
  },
  async huggingface() {
    const server = await startHuggingFace();
    return { driver: huggingface, playbook: "huggingface-token", server, secret: server.createToken("mara") };
  },
};

const bao = await real("OpenBao", () => startOpenBao());
const test = always.runIf(bao !== undefined);
const store = { host: bao?.url ?? "", ...(bao === undefined ? {} : { credential: bao.token }), timeout: 5000 };
const folder = mkdtempSync(join(tmpdir(), "rekey-vendors-"));
let database: Database;
beforeAll(async () => {
  database = await openDatabase({ dataDir: join(folder, "db") });
});
afterAll(async () => {
  await bao?.stop();
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

test.each(Object.entries(leaks))("%s: a whole run with the secret manager, from leaked to proven dead", async (name, start) => {
  const { driver, playbook, server, admin, secret, attributes = {}, companions = {}, id } = await start();
  const at = { host: server.url, timeout: 2000, ...(admin === undefined ? {} : { credential: admin }) };
  const { records = [] } = id === undefined ? ((await driver.match?.(at, { attributes, secret })) ?? {}) : {};
  const fields = Object.fromEntries(Object.keys(companions).map((companion) => [companion, companion.toUpperCase()]));
  const place: PlannedSink = { connection: "store", sink: "vault", path: `secret/${name}`, field: "KEY", companions: fields };
  await vault.pend(store, place, "seed", fieldsOf(place, { secret, companions }, undefined));
  await vault.promote(store, place, "seed", "0");
  await vault.drop(store, place, "seed");

  const answer = async (value: Secret, of: Record<string, string> = {}) =>
    (await driver.probe(at, { attributes: { ...attributes, ...of }, secret: value })).answer;
  const current = async () => {
    const value = valueIn(place, (await vault.read(store, place))?.fields);
    if (value === undefined) throw new Error("the secret manager holds nothing");
    return value;
  };
  const mints = driver.issue !== undefined;
  const broken: string[] = [];
  const watch = async () => {
    const value = await current();
    if (mints && (await answer(value.secret, value.companions)) !== "alive") broken.push("what the consumers read was refused");
  };
  expect(await answer(secret)).toBe("alive");
  const { deps, events, receipts } = rig({
    database,
    driver,
    at,
    sink: vault,
    store,
    leaked: secret.reveal(),
    sleep: async () => undefined,
    wrap: (journal) => dying(journal, 0, "after", watch).journal,
  });
  const recordId = id ?? records[0]?.id ?? "by-possession";
  const plan = planOf(
    recordId,
    {
      attributes: {
        ...attributes,
        ...records[0]?.attributes,
        ...(records[0]?.principal === undefined ? {} : { principal: records[0].principal }),
      },
      sinks: [place],
      ...(mints ? {} : { mode: "revoke-first", consumers: "none" }),
      ...(driver.manifest.grace === undefined ? {} : { grace: driver.manifest.grace.min }),
    },
    playbook,
    driver,
  );
  expect(plan.blockers).toEqual([]);
  const run = await startRun(deps, plan);
  expect(await executeRun(deps, run)).toMatchObject({ state: "done" });

  expect(broken).toEqual([]);
  expect(await answer(secret)).toBe("invalid");
  await watch();
  expect(broken).toEqual([]);
  const issued = (await deps.journal.effects(run)).find(({ key }) => key === "issue")?.result as { record: { id: string } } | undefined;
  const left = (await driver.list?.(at, { attributes: plan.facts.attributes })) ?? [];
  const leftIds = left.filter(({ state }) => state !== "gone").map(({ id: of }) => of);
  if (issued !== undefined) expect(leftIds).toContain(issued.record.id);
  if (issued?.record.id !== recordId) expect(leftIds).not.toContain(recordId);
  expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining([...(mints ? ["replaced"] : []), "revoked", "dead"]));
  const controls = receipts.filter(({ subject, answer: said }) => subject === "control" && said === "alive");
  if (mints && driver.manifest.proof !== "control-plane") expect(controls).toHaveLength(3);
  expect(await vault.readPending(store, place, run)).toBeUndefined();
  await server.stop();
});
