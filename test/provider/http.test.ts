import { inspect } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import type { Driver, DriverContext, KeyRecord } from "../../src/driver.ts";
import { UnknownOutcomeError } from "../../src/errors.ts";
import { github } from "../../src/provider/github.ts";
import { openai } from "../../src/provider/openai.ts";
import { openrouter } from "../../src/provider/openrouter.ts";
import { Secret } from "../../src/secret.ts";
import { startGitHubRevocation } from "../../src/stand-in/github-revocation.ts";
import { startOpenAi } from "../../src/stand-in/openai.ts";
import { startOpenRouter } from "../../src/stand-in/openrouter.ts";
import type { VendorServer } from "../../src/stand-in/vendor.ts";

interface Rig {
  readonly driver: Driver;
  readonly server: VendorServer;
  readonly context: DriverContext;
  readonly leaked: Secret;
  readonly attributes: Readonly<Record<string, string>>;
  /** Method and path of the calls that make, kill and probe. */
  readonly calls: { issue: [string, RegExp]; revoke: [string, RegExp]; probe: [string, RegExp] };
  /** Everything that lives at the vendor, in words that stay the same. */
  living(): readonly string[];
}

const rigs: Record<string, () => Promise<Rig>> = {
  async openrouter() {
    const server = await startOpenRouter();
    for (let other = 0; other < 150; other++) server.createKey(`other ${other}`);
    const { secret } = server.createKey("agent", { limit: 25 });
    return {
      driver: openrouter,
      server,
      context: { host: server.url, credential: server.managementKey, timeout: 2000 },
      leaked: secret,
      attributes: {},
      calls: { issue: ["POST", /^\/api\/v1\/keys$/], revoke: ["DELETE", /^\/api\/v1\/keys\//], probe: ["GET", /^\/api\/v1\/key$/] },
      living: () => server.keys().map(({ hash }) => hash),
    };
  },
  async openai() {
    const server = await startOpenAi();
    const project = server.createProject("triage");
    for (let other = 0; other < 120; other++) server.createServiceAccount(project, `other ${other}`);
    const { secret } = server.createServiceAccount(project, "agent");
    return {
      driver: openai,
      server,
      context: { host: server.url, credential: server.adminKey, timeout: 2000 },
      leaked: secret,
      attributes: {},
      calls: { issue: ["POST", /service_accounts$/], revoke: ["DELETE", /service_accounts\//], probe: ["GET", /^\/v1\/models$/] },
      living: () => server.serviceAccounts(),
    };
  },
};

let running: VendorServer | undefined;
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

async function start(name: string): Promise<Rig> {
  const make = rigs[name];
  if (make === undefined) throw new Error(`no rig ${name}`);
  const rig = await make();
  running = rig.server;
  return rig;
}

async function named({ driver, context, attributes, leaked }: Rig): Promise<KeyRecord> {
  const { records } = (await driver.match?.(context, { attributes, secret: leaked })) ?? { records: [] };
  const [record] = records;
  if (record === undefined || records.length !== 1) throw new Error(`expected one record, got ${records.length}`);
  return record;
}

const probe = ({ driver, context, attributes }: Rig, secret: Secret) => driver.probe(context, { attributes, secret });

describe.each(Object.keys(rigs))("%s", (name) => {
  test("a leaked value names its own record among many pages, and nobody else's", async () => {
    const rig = await start(name);
    const record = await named(rig);
    expect(record.state).toBe("active");
    const wrong = Secret.from(`${rig.leaked.reveal().slice(0, -6)}ffffff`);
    expect((await rig.driver.match?.(rig.context, { attributes: rig.attributes, secret: wrong }))?.records ?? []).toHaveLength(0);
  });

  test("a new credential is alive, the old one is dead after its revocation, everything else is untouched", async () => {
    const rig = await start(name);
    const like = await named(rig);
    const before = rig.living();
    const issued = await rig.driver.issue?.(rig.context, { name: "rekey-run-test", like, token: "run-test" });
    if (issued === undefined) throw new Error("expected a credential");
    expect(await probe(rig, issued.secret)).toMatchObject({ answer: "alive" });
    await rig.driver.revoke?.(rig.context, like, { attributes: rig.attributes });
    await rig.driver.revoke?.(rig.context, like, { attributes: rig.attributes });
    expect(await probe(rig, rig.leaked)).toMatchObject({ answer: "invalid" });
    expect(await probe(rig, issued.secret)).toMatchObject({ answer: "alive" });
    expect(rig.living()).toHaveLength(before.length);
  });

  test("after a lost answer the orphan is found by its name and removed, once and for all", async () => {
    const rig = await start(name);
    const like = await named(rig);
    const before = rig.living();
    rig.server.fail(...rig.calls.issue, "drop-after");
    await expect(rig.driver.issue?.(rig.context, { name: "rekey-run-lost", like, token: "run-lost" })).rejects.toBeInstanceOf(
      UnknownOutcomeError,
    );
    expect(rig.living()).toHaveLength(before.length + 1);
    expect(await rig.driver.discard?.(rig.context, { name: "rekey-run-lost", like })).toBe(1);
    expect(await rig.driver.discard?.(rig.context, { name: "rekey-run-lost", like })).toBe(0);
    expect(rig.living()).toEqual(before);
  });

  test.each(["429", "500", "503", "html", "redirect", "foreign-401", "hang", "drop-before"] as const)(
    "a probe that meets %s says unknown, never dead",
    async (fault) => {
      const rig = await start(name);
      rig.server.fail(...rig.calls.probe, fault, 3);
      expect(await probe(rig, rig.leaked)).toMatchObject({ answer: "unknown" });
    },
  );

  test.each(["429", "500", "html", "redirect", "drop-after"] as const)("an error after %s holds no secret", async (fault) => {
    const rig = await start(name);
    const like = await named(rig);
    rig.server.fail(...rig.calls.issue, fault);
    const error: unknown = await rig.driver
      .issue?.(rig.context, { name: "rekey-run-error", like, token: "t" })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    const shown = `${inspect(error, { depth: 8, showHidden: true })}${JSON.stringify(error)}${error instanceof Error ? error.stack : ""}`;
    for (const secret of [rig.leaked, rig.context.credential]) expect(shown).not.toContain(secret?.reveal());
  });

  test("what is not named by a run is never discarded", async () => {
    const rig = await start(name);
    const like = await named(rig);
    await expect(rig.driver.discard?.(rig.context, { name: "agent", like })).rejects.toThrow(/named rekey-<run>/);
  });
});

test("a disabled OpenRouter key is refused, and works again when it is enabled", async () => {
  const rig = await start("openrouter");
  const record = await named(rig);
  await rig.driver.disable?.(rig.context, record);
  expect((await probe(rig, rig.leaked)).answer).not.toBe("alive");
  await rig.driver.enable?.(rig.context, record);
  expect(await probe(rig, rig.leaked)).toMatchObject({ answer: "alive" });
});

test("an OpenAI service account with a second key is not deleted", async () => {
  const server = await startOpenAi();
  running = server;
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

test("whoever holds a GitHub token kills it, and only a probe proves it", async () => {
  const server = await startGitHubRevocation();
  running = server;
  const [token, other] = [server.createToken("mara"), server.createToken("dev")];
  const context = { host: server.url, timeout: 2000 };
  expect(await github.probe(context, { attributes: {}, secret: token })).toMatchObject({ answer: "alive" });
  const record = { id: "by-possession", state: "active", attributes: {} } as const;
  await github.revoke?.(context, record, { attributes: {}, secret: token });
  await github.revoke?.(context, record, { attributes: {}, secret: token });
  expect(await github.probe(context, { attributes: {}, secret: token })).toMatchObject({ answer: "invalid", code: "401 Bad credentials" });
  expect(await github.probe(context, { attributes: {}, secret: other })).toMatchObject({ answer: "alive" });
  await expect(github.revoke?.(context, record, { attributes: {} })).rejects.toMatchObject({ code: "value-needed" });
});
