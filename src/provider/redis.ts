import { createHash, randomBytes, scryptSync } from "node:crypto";
import { addressOf, loginOf } from "../connection/address.ts";
import { type RedisCommand, RedisRefusal, redisPort, tryRedis, withRedis } from "../connection/redis.ts";
import type { Driver, DriverContext, KeyRecord, Target } from "../driver.ts";
import { HoldError } from "../errors.ts";
import { Secret } from "../secret.ts";
import { ownName } from "./answer.ts";
import { databaseManifest, leakedLogin, onThisServer, readings } from "./database.ts";

/** The user to which a rehearsal gives passwords. */
const rehearsalUser = "rekey-rehearsal";

/**
 * Passwords of Redis ACL users: a user may have several, so the new one is added and the leaked one is removed later, by digest; no
 * password itself is ever sent but to log in. What a run adds is noted in a user without rights that cannot log in, named by the run,
 * which holds the same digest (https://redis.io/docs/latest/commands/acl-setuser/).
 */
export const redis: Driver = {
  manifest: databaseManifest({
    type: "redis/acl-password",
    name: "Redis password",
    detectors: ["redis-url"],
    overlap: "many",
    propagation: { create: 1_000, revoke: 2_000 },
    locks: false,
    pages: { revoke: "https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/" },
    rights: {
      list: ["+acl|list +acl|getuser"],
      issue: ["+acl|setuser +acl|deluser +acl|save +config|rewrite"],
      revoke: ["+acl|setuser +acl|save +config|rewrite +client|kill +client|list"],
    },
    rehearsal: { user: rehearsalUser, rehearsal: "yes" },
  }),

  async match(context, { attributes, secret }) {
    const { user, at } = loginIn(context, attributes);
    if (secret === undefined || at === undefined) return { records: [], grade: "weak" };
    onThisServer(context, at, redisPort);
    return asAdmin(context, async (command) => {
      const found = await userOf(command, user);
      if (found?.nopass === true)
        throw new HoldError(
          "no-password",
          `the Redis user '${user}' takes any password (nopass), so none can be replaced; give it one first`,
        );
      const digest = readings(secret)
        .map(digestOf)
        .find((one) => found?.digests.includes(one) === true);
      if (found === undefined || digest === undefined) return { records: [], grade: "confirmed" };
      return { records: [recordOf(user, digest, found.on)], grade: "confirmed" };
    });
  },

  list: (context, { attributes }) =>
    asAdmin(context, async (command) => {
      const { user } = loginIn(context, attributes);
      const found = await userOf(command, user);
      const notes = await notesOf(command);
      return (found?.digests ?? []).map((digest) =>
        recordOf(user, digest, found?.on === true, notes.find((note) => note.digests.includes(digest))?.run),
      );
    }),

  prepare: async () => ({ secret: Secret.from(randomBytes(24).toString("base64url")), companions: {} }),

  issue: (context, { name, like, prepared }) =>
    asAdmin(context, async (command) => {
      if (prepared === undefined)
        throw new HoldError("not-prepared", "a new Redis password must be staged before it is set; this run has staged none");
      const user = userIn(like);
      const found = await userOf(command, user);
      const rehearsal = user === rehearsalUser;
      if (found === undefined && !rehearsal)
        throw new HoldError("scope-unknown", `the Redis user '${user}' is gone, so nobody knows what it may do; make it by hand`);
      const digest = digestOf(prepared.secret.reveal());
      await command(["ACL", "SETUSER", ownName(name), "reset", "off", `#${digest}`], { safe: true });
      await command(["ACL", "SETUSER", user, ...(rehearsal ? ["on", "+ping"] : []), `#${digest}`], { safe: true });
      await persist(command);
      return { record: recordOf(user, digest, true, name), secret: prepared.secret, companions: {} };
    }),

  discard: (context, { name, like }) =>
    asAdmin(context, async (command) => {
      const note = (await notesOf(command)).find(({ run }) => run === ownName(name));
      if (note === undefined) return 0;
      const user = userIn(like);
      const digests = ((await userOf(command, user))?.digests ?? []).filter((digest) => note.digests.includes(digest));
      for (const digest of digests) await removePassword(command, user, digest);
      if (user === rehearsalUser && (await userOf(command, user))?.digests.length === 0)
        await command(["ACL", "DELUSER", user], { safe: true });
      await command(["ACL", "DELUSER", name], { safe: true });
      await persist(command);
      return digests.length;
    }),

  revoke: (context, record) =>
    asAdmin(context, async (command) => {
      const user = userIn(record);
      const found = await userOf(command, user);
      if (found === undefined) return;
      const digest = found.digests.find((one) => idOf(user, one) === record.id);
      const own = loginOf(context.credential);
      if (digest !== undefined) {
        if (own.user === user && digestOf(own.password) === digest)
          throw new HoldError(
            "own-credential",
            "this is the password that Rekey itself works with; give this connection another one first",
          );
        await removePassword(command, user, digest);
        for (const { run, digests: noted } of await notesOf(command))
          if (noted.includes(digest)) await command(["ACL", "DELUSER", run], { safe: true });
      }
      await persist(command);
      // an authenticated connection outlives its password; those that have the new one connect again
      await command(["CLIENT", "KILL", "USER", user, "SKIPME", "yes"], { safe: true });
    }),

  async probe(context, { attributes, secret }) {
    const { user, at } = loginIn(context, attributes);
    if (at === undefined) return { answer: "unknown", code: "not a pinned host" };
    let last: string | undefined;
    for (const password of readings(secret)) {
      last = await tryRedis({ address: at, user, password, timeout: context.timeout });
      if (last === "ok") {
        const anything = await tryRedis({ address: at, user, password: randomBytes(18).toString("hex"), timeout: context.timeout });
        return anything === "WRONGPASS"
          ? { answer: "alive", code: "log-in accepted" }
          : { answer: "unknown", code: "any password is accepted" };
      }
      if (last !== "WRONGPASS") break;
    }
    return { answer: last === "WRONGPASS" ? "invalid" : "unknown", code: last ?? "no answer" };
  },

  /** Connections that are open now: Redis keeps no record of those that ended. */
  usage: (context, record) =>
    asAdmin(context, async (command) => {
      const user = userIn(record);
      const lines = String(await command(["CLIENT", "LIST"], { safe: true })).split("\n");
      const seen = lines
        .filter((line) => line.split(" ").includes(`user=${user}`))
        .map((line) => ({ by: /\baddr=(\S+?):\d+\b/.exec(line)?.[1]?.slice(0, 60) ?? "unknown" }));
      return { seen, complete: false };
    }),
};

interface User {
  readonly on: boolean;
  readonly nopass: boolean;
  /** SHA-256 of each password, hex. */
  readonly digests: readonly string[];
}

function asAdmin<T>({ host, credential, timeout }: DriverContext, work: (command: RedisCommand) => Promise<T>): Promise<T> {
  return withRedis({ address: addressOf(host, redisPort), ...loginOf(credential), timeout }, work);
}

/** RESP2 answers a list of name, value, name, value; RESP3 a map. */
async function userOf(command: RedisCommand, user: string): Promise<User | undefined> {
  const answer = await command(["ACL", "GETUSER", user], { safe: true });
  if (answer === null) return undefined;
  const pairs = Array.isArray(answer)
    ? answer.flatMap((name, at) => (at % 2 === 0 ? [[String(name), answer[at + 1]] as const] : []))
    : answer instanceof Map
      ? [...answer].map(([name, value]) => [String(name), value] as const)
      : Object.entries(answer as object);
  const of = Object.fromEntries(pairs);
  const [flags, digests] = [of["flags"], of["passwords"]];
  if (!Array.isArray(flags) || !Array.isArray(digests))
    throw new HoldError("unexpected-answer", "Redis's answer about a user lacks its flags or passwords; its API may have changed");
  return { on: flags.includes("on"), nopass: flags.includes("nopass"), digests: digests.map(String) };
}

/** Users named by a run of ours, each with the digests that it added. */
async function notesOf(command: RedisCommand): Promise<{ run: string; digests: readonly string[] }[]> {
  const lines = await command(["ACL", "LIST"], { safe: true });
  if (!Array.isArray(lines)) throw new HoldError("unexpected-answer", "Redis's list of users is none; its API may have changed");
  return lines.flatMap((line: unknown) => {
    const words = String(line).split(" ");
    const run = words[1] ?? "";
    if (!/^rekey-/.test(run) || run === rehearsalUser || !words.includes("off")) return [];
    return [{ run, digests: words.filter((word) => /^#[0-9a-f]{64}$/.test(word)).map((word) => word.slice(1)) }];
  });
}

/** Removing a password twice is an error: then it is gone, which is what was wanted. */
async function removePassword(command: RedisCommand, user: string, digest: string): Promise<void> {
  try {
    await command(["ACL", "SETUSER", user, `!${digest}`], { safe: true });
  } catch (error) {
    if (!(error instanceof RedisRefusal) || (await userOf(command, user))?.digests.includes(digest) === true) throw error;
  }
}

/** Without it a restart brings the old password back. */
async function persist(command: RedisCommand): Promise<void> {
  try {
    await command(["ACL", "SAVE"], { safe: true });
  } catch (error) {
    if (!(error instanceof RedisRefusal)) throw error;
    try {
      await command(["CONFIG", "REWRITE"], { safe: true });
    } catch (second) {
      if (!(second instanceof RedisRefusal)) throw second;
      throw new HoldError(
        "not-persisted",
        "Redis took the change, and can keep it neither in an aclfile nor in its configuration file: a restart undoes it. Give the server an aclfile, then go on",
      );
    }
  }
}

function recordOf(user: string, digest: string, on: boolean, name?: string): KeyRecord {
  return { id: idOf(user, digest), state: on ? "active" : "disabled", attributes: { user }, ...(name === undefined ? {} : { name }) };
}

/** Names a password in plans and journals, where not even its digest may stand: made slow, so that guesses cannot be tried on it. */
function idOf(user: string, digest: string): string {
  return `${user}#${scryptSync(digest, `rekey:redis:${user}`, 9, { N: 32768, r: 8, p: 1, maxmem: 64 << 20 }).toString("base64url")}`;
}

function digestOf(password: string): string {
  return createHash("sha256").update(password).digest("hex");
}

function userIn({ attributes }: KeyRecord): string {
  return attributes["user"] ?? "default";
}

/** `redis://:password@host` logs in as `default`. */
function loginIn(context: DriverContext, attributes: Target["attributes"]) {
  const { user = "default", at } = leakedLogin(context, attributes, redisPort);
  return { user, at };
}
