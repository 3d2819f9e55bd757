import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KeyRecord } from "../../src/driver.ts";
import { redis } from "../../src/provider/redis.ts";
import { Secret } from "../../src/secret.ts";
import { driverContract } from "../contract/driver.ts";
import { found } from "../servers/real.ts";
import { type Redis, redisServer, startRedis } from "../servers/redis.ts";

describe.runIf(found("Redis", redisServer !== undefined))("Redis of the system", () => {
  let server: Redis;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  const context = () => ({ host: server.host, credential: server.credential, timeout: 3000 });
  const admin = (words: string[]) => server.as(server.credential.reveal(), (command) => command(words, { safe: true }));

  async function createUser() {
    const user = `agent-${randomBytes(4).toString("hex")}`;
    const secret = Secret.from(randomBytes(12).toString("base64url"));
    await admin(["ACL", "SETUSER", user, "on", "+@all", "~*", `>${secret.reveal()}`]);
    const [host = "", port = ""] = server.host.split(":");
    return { user, secret, attributes: { user, host, port } };
  }
  const passwords = async (user: string) =>
    ((await admin(["ACL", "LIST"])) as string[]).find((line) => line.startsWith(`user ${user} `))?.match(/#[0-9a-f]{64}/g) ?? [];

  async function named(leaked: Awaited<ReturnType<typeof createUser>>): Promise<KeyRecord> {
    const { records } = (await redis.match?.(context(), leaked)) ?? { records: [] };
    const [record] = records;
    if (record === undefined) throw new Error("expected a record");
    return record;
  }
  async function add(like: KeyRecord, name: string): Promise<Secret> {
    const prepared = await redis.prepare?.(context(), { name, like, token: name });
    if (prepared === undefined) throw new Error("expected a value");
    await redis.issue?.(context(), { name, like, token: name, prepared });
    await redis.issue?.(context(), { name, like, token: name, prepared });
    return prepared.secret;
  }

  driverContract("Redis", async () => {
    const { user, secret, attributes } = await createUser();
    return { driver: redis, context: context(), leaked: secret, attributes, living: () => passwords(user), stop: () => undefined };
  });

  test("both passwords work until the leaked one is removed, which also ends open connections", async () => {
    const leaked = await createUser();
    const record = await named(leaked);
    const fresh = await add(record, "rekey-run-both");
    const probe = async (secret: Secret) => (await redis.probe(context(), { attributes: leaked.attributes, secret })).answer;
    expect([await probe(leaked.secret), await probe(fresh)]).toEqual(["alive", "alive"]);
    const open = server.as(`${leaked.user}:${leaked.secret.reveal()}`, async (command) => {
      await redis.revoke?.(context(), record, { attributes: {} });
      await new Promise((resolve) => setTimeout(resolve, 50));
      return command(["PING"], { safe: true });
    });
    await expect(open).rejects.toMatchObject({ name: "RetryError" });
    expect([await probe(leaked.secret), await probe(fresh)]).toEqual(["invalid", "alive"]);
  });

  test("a run that is undone takes back its password, once, and leaves the others", async () => {
    const leaked = await createUser();
    const record = await named(leaked);
    await add(record, "rekey-run-undo");
    expect(await passwords(leaked.user)).toHaveLength(2);
    expect(await redis.discard?.(context(), { name: "rekey-run-undo", like: record })).toBe(1);
    expect(await redis.discard?.(context(), { name: "rekey-run-undo", like: record })).toBe(0);
    expect(await passwords(leaked.user)).toHaveLength(1);
    expect(((await admin(["ACL", "LIST"])) as string[]).filter((line) => line.includes("rekey-run-undo"))).toEqual([]);
  });

  test("an id says nothing of the password, not even its digest", async () => {
    const leaked = await createUser();
    const { id } = await named(leaked);
    expect(id).not.toContain(createHash("sha256").update(leaked.secret.reveal()).digest("hex").slice(0, 12));
    expect(id).not.toContain(leaked.secret.reveal());
  });

  test("a user that takes any password is no proof of anything", async () => {
    const leaked = await createUser();
    await admin(["ACL", "SETUSER", leaked.user, "nopass"]);
    expect(await redis.probe(context(), leaked)).toEqual({ answer: "unknown", code: "any password is accepted" });
    await expect(redis.match?.(context(), leaked)).rejects.toMatchObject({ code: "no-password" });
  });

  test("a host that nobody pinned is not asked, and the password that Rekey works with is not removed", async () => {
    const leaked = await createUser();
    const attributes = { ...leaked.attributes, host: "cache.attacker.example" };
    expect(await redis.probe(context(), { ...leaked, attributes })).toEqual({ answer: "unknown", code: "not a pinned host" });
    const own = server.credential.reveal().slice("rekey:".length);
    const record = await named({ user: "rekey", secret: Secret.from(own), attributes: { ...leaked.attributes, user: "rekey" } });
    await expect(redis.revoke?.(context(), record, { attributes: {} })).rejects.toMatchObject({ code: "own-credential" });
  });
});
