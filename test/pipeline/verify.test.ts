import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parseServerConfig } from "../../src/config/server.ts";
import type { Driver } from "../../src/driver.ts";
import { silentLog } from "../../src/log.ts";
import type { Rekey } from "../../src/pipeline/context.ts";
import { verifyDead } from "../../src/pipeline/verify.ts";
import { gitlab } from "../../src/provider/gitlab.ts";
import { huggingface } from "../../src/provider/huggingface.ts";
import { openrouter } from "../../src/provider/openrouter.ts";
import { Secret } from "../../src/secret.ts";
import { startGitLab } from "../../src/stand-in/gitlab.ts";
import { startHuggingFace } from "../../src/stand-in/huggingface.ts";
import { type OpenRouter, startOpenRouter } from "../../src/stand-in/openrouter.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { saveReceipt } from "../../src/store/evidence.ts";
import { getIncident, openOrAddOccurrence } from "../../src/store/incidents.ts";
import { finding } from "../store/findings.ts";

const folder = mkdtempSync(join(tmpdir(), "rekey-verify-"));
let database: Database;
beforeAll(async () => {
  database = await openDatabase({ dataDir: join(folder, "db") });
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

/** `/rekey verify` of a value that the vendor was seen to accept before. Without a connection the stand-in still plays the public host. */
async function verify(of: {
  driver: Driver;
  detector: string;
  url: string;
  secret: Secret;
  admin?: Secret;
  connection?: string;
  seen?: boolean;
}) {
  const seen = { finding: finding({ detector: of.detector }), exposedAt: "2026-11-25T00:00:00Z", preExisting: false };
  const { incident } = await database.db.transaction().execute((trx) => openOrAddOccurrence(trx, seen));
  const receipt = { incident: incident.id, round: 0, subject: "old", answer: "alive", code: "200", control: "none", via: "probe" } as const;
  if (of.seen !== false) await saveReceipt(database.db, receipt);
  const connections =
    of.connection === undefined ? "" : `connections:\n  vendor: { type: ${of.connection}, host: "${of.url}", credential: env:A }\n`;
  const rekey = {
    config: parseServerConfig(`${connections}policy: { rollout: rotate }\n`, "rekey.yml"),
    database,
    drivers: [{ ...of.driver, probe: (context, target) => of.driver.probe({ ...context, host: of.url }, target) } satisfies Driver],
    credential: () => Secret.from(of.admin?.reveal() ?? ""),
    log: silentLog,
  } as unknown as Rekey;
  const slept: number[] = [];
  const sleep = async (milliseconds: number) => void slept.push(milliseconds);
  const verdict = await verifyDead(rekey, incident.id, sleep, Secret.from(of.secret.reveal()));
  const after = await getIncident(database.db, incident.id);
  return { verdict, state: after?.state, death: after?.death, slept };
}

describe("a vendor that refuses a disabled key like a deleted one", () => {
  let server: OpenRouter;
  beforeEach(async () => {
    server = await startOpenRouter();
  });
  afterEach(() => server.stop());
  const of = (secret: Secret, connection?: string) => ({
    driver: openrouter,
    detector: "openrouter-api-key",
    url: server.url,
    secret,
    admin: server.managementKey,
    ...(connection === undefined ? {} : { connection }),
  });
  const remove = async (hash: string) => {
    const headers = { authorization: `Bearer ${server.managementKey.reveal()}` };
    await fetch(`${server.url}/api/v1/keys/${hash}`, { method: "DELETE", headers });
  };

  test("without a connection nothing is called dead, whether it was deleted or only disabled", async () => {
    const [deleted, disabled] = [server.createKey("deleted"), server.createKey("disabled", { disabled: true })];
    await remove(deleted.hash);
    for (const { secret } of [deleted, disabled]) {
      const { verdict, state, death } = await verify(of(secret));
      expect(verdict).toMatchObject({ dead: false });
      expect(verdict).toMatchObject({
        sentence: expect.stringContaining("without a connection of type openrouter nobody can tell them apart"),
      });
      expect([state, death]).toEqual(["open", undefined]);
    }
  });

  test("with a connection a deleted key is dead by both, after three refusals spaced over the propagation", async () => {
    const { hash, secret } = server.createKey("agent");
    await remove(hash);
    const { verdict, state, death, slept } = await verify(of(secret, "openrouter"));
    expect(verdict).toEqual({ dead: true, whenFound: false });
    expect(state).toBe("resolved");
    expect(death).toMatchObject({ proof: "both", receipts: 3 });
    expect(slept).toEqual([5000, 5000]);
  });

  test("with a connection a disabled key is contained, not dead", async () => {
    const { secret } = server.createKey("agent", { disabled: true });
    const { verdict, state } = await verify(of(secret, "openrouter"));
    expect(verdict).toMatchObject({
      dead: false,
      sentence: expect.stringMatching(/^It is disabled, which contains it and can be taken back/),
    });
    expect(state).toBe("open");
  });

  test("a live key is still accepted", async () => {
    const { secret } = server.createKey("agent");
    expect((await verify(of(secret))).verdict).toMatchObject({ dead: false, sentence: expect.stringContaining("still accepted (200)") });
  });

  test.each(["500", "html", "foreign-401"] as const)("a control plane that answers %s leaves it undecided", async (fault) => {
    const { hash, secret } = server.createKey("agent");
    await remove(hash);
    server.fail("GET", /^\/api\/v1\/keys/, fault, 5);
    const { verdict, state } = await verify(of(secret, "openrouter"));
    expect(verdict).toMatchObject({ dead: false, sentence: expect.stringContaining("the vendor's own record did not tell them apart") });
    expect(state).toBe("open");
  });

  test.each(["html", "redirect", "foreign-401", "429"] as const)("a probe that meets %s proves nothing", async (fault) => {
    const { hash, secret } = server.createKey("agent");
    await remove(hash);
    server.fail("GET", /^\/api\/v1\/key$/, fault);
    const { verdict, state } = await verify(of(secret, "openrouter"));
    expect(verdict).toMatchObject({ dead: false, sentence: expect.stringContaining("did not say whether it is dead") });
    expect(state).toBe("open");
  });
});

test("a token that can only be killed is dead without a connection, if it was seen alive", async () => {
  const server = await startHuggingFace();
  const [secret, never] = [server.createToken("mara"), server.createToken("eve")];
  const context = { host: server.url, timeout: 2000 };
  const record = { id: "by-possession", state: "active", attributes: {} } as const;
  for (const token of [secret, never]) await huggingface.revoke?.(context, record, { attributes: {}, secret: token });
  const of = { driver: huggingface, detector: "huggingface-user-token", url: server.url };
  expect(await verify({ ...of, secret })).toMatchObject({ verdict: { dead: true, whenFound: false }, death: { proof: "probe" } });
  const unseen = await verify({ ...of, secret: never, seen: false });
  expect(unseen, "dead when found").toMatchObject({ verdict: { dead: true, whenFound: true } });
  await server.stop();
});

test("a GitLab token whose refusal may mean a blocked user needs the list, which a connection gives", async () => {
  const server = await startGitLab();
  const { id, secret } = server.createToken(7, "agent");
  const context = { host: server.url, credential: server.adminToken, timeout: 2000 };
  await gitlab.revoke?.(context, { id, state: "active", principal: "7", attributes: {} }, { attributes: {} });
  const { verdict } = await verify({ driver: gitlab, detector: "gitlab-token", url: server.url, secret });
  expect(verdict).toMatchObject({ dead: false, sentence: expect.stringContaining("what is only blocked would be refused too") });
  await server.stop();
});
