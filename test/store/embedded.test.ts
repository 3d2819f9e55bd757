import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openDatabase } from "../../src/store/database.ts";
import { readEvents, verifyChain } from "../../src/store/events.ts";
import { acquireLock, LockedError, lockOwner } from "../../src/store/lock.ts";
import { openQueue } from "../../src/store/queue.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rekey-embedded-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

test("every acknowledged commit survives kill -9, and the interrupted job is run again at once", async () => {
  const child = spawn(process.execPath, [fileURLToPath(new URL("./writer.ts", import.meta.url)), directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const acknowledged = await killAfter(child, 60);
  const database = await openDatabase({ dataDir: directory });
  try {
    const events = await readEvents<{ type: string; n: number }>(database.db, "test/writer");
    expect(events.slice(0, acknowledged).map(({ event }) => event.n)).toEqual(
      Array.from({ length: acknowledged }, (_, index) => index + 1),
    );
    // At most the one commit whose answer did not reach us is there beyond.
    expect(events.length).toBeLessThanOrEqual(acknowledged + 1);
    expect((await verifyChain(database.db)).problems).toEqual([]);

    const queue = await openQueue(database);
    const seen: unknown[] = [];
    await queue.work("interrupted", async ({ data }) => void seen.push(data));
    await vi.waitFor(() => expect(seen).toEqual([{ from: "writer" }]), 5000);
    await queue.close(1000);
  } finally {
    await database.close();
  }
});

test("a second opener is refused and told who has it", async () => {
  const database = await openDatabase({ dataDir: directory });
  try {
    await expect(openDatabase({ dataDir: directory })).rejects.toThrow(`is in use by process ${process.pid}`);
    if (database.kind === "embedded") database.lock.announce("/run/rekey.sock");
    expect(lockOwner(directory)).toMatchObject({ pid: process.pid, socket: "/run/rekey.sock" });
  } finally {
    await database.close();
  }
  expect(lockOwner(directory)).toBeUndefined();
  await (await openDatabase({ dataDir: directory })).close();
});

test("the lock of a process that ended is taken over, also when its pid was given to another", async () => {
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "exit");
  for (const stale of [
    { pid: child.pid, started: "12345" },
    { pid: process.pid, started: "12345" },
  ]) {
    writeFileSync(join(directory, "lock"), JSON.stringify({ ...stale, host: hostname(), nonce: "old" }));
    const lock = await acquireLock(directory);
    expect(lockOwner(directory)?.pid).toBe(process.pid);
    lock.release();
  }
  expect(readdirSync(directory)).toEqual([]);
});

test("a lock of another host or one that nobody can read is never taken", async () => {
  const path = join(directory, "lock");
  writeFileSync(path, JSON.stringify({ pid: 1, started: "1", host: "elsewhere", nonce: "x" }));
  await expect(acquireLock(directory)).rejects.toBeInstanceOf(LockedError);
  await expect(acquireLock(directory)).rejects.toThrow("on host elsewhere; if that process has ended, remove");
  writeFileSync(path, "not ours");
  await expect(acquireLock(directory)).rejects.toThrow("is not one of ours");
  expect(readFileSync(path, "utf8")).toBe("not ours");
});

test("of many that find a stale lock at once, one gets it", async () => {
  writeFileSync(join(directory, "lock"), JSON.stringify({ pid: process.pid, started: "12345", host: hostname(), nonce: "old" }));
  const results = await Promise.allSettled(Array.from({ length: 6 }, () => acquireLock(directory)));
  expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});

test("what a first start left half made is removed, and closing twice is closing once", async () => {
  mkdirSync(join(directory, "pgdata.new-abc"));
  const database = await openDatabase({ dataDir: directory });
  expect(readdirSync(directory).toSorted()).toEqual(["lock", "pgdata"]);
  await database.close();
  await database.close();
});

test("a query outside the open transaction is refused inside it and works beside it", async () => {
  const database = await openDatabase({ dataDir: directory });
  const { db } = database;
  const count = () => db.selectFrom("incident").select(db.fn.countAll<number>().as("n")).executeTakeFirstOrThrow();
  try {
    const inside = db.transaction().execute(async (trx) => {
      await trx.selectFrom("incident").select("id").execute();
      await count();
    });
    await expect(inside).rejects.toThrow("awaited inside it");
    const [, beside] = await Promise.all([
      db
        .transaction()
        .setIsolationLevel("serializable")
        .execute((trx) => trx.selectFrom("incident").select("id").execute()),
      count(),
    ]);
    expect(beside).toEqual({ n: 0 });
    const nested = db
      .transaction()
      .setIsolationLevel("serializable")
      .execute(() => count());
    await expect(nested).rejects.toThrow("awaited inside it");
  } finally {
    await database.close();
  }
});

test("a transaction whose failed statement was swallowed does not look committed", async () => {
  const database = await openDatabase({ dataDir: directory });
  try {
    const swallowed = database.db.transaction().execute(async (trx) => {
      await sql`insert into connection_use (name) values ('kept')`.execute(trx);
      await sql`select 1 / 0`.execute(trx).catch(() => undefined);
    });
    await expect(swallowed).rejects.toThrow();
    expect(await database.db.selectFrom("connection_use").selectAll().execute()).toEqual([]);
  } finally {
    await database.close();
  }
});

async function killAfter(child: ChildProcess, commits: number): Promise<number> {
  let acknowledged = 0;
  let jobs = 0;
  if (child.stdout === null) throw new Error("the writer has no stdout");
  const exit = once(child, "exit");
  for await (const line of createInterface(child.stdout)) {
    if (line === "job") jobs += 1;
    else acknowledged = Number(line);
    if (acknowledged >= commits && jobs > 0) child.kill("SIGKILL");
  }
  expect(await exit).toEqual([null, "SIGKILL"]);
  return acknowledged;
}
