import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import type { DriverContext, Sink } from "../../src/driver.ts";
import { HoldError } from "../../src/errors.ts";
import { Secret } from "../../src/secret.ts";

/** A sink with a store behind it, and a second pair of hands on that store. */
export interface SinkUnderTest {
  readonly sink: Sink;
  readonly context: DriverContext;
  /** A path that exists only for one test. */
  path(): string;
  /** Somebody else writes the whole entry (creating it); returns the version. */
  write(path: string, fields: Readonly<Record<string, string>>): Promise<string>;
}

/** What every secret manager must do (contracts.md §8), run against each of them. `without`: the optional abilities that it does not have. */
export function sinkContract(name: string, start: () => SinkUnderTest, without: readonly ("quarantine" | "scratch")[] = []): void {
  describe(`${name} keeps the sink contract`, () => {
    test("it has the optional abilities that are tested here, and no other", () => {
      const { sink } = start();
      expect((["quarantine", "scratch"] as const).filter((ability) => sink[ability] === undefined)).toEqual(without);
    });

    const setUp = async (fields: Readonly<Record<string, string>> = { OTHER: "stays" }) => {
      const { sink, context, path, write } = start();
      const place = { path: path(), field: "API_KEY" };
      const old = fresh();
      const from = await write(place.path, { ...fields, API_KEY: old });
      return { sink, context, place, old, from, write };
    };
    const reveal = async (
      { sink, context, place }: Pick<Awaited<ReturnType<typeof setUp>>, "sink" | "context" | "place">,
      version?: string,
    ) => {
      const read = await sink.read(context, place, version);
      return read && Object.fromEntries(Object.entries(read.fields).map(([field, secret]) => [field, secret.reveal()]));
    };

    test("reads the current version, and undefined where there is none", async () => {
      const it = await setUp();
      const read = await it.sink.read(it.context, it.place);
      expect(read?.version).toBe(it.from);
      expect(await reveal(it)).toEqual({ OTHER: "stays", API_KEY: it.old });
      expect(await it.sink.read(it.context, { path: `${it.place.path}-absent` })).toBeUndefined();
    });

    test("a pending value is readable by its run and changes nothing for a consumer", async () => {
      const it = await setUp();
      const value = fresh();
      await it.sink.pend(it.context, it.place, "run-1", { API_KEY: Secret.from(value), API_KEY_ID: Secret.from("id-2") });
      const pending = await it.sink.readPending(it.context, it.place, "run-1");
      expect(pending?.["API_KEY"]?.reveal()).toBe(value);
      expect(pending?.["API_KEY_ID"]?.reveal()).toBe("id-2");
      expect(await it.sink.readPending(it.context, it.place, "run-2")).toBeUndefined();
      expect((await it.sink.read(it.context, it.place))?.version).toBe(it.from);
      expect((await reveal(it))?.["API_KEY"]).toBe(it.old);
    });

    test("pending the same values twice is one pending entry; other values are a conflict and do not replace them", async () => {
      const it = await setUp();
      const value = fresh();
      const first = await it.sink.pend(it.context, it.place, "run-1", { API_KEY: Secret.from(value) });
      expect(await it.sink.pend(it.context, it.place, "run-1", { API_KEY: Secret.from(value) })).toEqual(first);
      await expect(it.sink.pend(it.context, it.place, "run-1", { API_KEY: Secret.from(fresh()) })).rejects.toMatchObject(
        held("sink-conflict"),
      );
      expect((await it.sink.readPending(it.context, it.place, "run-1"))?.["API_KEY"]?.reveal()).toBe(value);
    });

    test("promoting makes the pending fields current, leaves the others alone, and is done once", async () => {
      const it = await setUp();
      const value = fresh();
      await it.sink.pend(it.context, it.place, "run-1", { API_KEY: Secret.from(value), API_KEY_ID: Secret.from("id-2") });
      const { version } = await it.sink.promote(it.context, it.place, "run-1", it.from);
      expect(version).not.toBe(it.from);
      expect(await reveal(it)).toEqual({ OTHER: "stays", API_KEY: value, API_KEY_ID: "id-2" });
      expect(await it.sink.promote(it.context, it.place, "run-1", it.from)).toEqual({ version });
      expect((await it.sink.read(it.context, it.place))?.version).toBe(version);
      expect((await reveal(it, it.from))?.["API_KEY"]).toBe(it.old);
    });

    test("promoting onto somebody else's version is held, and their version stays", async () => {
      const it = await setUp();
      await it.sink.pend(it.context, it.place, "run-1", { API_KEY: Secret.from(fresh()) });
      const theirs = fresh();
      const version = await it.write(it.place.path, { OTHER: "changed", API_KEY: theirs });
      await expect(it.sink.promote(it.context, it.place, "run-1", it.from)).rejects.toMatchObject(held("sink-conflict"));
      expect((await it.sink.read(it.context, it.place))?.version).toBe(version);
      expect(await reveal(it)).toEqual({ OTHER: "changed", API_KEY: theirs });
    });

    test("promoting without a pending entry is held", async () => {
      const it = await setUp();
      await expect(it.sink.promote(it.context, it.place, "run-1", it.from)).rejects.toMatchObject(held("sink-pending-missing"));
    });

    test("restoring puts the old values back, once, and only over our own version", async () => {
      const it = await setUp();
      await it.sink.pend(it.context, it.place, "run-1", { API_KEY: Secret.from(fresh()) });
      const { version } = await it.sink.promote(it.context, it.place, "run-1", it.from);
      const restored = await it.sink.restore(it.context, it.place, "run-1", { from: version, to: it.from });
      expect(await reveal(it)).toEqual({ OTHER: "stays", API_KEY: it.old });
      expect(await it.sink.restore(it.context, it.place, "run-1", { from: version, to: it.from })).toEqual(restored);

      const theirs = fresh();
      await it.write(it.place.path, { API_KEY: theirs });
      await expect(it.sink.restore(it.context, it.place, "run-1", { from: version, to: it.from })).rejects.toMatchObject(
        held("sink-conflict"),
      );
      expect((await reveal(it))?.["API_KEY"]).toBe(theirs);
    });

    test("dropping removes the pending entry and nothing else, any number of times, and a new one may follow", async () => {
      const it = await setUp();
      await it.sink.pend(it.context, it.place, "run-1", { API_KEY: Secret.from(fresh()) });
      await it.sink.drop(it.context, it.place, "run-1");
      await it.sink.drop(it.context, it.place, "run-1");
      expect(await it.sink.readPending(it.context, it.place, "run-1")).toBeUndefined();
      expect((await it.sink.read(it.context, it.place))?.version).toBe(it.from);

      const value = fresh();
      await it.sink.pend(it.context, it.place, "run-1", { API_KEY: Secret.from(value) });
      await it.sink.promote(it.context, it.place, "run-1", it.from);
      await it.sink.drop(it.context, it.place, "run-1");
      expect((await reveal(it))?.["API_KEY"]).toBe(value);
    });

    test("the inventory has every field of every current version and no pending one, and lets go of the values", async () => {
      const it = await setUp();
      const pending = fresh();
      await it.sink.pend(it.context, it.place, "run-1", { API_KEY: Secret.from(pending) });
      const seen: string[] = [];
      const kept: Secret[] = [];
      for await (const entry of it.sink.entries(it.context)) {
        if (entry.path === it.place.path)
          seen.push(`${entry.field}@${entry.version}=${entry.secret.reveal() === it.old ? "old" : "other"}`);
        expect(entry.secret.reveal()).not.toBe(pending);
        kept.push(entry.secret);
      }
      expect(seen.sort()).toEqual([`API_KEY@${it.from}=old`, `OTHER@${it.from}=other`]);
      if (it.sink.manifest.name !== "memory") expect(kept.every((secret) => secret.byteLength === 0)).toBe(true);
    });

    if (!without.includes("quarantine"))
      test("a quarantined value is read back, kept once, in no inventory, and gone after its destruction", async () => {
        const it = await setUp();
        const { quarantine } = it.sink;
        if (quarantine === undefined) throw new Error("no quarantine");
        const [name, value] = [`RK-${randomBytes(4).toString("hex")}`, fresh()];
        expect(await quarantine.read(it.context, name)).toBeUndefined();
        for (let again = 0; again < 2; again++) await quarantine.keep(it.context, name, Secret.from(value), 3_600_000);
        expect((await quarantine.read(it.context, name))?.reveal()).toBe(value);
        for await (const entry of it.sink.entries(it.context)) expect(entry.secret.reveal()).not.toBe(value);
        for (let again = 0; again < 2; again++) await quarantine.destroy(it.context, name);
        expect(await quarantine.read(it.context, name)).toBeUndefined();
      });

    if (!without.includes("scratch"))
      test("a rehearsal's entry takes a value by the ordinary way and leaves nothing behind", async () => {
        const { sink, context, path } = start();
        if (sink.scratch === undefined) throw new Error("no scratch");
        const place = { path: path(), field: "VALUE" };
        for (let again = 0; again < 2; again++) await sink.scratch.create(context, place.path);
        await sink.pend(context, place, "seed", { VALUE: Secret.from(fresh()) });
        await sink.promote(context, place, "seed", (await sink.read(context, place))?.version ?? "0");
        expect((await sink.read(context, place))?.fields["VALUE"]).toBeDefined();
        await sink.drop(context, place, "seed");
        for (let again = 0; again < 2; again++) await sink.scratch.remove(context, place.path);
        expect(await sink.read(context, place)).toBeUndefined();
      });

    test("no value stands in an error", async () => {
      const it = await setUp();
      const [first, second, theirs] = [fresh(), fresh(), fresh()];
      await it.sink.pend(it.context, it.place, "run-1", { API_KEY: Secret.from(first) });
      const errors = [
        await it.sink.pend(it.context, it.place, "run-1", { API_KEY: Secret.from(second) }).catch((error: unknown) => error),
        await it
          .write(it.place.path, { API_KEY: theirs })
          .then(() => it.sink.promote(it.context, it.place, "run-1", it.from).catch((error: unknown) => error)),
      ];
      for (const error of errors) {
        expect(error).toBeInstanceOf(HoldError);
        const shown = inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error);
        for (const value of [first, second, theirs, it.old]) expect(shown).not.toContain(value);
        const credential = it.context.credential?.reveal();
        if (credential !== undefined) expect(shown).not.toContain(credential);
      }
    });
  });
}

function held(code: string): object {
  return { name: "HoldError", code };
}

function fresh(): string {
  return `value-${randomBytes(12).toString("hex")}`;
}
