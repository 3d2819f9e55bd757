import { randomBytes } from "node:crypto";
import { chownSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addressOf } from "../../src/connection/address.ts";
import { type RedisCommand, tryRedis, withRedis } from "../../src/connection/redis.ts";
import { Secret } from "../../src/secret.ts";
import { freePort, freshFolder, startChild, unprivileged } from "../../src/stand-in/child.ts";

/** A real Redis of the system on loopback, its users in an aclfile. */
export interface Redis {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** `rekey:password` of a user that may administer others. */
  readonly credential: Secret;
  as<T>(login: string, work: (command: RedisCommand) => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

/** Where the system has a server, or undefined: Redis does not come from npm (contracts.md §11). */
export const redisServer = ["/usr/bin/redis-server", "/usr/local/bin/redis-server", "/opt/homebrew/bin/redis-server"].find(existsSync);

export async function startRedis(): Promise<Redis> {
  if (redisServer === undefined) throw new Error("redis-server is not installed");
  const folder = freshFolder("rekey-redis-");
  const password = randomBytes(12).toString("base64url");
  const port = await freePort();
  writeFileSync(join(folder, "users.acl"), `user default off\nuser rekey on +@all ~* &* >${password}\n`);
  const { uid, gid } = unprivileged();
  if (uid !== undefined && gid !== undefined) for (const path of [folder, join(folder, "users.acl")]) chownSync(path, uid, gid);
  const host = `127.0.0.1:${port}`;
  const address = addressOf(host, port);
  const child = await startChild({
    name: "Redis",
    command: redisServer,
    args: ["--bind", "127.0.0.1", "--port", String(port), "--dir", folder, "--aclfile", join(folder, "users.acl"), "--save", ""],
    folder,
    ready: async () => (await tryRedis({ address, user: "rekey", password, timeout: 1000 })) === "ok",
  });
  return {
    host,
    credential: Secret.from(`rekey:${password}`),
    as: (login, work) =>
      withRedis({ address, user: login.split(":")[0] ?? "", password: login.slice(login.indexOf(":") + 1), timeout: 2000 }, work),
    stop: () => child.stop(),
  };
}
