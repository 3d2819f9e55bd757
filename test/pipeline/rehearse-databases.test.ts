import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, test as always, beforeAll, expect } from "vitest";
import { loadPlaybooks } from "../../src/config/playbooks.ts";
import { parseServerConfig } from "../../src/config/server.ts";
import type { Driver, DriverContext } from "../../src/driver.ts";
import { silentLog } from "../../src/log.ts";
import type { Rekey } from "../../src/pipeline/context.ts";
import { rehearse } from "../../src/pipeline/rehearse.ts";
import { mysql } from "../../src/provider/mysql.ts";
import { postgresql } from "../../src/provider/postgresql.ts";
import { redis } from "../../src/provider/redis.ts";
import { fingerprintKey, Secret } from "../../src/secret.ts";
import { createMemorySink } from "../../src/secret-manager/memory.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { hasMariaDb, startMariaDb } from "../servers/mariadb.ts";
import { startPostgres } from "../servers/postgres.ts";
import { postgresRoles } from "../servers/postgres-roles.ts";
import { found } from "../servers/real.ts";
import { redisServer, startRedis } from "../servers/redis.ts";

const folder = mkdtempSync(join(tmpdir(), "rekey-rehearse-databases-"));
let database: Database;
const stops: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  database = await openDatabase({ dataDir: join(folder, "db") });
});
afterAll(async () => {
  await Promise.allSettled([database.close(), ...stops.map((stop) => stop())]);
  rmSync(folder, { recursive: true, force: true });
});

interface Server {
  readonly context: DriverContext;
  /** Every account that it knows, whatever its state. */
  accounts(): Promise<unknown[]>;
}

async function mariaDb(): Promise<Server> {
  const server = await startMariaDb();
  stops.push(server.stop);
  const read = "select concat(User, '@', Host) as name from mysql.global_priv order by 1";
  return {
    context: { host: server.host, credential: server.credential, timeout: 5000 },
    accounts: () => server.as(server.credential.reveal(), (client) => client.read(read)),
  };
}

async function postgres(): Promise<Server> {
  const server = await startPostgres();
  const roles = await postgresRoles(server);
  stops.push(() => roles.stop().then(() => server.stop()));
  return { context: roles.context, accounts: () => roles.sql("select rolname from pg_roles order by 1") };
}

async function redisOfTheSystem(): Promise<Server> {
  const server = await startRedis();
  stops.push(server.stop);
  return {
    context: { host: server.host, credential: server.credential, timeout: 5000 },
    accounts: () => server.as(server.credential.reveal(), async (command) => (await command(["ACL", "LIST"], { safe: true })) as unknown[]),
  };
}

always.each([
  ["mariadb-account", mysql, mariaDb, found("MariaDB", hasMariaDb)],
  ["postgresql-role", postgresql, postgres, true],
  ["redis-password", redis, redisOfTheSystem, found("Redis", redisServer !== undefined)],
] as const)("%s is rehearsed on a real server, where nothing is left of it", async (playbook, driver, start, possible) => {
  if (!possible) return;
  const { context, accounts } = await start();
  const before = await accounts();
  const fast: Driver = { ...driver, manifest: { ...driver.manifest, propagation: { create: 10, revoke: 20 } } };
  const [type = ""] = driver.manifest.type.split("/");
  const text = `connections:\n  db: { type: ${type}, host: "${context.host}", credential: env:KEY }\n  store: { type: memory, host: memory }\npolicy: { soak: 1ms }\n`;
  const sink = createMemorySink();
  const rekey = {
    config: parseServerConfig(text, "rekey.yml"),
    database,
    drivers: [fast],
    sinkFor: (of: string) => (of === "memory" ? sink : undefined),
    playbooks: loadPlaybooks(),
    fingerprintKeys: [fingerprintKey(Buffer.alloc(32, 7))],
    credential: () => Secret.from(context.credential?.reveal() ?? ""),
    log: silentLog,
  } as unknown as Rekey;
  const done = await rehearse(rekey, { playbook, attributes: {} });
  expect(done).toMatchObject({ passed: true, removed: true, failedCalls: 0 });
  expect(done.calls).toBeGreaterThan(0);
  expect(done.receipts.filter(({ subject, answer }) => subject === "old" && answer === "invalid").length).toBeGreaterThanOrEqual(3);
  expect(await accounts()).toEqual(before);
});
