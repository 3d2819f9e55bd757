import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { HoldError, RetryError } from "../../src/errors.ts";
import { openDatabase } from "../../src/store/database.ts";
import { openQueue, type Queue } from "../../src/store/queue.ts";
import { startPostgres } from "../servers/postgres.ts";
import { onEachDatabase } from "./databases.ts";

onEachDatabase((open) => {
  let queue: Queue;
  beforeAll(async () => {
    queue = await openQueue(open(), { queues: ["transactional", "keyed", "undone"] });
  });
  afterAll(async () => queue?.close(2000));

  test("a job exists exactly if its transaction commits", async () => {
    const seen: number[] = [];
    await queue.work<{ n: number }>("transactional", async ({ data }) => void seen.push(data.n));
    const send = (n: number, fail: boolean) =>
      open()
        .db.transaction()
        .execute(async (trx) => {
          await queue.enqueue("transactional", { n }, { trx });
          if (fail) throw new Error("no");
        });
    await expect(send(1, true)).rejects.toThrow("no");
    await send(2, false);
    await vi.waitFor(() => expect(seen).toEqual([2]), 5000);
  });

  test("a waiting job stands for others of its key, a deferred one does not", async () => {
    expect(await queue.enqueue("keyed", {}, { singletonKey: "k", startAfter: 3600 })).toBeTypeOf("string");
    expect(await queue.enqueue("keyed", {}, { singletonKey: "k" })).toBeTypeOf("string");
    expect(await queue.enqueue("keyed", {}, { singletonKey: "k" })).toBeUndefined();
    expect(await queue.enqueue("keyed", {}, { singletonKey: "other" })).toBeTypeOf("string");
    expect(await queue.enqueue("keyed", {})).toBeTypeOf("string");
    expect(await queue.enqueue("keyed", {})).toBeTypeOf("string");
  });

  test("jobs of one key run one at a time, jobs of others beside them", async () => {
    let running = 0;
    let both = 0;
    const done: string[] = [];
    const current = new Set<string>();
    await queue.work<{ key: string; n: number }>(
      "serial",
      async ({ data }) => {
        if (current.has(data.key)) both += 1;
        current.add(data.key);
        running = Math.max(running, current.size);
        await sleep(100);
        current.delete(data.key);
        done.push(`${data.key}${data.n}`);
        if (data.n < 2) await queue.enqueue("serial", { key: data.key, n: data.n + 1 }, { singletonKey: data.key });
      },
      { concurrency: 3 },
    );
    for (const key of ["a", "b"]) await queue.enqueue("serial", { key, n: 1 }, { singletonKey: key });
    await vi.waitFor(() => expect(done.toSorted()).toEqual(["a1", "a2", "b1", "b2"]), 15_000);
    expect(both).toBe(0);
    expect(running).toBe(2);
  });

  test("a backlog is worked off in one go, not one job per look", async () => {
    for (let n = 0; n < 60; n++) await queue.enqueue("backlog", { n });
    let done = 0;
    await queue.work("backlog", async () => {
      done += 1;
    });
    await vi.waitFor(() => expect(done).toBe(60), 15_000);
  });

  test("a failure is tried again, and what is stored of it does not quote it", async () => {
    let tries = 0;
    await queue.work("retried", async () => {
      tries += 1;
      if (tries === 1) throw new Error("the value was hunter2");
    });
    await queue.enqueue("retried", {});
    await vi.waitFor(() => expect(tries).toBe(2), 15_000);
    const { rows } = await sql<{ text: string }>`select coalesce(string_agg(output::text, ' '), '') as text from pgboss.job`.execute(
      open().db,
    );
    expect(rows[0]?.text).not.toContain("hunter2");
  });

  test("a retry waits as long as the other side asked for, and counts", async () => {
    await queue.work("limited", async () => {
      throw new RetryError("429", { afterMs: 3_600_000 });
    });
    await queue.enqueue("limited", { n: 1 }, { singletonKey: "k", retryLimit: 3 });
    const waiting = () =>
      sql<{ minutes: number; left: number; data: unknown }>`
        select extract(epoch from start_after - now())::int / 60 as minutes, retry_limit as left, data
        from pgboss.job where name = 'limited' and state = 'created'`.execute(open().db);
    await vi.waitFor(async () => expect((await waiting()).rows).toEqual([{ minutes: 59, left: 2, data: { n: 1 } }]), 10_000);
    await queue.enqueue("limited", { n: 2 }, { singletonKey: "last", retryLimit: 0 });
    await vi.waitFor(
      async () =>
        expect((await queue.deadLetters()).filter(({ queue: name }) => name === "limited")).toMatchObject([
          { data: { n: 2 }, error: { code: "retry" } },
        ]),
      10_000,
    );
  });

  test("what a person must decide goes to the dead letters at once", async () => {
    let tries = 0;
    await queue.work("held", async () => {
      tries += 1;
      throw new HoldError("sink-conflict", "somebody wrote hunter2 to the sink");
    });
    await queue.enqueue("held", { incident: "RK-7F3K" });
    await vi.waitFor(
      async () =>
        expect((await queue.deadLetters()).filter(({ queue: name }) => name === "held")).toMatchObject([
          { queue: "held", data: { incident: "RK-7F3K" }, error: { code: "sink-conflict", message: "stopped until a person decides" } },
        ]),
      10_000,
    );
    expect(tries).toBe(1);
  });

  test("an unknown queue inside an embedded transaction is an error that says what to do", async () => {
    const attempt = open()
      .db.transaction()
      .execute((trx) => queue.enqueue("nobody-declared", {}, { trx }));
    if (open().kind === "embedded") await expect(attempt).rejects.toThrow("name it in openQueue's option 'queues'");
    else expect(await attempt).toBeTypeOf("string");
  });
});

test("replicas that start together on an empty PostgreSQL all come up", async () => {
  const server = await startPostgres();
  try {
    const databases = await Promise.all([1, 2, 3].map(() => openDatabase({ url: server.url })));
    const queues = await Promise.all(databases.map((database) => openQueue(database, { queues: ["any"] })));
    await Promise.all(queues.map((queue) => queue.close(1000)));
    await Promise.all(databases.map((database) => database.close()));
  } finally {
    await server.stop();
  }
});
