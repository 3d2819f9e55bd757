import { inspect } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import type { Driver, DriverContext, Issued, IssueRequest, KeyRecord, Verb } from "../../src/driver.ts";
import { HoldError, RetryError, UnknownOutcomeError } from "../../src/errors.ts";
import { madeUp } from "../../src/provider/declared-check.ts";
import type { Secret } from "../../src/secret.ts";
import type { Fault } from "../../src/stand-in/vendor.ts";
import { runsOf, wholeRun } from "./whole-run.ts";

/** A driver with a vendor behind it, where one credential leaked among others. */
export interface DriverUnderTest {
  readonly driver: Driver;
  readonly context: DriverContext;
  readonly leaked: Secret;
  /** Id of its record, where the vendor has no way to tell it from the value. */
  readonly named?: string;
  /** Attributes of the finding. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Everything that lives at the vendor, in words that stay the same. */
  living(): readonly string[] | Promise<readonly string[]>;
  stop(): Promise<unknown> | unknown;
  /** The counterpart goes on accepting disabled credentials, as the vendor does not (moto, rotation.md 12.3). */
  readonly blindToDisabled?: true;
  /** Lets time pass for what the vendor ends by itself, milliseconds. */
  elapse?(milliseconds: number): void;
  /** A live credential without the connection's rights; else a made-up one is tried. */
  readonly powerless?: Secret;
  /** Real servers have none. `calls` names method and path of the calls that can go wrong. */
  readonly faults?: {
    fail(method: string, path: RegExp, fault: Fault, times?: number): void;
    readonly calls: Partial<Record<"list" | "issue" | "roll" | "revoke" | "disable" | "probe", readonly [string, RegExp]>>;
    /** Where the data plane lags behind: from `hold` on, changes wait for `settle`. */
    hold?(): void;
    settle?(): void;
  };
}

/** What every provider's driver must do (rotation.md 3 and 8; docs/drivers.md), as far as its manifest promises it. */
export function driverContract(name: string, start: () => Promise<DriverUnderTest>): void {
  describe(`${name} keeps the driver contract`, () => {
    let running: DriverUnderTest | undefined;
    afterEach(async () => {
      await running?.stop();
      running = undefined;
    });
    const rig = async () => {
      running = await start();
      return running;
    };
    /** Without the verbs that a test needs it has nothing to show. */
    const able = (it: DriverUnderTest, ...verbs: Verb[]) => verbs.every((verb) => it.driver.manifest.verbs[verb] !== undefined);

    test("the manifest promises exactly what the driver has, and what its class needs", async () => {
      const { driver } = await rig();
      const { manifest } = driver;
      const has = (["list", "issue", "roll", "disable", "enable", "revoke", "whoami", "usage"] as const).filter(
        (verb) => driver[verb] !== undefined,
      );
      expect(
        Object.keys(manifest.verbs)
          .filter((verb) => verb !== "probe")
          .sort(),
      ).toEqual([...has].sort());
      expect(manifest.reversible.disable).toBe(driver.enable !== undefined);
      if (driver.issue !== undefined && manifest.class !== "two-slot") expect(driver.discard).toBeDefined();
      expect(driver.prepare !== undefined).toBe(manifest.valueChosenByUs);
      if (manifest.class === "m-disable") expect(driver.disable).toBeDefined();
      if (driver.issue !== undefined) expect(manifest.verbs.issue?.retry).not.toBe(manifest.valueChosenByUs ? "never" : "safe");
      if (driver.roll !== undefined) expect(manifest.verbs.roll?.retry).toBe("never");
      expect(manifest.pages.revoke).toMatch(/^https:\/\//);
      expect(manifest.propagation.revoke).toBeGreaterThanOrEqual(manifest.propagation.create === 0 ? 0 : 1);
    });

    test("a leaked value names its own record among many, and nobody else's", async () => {
      const it = await rig();
      if (it.driver.match === undefined) return;
      const record = await named(it);
      expect(record.state).toBe("active");
      const other = madeUp(it.leaked);
      const { records } = await it.driver.match(it.context, { attributes: it.attributes ?? {}, secret: other });
      expect(records).toHaveLength(0);
    });

    test("a live value is alive, and one that was never given to anybody is not", async () => {
      const it = await rig();
      if (!able(it, "probe")) return;
      expect(await probe(it, it.leaked)).toMatchObject({ answer: "alive" });
      expect((await probe(it, madeUp(it.leaked))).answer).toMatch(/invalid|unknown/);
    });

    test("a new credential is alive, the old one is dead after its revocation, everything else is untouched", async () => {
      const it = await rig();
      if (!able(it, "issue", "revoke") || it.driver.manifest.class === "two-slot") return;
      const like = await named(it);
      const before = await it.living();
      const issued = await issue(it, "rekey-run-test", like);
      expect(await probe(it, issued.secret, issued)).toMatchObject({ answer: "alive" });
      await revoke(it, like);
      await revoke(it, like);
      if (able(it, "probe"))
        expect((await probe(it, it.leaked)).answer).toMatch(it.driver.manifest.proof === "probe" ? /invalid/ : /invalid|unknown/);
      await expectGone(it, like);
      expect(await probe(it, issued.secret, issued)).toMatchObject({ answer: "alive" });
      expect(await it.living()).toHaveLength(before.length);
    });

    test("what is killed is dead, and nothing else dies with it", async () => {
      const it = await rig();
      if (!able(it, "revoke") || able(it, "issue")) return;
      const record = it.driver.match === undefined && it.named === undefined ? byPossession : await named(it);
      const before = await it.living();
      await it.driver.revoke?.(it.context, record, { attributes: it.attributes ?? {}, secret: it.leaked });
      await it.driver.revoke?.(it.context, record, { attributes: it.attributes ?? {}, secret: it.leaked });
      expect((await probe(it, it.leaked)).answer).toBe("invalid");
      if (it.driver.list !== undefined) await expectGone(it, record);
      expect(await it.living()).toHaveLength(before.length - 1);
      if (!it.driver.manifest.killByPossession) return;
      await expect(it.driver.revoke?.(it.context, record, { attributes: {} })).rejects.toMatchObject({ code: "value-needed" });
    });

    test("a disabled credential is refused, and works again when it is enabled", async () => {
      const it = await rig();
      if (!able(it, "disable")) return;
      const record = await named(it);
      await it.driver.disable?.(it.context, record);
      await it.driver.disable?.(it.context, record);
      if (it.blindToDisabled !== true) expect((await probe(it, it.leaked)).answer).not.toBe("alive");
      expect((await listed(it)).find(({ id }) => id === record.id)?.state).toBe("disabled");
      if (it.driver.enable === undefined) return;
      await it.driver.enable(it.context, record);
      expect(await probe(it, it.leaked)).toMatchObject({ answer: "alive" });
    });

    test("after a lost answer the orphan is found by its name and removed, once and for all", async () => {
      const it = await rig();
      const call = it.faults?.calls.issue;
      if (!able(it, "issue") || call === undefined || it.driver.manifest.valueChosenByUs || it.driver.manifest.class === "two-slot") return;
      const like = await named(it);
      const before = await it.living();
      it.faults?.fail(...call, "drop-after");
      await expect(issue(it, "rekey-run-lost", like)).rejects.toBeInstanceOf(UnknownOutcomeError);
      expect(await it.living()).toHaveLength(before.length + 1);
      expect((await listed(it)).filter(({ name }) => name === "rekey-run-lost")).toHaveLength(1);
      expect(await it.driver.discard?.(it.context, { name: "rekey-run-lost", like })).toBe(1);
      expect(await it.driver.discard?.(it.context, { name: "rekey-run-lost", like })).toBe(0);
      expect(await it.living()).toEqual(before);
    });

    test("a value that we chose is set once, however often it is sent, and can be taken back", async () => {
      const it = await rig();
      const call = it.faults?.calls.issue;
      if (!it.driver.manifest.valueChosenByUs || call === undefined) return;
      const like = await named(it);
      const before = await it.living();
      const request: IssueRequest = { name: "rekey-run-set", like, token: "t" };
      const prepared = await it.driver.prepare?.(it.context, request);
      if (prepared === undefined) throw new Error("expected a prepared value");
      expect(await it.living()).toEqual(before);
      it.faults?.fail(...call, "drop-after");
      await it.driver.issue?.(it.context, { ...request, prepared }).catch((error: unknown) => expect(error).toBeInstanceOf(Error));
      const issued = await it.driver.issue?.(it.context, { ...request, prepared });
      expect(issued?.secret.reveal()).toBe(prepared.secret.reveal());
      expect(await it.living()).toHaveLength(before.length + 1);
      expect(await it.driver.discard?.(it.context, { name: "rekey-run-set", like, companions: prepared.companions })).toBe(1);
      expect(await it.driver.discard?.(it.context, { name: "rekey-run-set", like, companions: prepared.companions })).toBe(0);
      expect(await it.living()).toEqual(before);
    });

    test("a new value ends the old one after its grace, and never by itself before", async () => {
      const it = await rig();
      if (!able(it, "roll")) return;
      const record = await named(it);
      const grace = it.driver.manifest.grace?.min ?? 0;
      const issued = await it.driver.roll?.(it.context, record, { name: "rekey-run-roll", token: "t", grace });
      if (issued === undefined) throw new Error("expected a new value");
      expect(issued.secret.reveal()).not.toBe(it.leaked.reveal());
      expect(await probe(it, issued.secret, issued)).toMatchObject({ answer: "alive" });
      if (grace > 0) expect(await probe(it, it.leaked)).toMatchObject({ answer: "alive" });
      if (it.elapse === undefined) return;
      expect(Date.parse(issued.oldEndsAt ?? "") - Date.now()).toBeGreaterThan(grace - 60_000);
      it.elapse(grace + 1000);
      expect(await probe(it, it.leaked)).toMatchObject({ answer: "invalid" });
      expect(await probe(it, issued.secret, issued)).toMatchObject({ answer: "alive" });
    });

    test("a lost answer of a roll is unknown, and is never sent again by the driver", async () => {
      const it = await rig();
      const call = it.faults?.calls.roll;
      if (!able(it, "roll") || call === undefined) return;
      const record = await named(it);
      it.faults?.fail(...call, "drop-after");
      const request = { name: "rekey-run-roll", token: "t", grace: it.driver.manifest.grace?.min ?? 0 };
      await expect(it.driver.roll?.(it.context, record, request)).rejects.toBeInstanceOf(UnknownOutcomeError);
      if (request.grace > 0) expect(await probe(it, it.leaked)).toMatchObject({ answer: "alive" });
    });

    test("a lost answer of a revocation may be asked for again", async () => {
      const it = await rig();
      const call = it.faults?.calls.revoke;
      if (!able(it, "revoke") || call === undefined || it.driver.manifest.class === "two-slot") return;
      const record = it.driver.match === undefined && it.named === undefined ? byPossession : await named(it);
      it.faults?.fail(...call, "drop-after");
      await expect(revoke(it, record)).rejects.toBeInstanceOf(RetryError);
      await revoke(it, record);
      if (it.driver.list !== undefined) await expectGone(it, record);
    });

    test("a vendor that lags is believed only when it has arrived", async () => {
      const it = await rig();
      if (it.faults?.hold === undefined || !able(it, "revoke", "probe") || it.driver.manifest.class === "two-slot") return;
      const record = it.driver.match === undefined && it.named === undefined ? byPossession : await named(it);
      it.faults.hold();
      await revoke(it, record);
      expect(await probe(it, it.leaked)).toMatchObject({ answer: "alive" });
      it.faults.settle?.();
      expect((await probe(it, it.leaked)).answer).toBe("invalid");
    });

    test.each(["429", "500", "503", "html", "redirect", "foreign-401", "hang", "drop-before"] as const)(
      "a probe that meets %s says unknown, never dead",
      async (fault) => {
        const it = await rig();
        const call = it.faults?.calls.probe;
        if (call === undefined) return;
        it.faults?.fail(...call, fault, 3);
        expect(
          await probe({ ...it, context: { ...it.context, timeout: fault === "hang" ? 200 : it.context.timeout } }, it.leaked),
        ).toMatchObject({
          answer: "unknown",
        });
      },
    );

    test.each([
      ["429", RetryError],
      ["503", RetryError],
      ["500", RetryError],
      ["html", HoldError],
      ["redirect", HoldError],
      ["foreign-401", HoldError],
    ] as const)("a list that meets %s is an error, never an empty list", async (fault, kind) => {
      const it = await rig();
      const call = it.faults?.calls.list;
      if (call === undefined) return;
      it.faults?.fail(...call, fault);
      const error: unknown = await listed(it).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(kind);
      if (fault === "429") expect(error).toMatchObject({ afterMs: 2000 });
    });

    test("a connection with the wrong credential, or one without rights, is told so, and changes nothing", async () => {
      const it = await rig();
      if (it.context.credential === undefined || it.driver.list === undefined) return;
      const wrong = { ...it, context: { ...it.context, credential: it.powerless ?? madeUp(it.context.credential) } };
      const before = await it.living();
      await expect(listed(wrong)).rejects.toMatchObject({ name: "HoldError", code: "connection-refused" });
      expect(await it.living()).toEqual(before);
    });

    test.each(["429", "500", "html", "redirect", "drop-after"] as const)("an error after %s holds no secret", async (fault) => {
      const it = await rig();
      const call = it.faults?.calls.issue ?? it.faults?.calls.revoke;
      if (call === undefined) return;
      const record = it.driver.match === undefined && it.named === undefined ? byPossession : await named(it);
      it.faults?.fail(...call, fault);
      const made: Secret[] = [];
      const error: unknown = await (able(it, "issue") ? issue(it, "rekey-run-error", record, made) : revoke(it, record)).catch(
        (thrown: unknown) => thrown,
      );
      // to an unreadable answer of a call that may be sent again, and to a value of our own, the driver may simply succeed
      if (error instanceof Error) {
        const shown = `${inspect(error, { depth: 8, showHidden: true })}${JSON.stringify(error)}${error.stack}`;
        for (const secret of [it.leaked, it.context.credential, ...made])
          if (secret !== undefined) expect(shown).not.toContain(secret.reveal());
      }
      if (["429", "500"].includes(fault)) expect(error).toBeInstanceOf(Error);
    });

    test("what is not named by a run is never made or discarded", async () => {
      const it = await rig();
      if (it.driver.discard === undefined || it.driver.manifest.valueChosenByUs) return;
      const like = await named(it);
      const before = await it.living();
      await expect(it.driver.discard(it.context, { name: "agent", like })).rejects.toThrow(/named rekey-<run>/);
      await expect(issue(it, "agent", like)).rejects.toThrow(/named rekey-<run>/);
      expect(await it.living()).toEqual(before);
    });

    test("its playbooks take a leaked credential to proven dead, and what the secret manager holds works at every moment", async () => {
      const first = await rig();
      const modes = runsOf(first, first.driver.match === undefined && first.named === undefined ? undefined : await named(first)).length;
      for (let index = 0; index < modes; index++) {
        const it = index === 0 ? first : await rig();
        const record = it.driver.match === undefined && it.named === undefined ? undefined : await named(it);
        const { playbook, mode, plan } = runsOf(it, record)[index] ?? {};
        if (playbook === undefined || plan === undefined) throw new Error("expected the same plans of the same driver");
        const before = await it.living();
        const old = { username: it.attributes?.["user"] ?? "", access_key_id: it.attributes?.["id"] ?? "", ...it.attributes };
        const { ended, receipts, events, refused, stored } = await wholeRun(it, plan, old);
        expect({ end: ended?.state, message: ended?.message, refused }, `${playbook.name}, ${mode}`).toEqual({
          end: "done",
          message: undefined,
          refused: [],
        });
        expect(events).toContain("dead");
        expect(receipts.filter(({ subject, answer }) => subject === "old" && answer === "alive")).toEqual([]);
        const mints = plan.steps.some(({ uses }) => /\/(issue|roll)@1$/.test(uses));
        expect(stored === it.leaked.reveal()).toBe(!mints);
        expect((await it.living()).length).toBe(before.length - (mints ? 0 : 1));
        if (index > 0) await it.stop();
      }
    });

    test("whoami names the owner of a live value without a secret, and refuses to guess for a dead one", async () => {
      const it = await rig();
      if (it.driver.whoami === undefined) return;
      const answer = await it.driver.whoami(it.context, { attributes: it.attributes ?? {}, secret: it.leaked });
      expect(Object.keys(answer).length).toBeGreaterThan(0);
      expect(JSON.stringify(answer)).not.toContain(it.leaked.reveal());
      const fake = { attributes: it.attributes ?? {}, secret: madeUp(it.leaked) };
      await expect(it.driver.whoami(it.context, fake)).rejects.toBeInstanceOf(HoldError);
    });
  });
}

const byPossession: KeyRecord = { id: "by-possession", state: "active", attributes: {} };

async function named(it: DriverUnderTest): Promise<KeyRecord> {
  const { driver, context, attributes = {}, leaked } = it;
  if (it.named !== undefined) {
    const record = (await listed(it)).find(({ id }) => id === it.named);
    if (record === undefined) throw new Error("expected the named record in the list");
    return record;
  }
  const { records, grade } = (await driver.match?.(context, { attributes, secret: leaked })) ?? { records: [], grade: "weak" };
  const [record] = records;
  if (record === undefined || records.length !== 1 || grade === "weak")
    throw new Error(`expected one named record, got ${records.length} (${grade})`);
  return record;
}

/** As the engine asks for it: in the scope of the leaked credential. */
async function listed({ driver, context, attributes = {} }: DriverUnderTest): Promise<readonly KeyRecord[]> {
  return (await driver.list?.(context, { attributes })) ?? [];
}

async function expectGone(it: DriverUnderTest, { id }: KeyRecord): Promise<void> {
  const left = (await listed(it)).find((record) => record.id === id);
  expect(left === undefined || left.state === "gone").toBe(true);
}

async function issue({ driver, context }: DriverUnderTest, name: string, like: KeyRecord, made: Secret[] = []): Promise<Issued> {
  const request: IssueRequest = { name, like, token: name };
  const prepared = await driver.prepare?.(context, request);
  if (prepared !== undefined) made.push(prepared.secret);
  const issued = await driver.issue?.(context, prepared === undefined ? request : { ...request, prepared });
  if (issued === undefined) throw new Error("expected a credential");
  return issued;
}

async function revoke({ driver, context, attributes = {}, leaked }: DriverUnderTest, record: KeyRecord): Promise<void> {
  await driver.revoke?.(context, record, { attributes, secret: leaked });
}

function probe({ driver, context, attributes = {} }: DriverUnderTest, secret: Secret, issued?: Issued) {
  return driver.probe(context, { attributes: { ...attributes, ...issued?.record.attributes, ...issued?.companions }, secret });
}
