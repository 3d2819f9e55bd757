import {
  accessSync,
  closeSync,
  constants,
  cpSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { PGlite, types } from "@electric-sql/pglite";
import { describeError, type Log } from "../log.ts";
import { DurableFS } from "./durable-fs.ts";
import { createSession, type Session } from "./embedded-dialect.ts";
import { acquireLock, type Lock } from "./lock.ts";

export interface Embedded {
  readonly session: Session;
  readonly lock: Lock;
  close(): Promise<void>;
}

interface Template {
  readonly path: string;
  /** What belongs into it: tables that every database has. */
  readonly prepare: (session: Session) => Promise<void>;
}

/** How often dead rows are removed: PGlite has no autovacuum. Milliseconds. */
const vacuumInterval = 10 * 60_000;

/**
 * Opens PGlite in `directory` under our own lock, with fsync on and proven at boot. `template` is a folder of a finished
 * database: a first start copies it instead of making a cluster (4 s), and is told by `prepare` what belongs into one.
 */
export async function openEmbedded(options: { directory: string; log: Log; template?: Template }): Promise<Embedded> {
  const { directory, log, template } = options;
  const lock = await acquireLock(directory);
  let timer: NodeJS.Timeout | undefined;
  try {
    const data = join(directory, "pgdata");
    for (const name of readdirSync(directory)) {
      // What a first start left that was killed half way.
      if (name.startsWith("pgdata.new-")) rmSync(join(directory, name), { recursive: true, force: true });
    }
    if (!existsSync(data)) await create(data, template);
    const { database, files } = await start(data);
    const session = createSession(database);
    await proveDurable(session, files);
    timer = setInterval(() => void vacuum(session, log), vacuumInterval);
    timer.unref();
    return {
      session,
      lock,
      async close() {
        clearInterval(timer);
        try {
          await session.exclusive(async () => {
            if (!database.closed) await database.close();
          });
        } finally {
          lock.release();
        }
      },
    };
  } catch (error) {
    clearInterval(timer);
    lock.release();
    throw error;
  }
}

/** A cluster appears whole: it is made beside and moved into place, so that a kill in the middle leaves nothing half made. */
async function create(data: string, template: Template | undefined): Promise<void> {
  if (template === undefined || !(await provide(template))) return makeCluster(data, async () => {});
  const draft = mkdtempSync(`${data}.new-`);
  cpSync(template.path, draft, { recursive: true });
  syncTree(draft);
  move(draft, data);
}

/** False where the cache cannot be written, as in a read-only installation. */
async function provide({ path, prepare }: Template): Promise<boolean> {
  if (existsSync(path)) return true;
  try {
    mkdirSync(dirname(path), { recursive: true });
    accessSync(dirname(path), constants.W_OK);
  } catch {
    return false;
  }
  await makeCluster(path, prepare);
  return true;
}

async function makeCluster(target: string, prepare: Template["prepare"]): Promise<void> {
  const draft = mkdtempSync(`${target}.new-`);
  const { database } = await start(draft);
  try {
    await prepare(createSession(database));
  } finally {
    await database.close();
  }
  move(draft, target);
}

/** Loses politely against another process that made the same folder first. */
function move(draft: string, target: string): void {
  try {
    renameSync(draft, target);
    sync(dirname(target));
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
}

/** The write-ahead log that is flushed later builds on these files, so they must be on the disk before it. */
function syncTree(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) sync(join(entry.parentPath, entry.name));
}

function sync(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

async function start(data: string): Promise<{ database: PGlite; files: DurableFS }> {
  const files = new DurableFS(data);
  const database = await PGlite.create({
    fs: files,
    // The shipped parameters start with fsync off (-F).
    startParams: [
      ...PGlite.defaultStartParams.filter((parameter) => parameter !== "-F"),
      ...["fsync=on", "wal_sync_method=fsync", "synchronous_commit=on", "full_page_writes=on", "shared_buffers=16MB"].flatMap((setting) => [
        "-c",
        setting,
      ]),
    ],
    // int8 as number on both databases: nothing that we count comes near 2^53.
    parsers: { [types.INT8]: (text) => safeInteger(text) },
  });
  return { database, files };
}

export function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError("an integer of the database exceeds 2^53 and cannot be read exactly");
  return value;
}

/** Refuses to run on a database whose commits stay in the page cache: that would lose journaled intents. */
async function proveDurable(session: Session, files: DurableFS): Promise<void> {
  await session.exclusive(async (database) => {
    await database.exec("create table if not exists rekey_boot (at timestamptz not null)");
    const before = files.syncs;
    await database.exec("begin; delete from rekey_boot; insert into rekey_boot values (now()); commit");
    if (files.syncs === before) {
      throw new Error(
        "the embedded database committed without an fsync, so a crash could lose data; use the pinned version of @electric-sql/pglite (npm ci)",
      );
    }
  });
}

/** Copies a consistent state beside the running database: nothing is written while the files are copied. */
export async function copyCluster(session: Session, directory: string, target: string): Promise<void> {
  await session.exclusive(async (database) => {
    await database.exec("checkpoint");
    cpSync(join(directory, "pgdata"), target, { recursive: true, errorOnExist: true, force: false });
  });
  syncTree(target);
}

async function vacuum(session: Session, log: Log): Promise<void> {
  try {
    await session.exclusive((database) => database.exec("vacuum (analyze)"));
  } catch (error) {
    log.warn({ error: describeError(error) }, "the embedded database could not be vacuumed");
  }
}
