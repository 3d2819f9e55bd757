import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { loadRuleset } from "../../src/config/detectors.ts";
import { parseServerConfig } from "../../src/config/server.ts";
import type { DriverContext, Sink } from "../../src/driver.ts";
import type { Finding } from "../../src/finding.ts";
import type { RepositoryClient } from "../../src/github/client.ts";
import { silentLog } from "../../src/log.ts";
import type { Rekey } from "../../src/pipeline/context.ts";
import { readDueStores, readStore } from "../../src/pipeline/store-inventory.ts";
import { storeMatches } from "../../src/pipeline/store-match.ts";
import { scan } from "../../src/scan/scan.ts";
import { fingerprintKey, Secret, scopeSalt } from "../../src/secret.ts";
import { storeReading } from "../../src/store/store-inventory.ts";
import { onEachDatabase } from "../store/databases.ts";

const ruleset = await loadRuleset();
const keys = [fingerprintKey(Buffer.alloc(32, 7))];
const newKey = () => `sk-or-v1-${randomBytes(32).toString("hex")}`;
const repository = { id: 1, fullName: "acme/app", installation: 1, private: true, defaultBranch: "main" };

/** A secret manager in memory that can fail after some entries, and counts what is read of it. */
function store(values: Map<string, string>) {
  const state = { reads: [] as string[], failAfter: Number.POSITIVE_INFINITY };
  const sink = {
    manifest: { name: "vault", pending: true, cas: true, readBack: true, undo: true, testedAgainst: "contract stand-in" },
    async read(_context: DriverContext, { path }: { path: string }) {
      const value = values.get(path);
      return value === undefined ? undefined : { version: "2", fields: { KEY: Secret.from(value) } };
    },
    async *entries(_context: DriverContext, skip: (path: string) => boolean = () => false) {
      let read = 0;
      for (const [path, value] of [...values].toSorted()) {
        if (skip(path)) continue;
        if (++read > state.failAfter) throw new Error("the connection was cut");
        state.reads.push(path);
        yield { path, field: "KEY", version: "1", secret: Secret.from(value), tags: { team: "a" } };
      }
    },
  } as unknown as Sink;
  return { sink, state };
}

onEachDatabase((open) => {
  let tenants = 0;

  /** A server with one connection, and with roles for the people who push. */
  function server(sink: Sink, roles: Record<string, string> = { dev: "write" }): Rekey {
    const client = {
      fullName: "acme/app",
      request: async (_route: string, { username }: { username: string }) => ({
        data: { permission: roles[username] ?? "none", role_name: roles[username] ?? "none" },
      }),
    } as unknown as RepositoryClient;
    return {
      config: parseServerConfig(
        `github: { web: "https://host-${++tenants}.example", app_id: 1, private_key: "env:K", webhook_secret: "env:S" }\nconnections: { main: { type: vault, host: "http://127.0.0.1:1", inventory_rate: 1000 } }\n`,
        "rekey.yml",
      ),
      database: open(),
      ruleset,
      fingerprintKeys: keys,
      sinkFor: () => sink,
      credential: () => Secret.from(""),
      app: { client: async () => client },
      log: silentLog,
    } as unknown as Rekey;
  }

  const findingsOf = (text: string): Finding[] =>
    scan({ bytes: Buffer.from(text), origin: { kind: "file", path: "a.txt" } }, ruleset, { tenant: keys, salts: [scopeSalt("x")] });

  test("a leaked key is found by the stored inventory, and no value is in the database", async () => {
    const [leaked, other] = [newKey(), newKey()];
    const { sink, state } = store(
      new Map([
        ["secret/a", leaked],
        ["secret/b", other],
      ]),
    );
    const rekey = server(sink);
    await readDueStores(rekey);
    expect(state.reads).toEqual(["secret/a", "secret/b"]);
    expect(await storeMatches(rekey, repository, "dev", findingsOf(leaked))).toMatchObject([
      { connection: "main", path: "secret/a", field: "KEY", version: "2", grade: "confirmed" },
    ]);
    // not read again for each pull request, nor before a day is over
    await readDueStores(rekey);
    expect(state.reads.length).toBe(2);
    const rows = await open().db.selectFrom("store_entry").selectAll().execute();
    expect(JSON.stringify(rows)).not.toContain(leaked.slice(12));
    expect(rows.find(({ path }) => path === "secret/a")?.tags).toEqual({ team: "a" });
  });

  test("the password inside of a URL is found; on another host it is only moderate", async () => {
    const password = randomBytes(20).toString("hex");
    const { sink } = store(new Map([["secret/db", `postgresql://app:${password}@db.example:5432/app`]]));
    const rekey = server(sink);
    await readDueStores(rekey);
    const grades = async (text: string) => (await storeMatches(rekey, repository, "dev", findingsOf(text))).map(({ grade }) => grade);
    expect(await grades(`URL=postgresql://app:${password}@db.example:5432/app`)).toEqual(["confirmed"]);
    expect(await grades(`URL=postgresql://app:${password}@staging.example:5432/app`)).toEqual(["moderate"]);
  });

  test("a stranger's pull request learns nothing, and asks nothing", async () => {
    const leaked = newKey();
    const { sink, state } = store(new Map([["secret/prod/db", leaked]]));
    const rekey = server(sink, { dev: "write", reader: "read" });
    for (const pusher of ["stranger", "reader"]) expect(await storeMatches(rekey, repository, pusher, findingsOf(leaked))).toEqual([]);
    expect(state.reads).toEqual([]);
  });

  test("a person who may write learns about so many values in a day, and about those again", async () => {
    const values = Array.from({ length: 101 }, newKey);
    const { sink } = store(
      new Map([
        ["secret/first", values[0] ?? ""],
        ["secret/last", values[100] ?? ""],
      ]),
    );
    const rekey = server(sink, { eve: "write", dev: "write" });
    await readDueStores(rekey);
    for (const value of values) await storeMatches(rekey, repository, "eve", findingsOf(value));
    expect(await storeMatches(rekey, repository, "Eve", findingsOf(values[100] ?? ""))).toEqual([]);
    expect(await storeMatches(rekey, repository, "eve", findingsOf(values[0] ?? ""))).toHaveLength(1);
    expect(await storeMatches(rekey, repository, "dev", findingsOf(values[100] ?? ""))).toHaveLength(1);
  });

  test("a reading that was cut off goes on where it was, and keeps what it had", async () => {
    const values = new Map(Array.from({ length: 450 }, (_, index) => [`secret/${String(index).padStart(4, "0")}`, newKey()]));
    const { sink, state } = store(values);
    const rekey = server(sink);
    state.failAfter = 420;
    expect(await readStore(rekey, "main")).toBe(false);
    state.failAfter = Number.POSITIVE_INFINITY;
    state.reads.length = 0;
    expect(await readStore(rekey, "main")).toBe(true);
    expect(state.reads.length).toBe(30);
    expect(await storeReading(open().db, { tenant: new URL(rekey.config.github?.web ?? "").host, connection: "main" })).toMatchObject({
      entries: 450,
    });
  });

  test("an entry that has changed since is no match; what is gone leaves the inventory", async () => {
    const [before, after] = [newKey(), newKey()];
    const values = new Map([["secret/a", before]]);
    const rekey = server(store(values).sink);
    await readDueStores(rekey);
    values.set("secret/a", after);
    expect(await storeMatches(rekey, repository, "dev", findingsOf(before))).toEqual([]);
    expect(await storeMatches(rekey, repository, "dev", findingsOf(after))).toHaveLength(1);
    values.delete("secret/a");
    await readStore(rekey, "main");
    const { db } = open();
    const tenant = new URL(rekey.config.github?.web ?? "").host;
    expect(await db.selectFrom("store_entry").selectAll().where("tenant", "=", tenant).execute()).toEqual([]);
  });

  test("a value that can be guessed is never looked up", async () => {
    const rekey = server(store(new Map([["secret/a", "summer2024"]])).sink);
    await readDueStores(rekey);
    const [finding] = findingsOf(newKey());
    if (finding === undefined) throw new Error("no finding");
    expect(await storeMatches(rekey, repository, "dev", [{ ...finding, bits: 50 }])).toEqual([]);
  });
});
