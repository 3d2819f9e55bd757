import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import type { DriverContext, Sink, SinkPlace } from "../../src/driver.ts";
import { HoldError } from "../../src/errors.ts";
import { Secret } from "../../src/secret.ts";
import type { Fault } from "../../src/stand-in/vendor.ts";

/** A store that holds one value a place, without a pending place or old versions. */
export interface PlainSinkUnderTest {
  readonly sink: Sink;
  readonly context: DriverContext;
  readonly place: SinkPlace & { readonly field: string };
  /** Somebody else writes the field; returns the version that a reader then sees. */
  write(value: string): Promise<string> | string;
  /** What a consumer sees. */
  seen(field: string): Promise<string | undefined> | string | undefined;
  /** The call that writes, where the counterpart can be made to fail. */
  readonly faults?: { fail(method: string, path: RegExp, fault: Fault): void; readonly write: readonly [string, RegExp] };
  stop?(): Promise<unknown>;
}

/** What a secret manager without a pending place must do: the engine then hands the values to `promote` (docs/drivers.md). */
export function plainSinkContract(name: string, start: () => Promise<PlainSinkUnderTest>): void {
  describe(`${name} keeps the contract of a sink without pending values`, () => {
    let running: PlainSinkUnderTest | undefined;
    afterEach(async () => running?.stop?.());
    const rig = async () => {
      running = await start();
      return running;
    };
    const promote = ({ sink, context, place }: PlainSinkUnderTest, from: string, fields: Readonly<Record<string, string>>) =>
      sink.promote(
        context,
        place,
        "run-1",
        from,
        Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, Secret.from(value)])),
      );
    const version = async ({ sink, context, place }: PlainSinkUnderTest) => (await sink.read(context, place))?.version;

    test("it promises no pending place", async () => {
      const { sink } = await rig();
      expect(sink.manifest).toMatchObject({ pending: false, undo: false });
    });

    test("a new value and what comes with it reach the consumer, under a new version, and others stay", async () => {
      const it = await rig();
      const from = await it.write(fresh());
      expect(await version(it)).toBe(from);
      const value = fresh();
      const { version: now } = await promote(it, from, { [it.place.field]: value, API_KEY_ID: "id-2" });
      expect(await it.seen(it.place.field)).toBe(value);
      expect(await it.seen("API_KEY_ID")).toBe("id-2");
      expect(await version(it)).toBe(now);
    });

    test("a place that held nothing is read as absent and can be written", async () => {
      const it = await rig();
      expect(await it.sink.read(it.context, it.place)).toBeUndefined();
      const value = fresh();
      await promote(it, "0", { [it.place.field]: value });
      expect(await it.seen(it.place.field)).toBe(value);
    });

    test("a lost answer of a write may be sent again", async () => {
      const it = await rig();
      if (it.faults === undefined) return;
      const from = await it.write(fresh());
      it.faults.fail(...it.faults.write, "drop-after");
      const value = fresh();
      await expect(promote(it, from, { [it.place.field]: value })).rejects.toThrow();
      const seen = await version(it);
      await promote(it, seen ?? "0", { [it.place.field]: value });
      expect(await it.seen(it.place.field)).toBe(value);
    });

    test.each(["429", "500", "html", "redirect", "drop-before"] as const)(
      "a write that meets %s is an error without a secret",
      async (fault) => {
        const it = await rig();
        if (it.faults === undefined) return;
        const from = await it.write(fresh());
        const value = fresh();
        it.faults.fail(...it.faults.write, fault);
        const error: unknown = await promote(it, from, { [it.place.field]: value }).catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(Error);
        const shown = inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error);
        for (const secret of [value, it.context.credential?.reveal() ?? value]) expect(shown).not.toContain(secret);
      },
    );

    test("a connection that is refused says so and writes nothing", async () => {
      const it = await rig();
      const old = fresh();
      const from = await it.write(old);
      const context = { ...it.context, credential: Secret.from(`wrong-${fresh()}`) };
      await expect(promote({ ...it, context }, from, { [it.place.field]: fresh() })).rejects.toBeInstanceOf(HoldError);
      expect(await it.seen(it.place.field)).toBe(old);
    });
  });
}

function fresh(): string {
  return `value-${randomBytes(12).toString("hex")}`;
}
