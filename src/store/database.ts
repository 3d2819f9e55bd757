import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Kysely, PostgresDialect, sql } from "kysely";
import { Migrator } from "kysely/migration";
import pg from "pg";
import { PgBoss } from "pg-boss";
import { UsageError } from "../errors.ts";
import { describeError, type Log, silentLog } from "../log.ts";
import { Secret } from "../secret.ts";
import { openEmbedded, safeInteger } from "./embedded.ts";
import { EmbeddedKysely, embeddedDialect, type Session } from "./embedded-dialect.ts";
import type { Lock } from "./lock.ts";
import { migrations } from "./migration/index.ts";
import { queueDatabase } from "./queue-database.ts";
import type { Schema } from "./schema.ts";

interface Common {
  readonly db: Kysely<Schema>;
  /** Always call it: an embedded database that is not closed keeps its lock and may keep the process. */
  close(): Promise<void>;
}

export type Database =
  | (Common & { readonly kind: "embedded"; readonly session: Session; readonly lock: Lock })
  | (Common & { readonly kind: "postgresql"; readonly url: Secret });

/**
 * Opens the state of Rekey and brings its tables up to date. `dataDir` is a directory for the embedded database (made if
 * missing; LockedError if a live process owns it), `url` a PostgreSQL of version 15 or newer.
 */
export async function openDatabase(options: { dataDir: string; log?: Log } | { url: string; log?: Log }): Promise<Database> {
  const log = options.log ?? silentLog;
  return "url" in options ? openPostgresql(options.url, log) : openInDirectory(options.dataDir, log);
}

async function openInDirectory(directory: string, log: Log): Promise<Database> {
  const template = { path: templatePath(), prepare: prepareTemplate };
  const { session, lock, close } = await openEmbedded({ directory, log, template });
  try {
    const db = new EmbeddedKysely<Schema>({ dialect: embeddedDialect(session) });
    await migrate(db);
    return { kind: "embedded", db, session, lock, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A finished, empty database; named by what went into it, so that a new version makes a new one. */
function templatePath(): string {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const versions = ["@electric-sql/pglite", "pg-boss"].map((name) =>
    readFileSync(join(root, "node_modules", name, "package.json"), "utf8"),
  );
  const folder = fileURLToPath(new URL("./migration", import.meta.url));
  const tables = readdirSync(folder)
    .toSorted()
    .map((name) => readFileSync(join(folder, name), "utf8"));
  const hash = createHash("sha256")
    .update([...versions, ...tables].join("\0"))
    .digest("hex")
    .slice(0, 16);
  return join(root, ".cache/rekey", `pglite-${hash}`);
}

async function prepareTemplate(session: Session): Promise<void> {
  await migrate(new EmbeddedKysely<Schema>({ dialect: embeddedDialect(session) }));
  const boss = new PgBoss({ db: queueDatabase(session), backend: "pglite", supervise: false, schedule: false });
  await boss.start();
  await boss.stop({ graceful: false });
}

async function openPostgresql(url: string, log: Log): Promise<Database> {
  const pool = new pg.Pool({ connectionString: url, max: 10, types: { getTypeParser } });
  pool.on("error", (error) => log.warn({ error: describeError(error) }, "an idle connection to the database was lost"));
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  try {
    const { rows } = await sql<{ version: number }>`select current_setting('server_version_num')::int as version`.execute(db);
    const version = rows[0]?.version ?? 0;
    if (version < 150_000)
      throw new UsageError(`expected PostgreSQL 15 or newer, the server has ${Math.floor(version / 10_000)}; upgrade it`);
    await migrate(db);
    return { kind: "postgresql", db, url: Secret.from(url), close: () => db.destroy() };
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

/** int8 as number, as in the embedded database. */
function getTypeParser(oid: number, format?: "text" | "binary") {
  if (oid === pg.types.builtins.INT8 && format !== "binary") return (text: string) => safeInteger(text);
  return pg.types.getTypeParser(oid, format);
}

async function migrate(db: Kysely<Schema>): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...migrations }) },
    migrationTableName: "rekey_migration",
    migrationLockTableName: "rekey_migration_lock",
    allowUnorderedMigrations: true,
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}
