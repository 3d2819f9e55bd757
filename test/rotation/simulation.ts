import { createHash, randomBytes } from "node:crypto";
import type { Driver, DriverContext, KeyRecord, Manifest, Sink } from "../../src/driver.ts";
import { RetryError, UnknownOutcomeError } from "../../src/errors.ts";
import type { IncidentEvent } from "../../src/incident/event.ts";
import { silentLog } from "../../src/log.ts";
import { makePlan, type Plan, type PlannedSink } from "../../src/playbook/plan.ts";
import type { Mode, Playbook } from "../../src/playbook/schema.ts";
import type { Receipt, RotationDeps } from "../../src/rotation/deps.ts";
import type { Journal, Run } from "../../src/rotation/journal.ts";
import { executeRun, startRun } from "../../src/rotation/run.ts";
import { valueIn } from "../../src/rotation/stored-value.ts";
import { Secret } from "../../src/secret.ts";
import { createMemorySink } from "../../src/secret-manager/memory.ts";
import { Crash } from "./dying.ts";
import { memoryJournal } from "./memory-journal.ts";

export const kinds = ["crash", "network", "429", "500", "timeout", "hang"] as const;
export type Kind = (typeof kinds)[number];

/** What goes wrong at the n-th outside call (or write of the journal), before or after it took effect. */
export interface Fault {
  readonly in: "call" | "journal";
  readonly at: number;
  readonly when: "before" | "after";
  readonly kind: Kind;
}

interface Credential {
  readonly id: string;
  name: string;
  value: string;
  state: "active" | "disabled";
  /** Who could know this value: the leak, this run, or nobody (what a regenerated slot holds). */
  origin: "leaked" | "foreign" | "run" | "nobody";
}

/**
 * A provider of any rotation class, as its real driver's manifest describes it, with a consumer that calls all the time, on a clock
 * that moves only when the engine sleeps. It says what happened to every value.
 */
export interface Simulation {
  readonly plan: Plan;
  readonly journal: Journal;
  /** Outside calls and writes of the journal so far. */
  readonly counts: { calls: number; writes: number };
  readonly events: IncidentEvent[];
  /** What an invariant forbids, as it happened. */
  readonly broken: string[];
  start(): Promise<string>;
  /** One worker: runs until the run stops, or the worker dies of its faults. */
  work(run: string, faults?: readonly Fault[]): Promise<Run | "crashed">;
  /** Everything that must hold once the run is over. Empty = all well. */
  faultsAtRest(run: Run): Promise<string[]>;
}

const context: DriverContext = { host: "simulation", timeout: 1000 };

/** Another journal than the one in memory; `expire` does what the clock does to the lease of a worker that died. */
export type JournalUnderTest = (clock: { now: number }) => { journal: Journal; expire(run: string): Promise<void> };

export function simulate(playbook: Playbook, manifest: Manifest, mode: Mode, under?: JournalUnderTest): Simulation {
  const clock = { now: Date.parse("2026-11-25T00:00:00Z") };
  const { journal, expire } = under?.(clock) ?? { journal: memoryJournal(clock), expire: async () => undefined };
  const sink = createMemorySink();
  const credentials = new Map<string, Credential>();
  /** Values that were accepted once, and until when the data plane still lets them in. */
  const ending = new Map<string, number>();
  const counts = { calls: 0, writes: 0 };
  const broken: string[] = [];
  let rolls = 0;
  const events: IncidentEvent[] = [];
  let worker: { dead: boolean; faults: readonly Fault[] } = { dead: false, faults: [] };

  const companions = manifest.companions ?? [];
  const place: PlannedSink = {
    connection: "store",
    sink: "memory",
    path: "secret/app",
    field: "VALUE",
    ...(companions.length === 0 ? {} : { companions: Object.fromEntries(companions.map((name) => [name, `X_${name}`])) }),
  };
  const leaked = `old-${randomBytes(8).toString("hex")}`;
  const add = (id: string, name: string, value: string, origin: Credential["origin"]) =>
    credentials.set(id, { id, name, value, state: "active", origin });
  add("key-1", "made by somebody", leaked, "leaked");
  add("foreign", "rekey-of-somebody-else", `foreign-${randomBytes(8).toString("hex")}`, "foreign");
  if (manifest.class === "two-slot") add("key-2", "slot 2", `unused-${randomBytes(8).toString("hex")}`, "nobody");
  sink.set(place.path, { VALUE: leaked, OTHER: "stays", ...Object.fromEntries(companions.map((name) => [`X_${name}`, "key-1"])) });

  const holder = (value: string) => [...credentials.values()].find((credential) => credential.value === value);
  const accepts = (value: string) => holder(value)?.state === "active" || (ending.get(value) ?? 0) > clock.now;
  const end = (value: string) => ending.set(value, clock.now + manifest.propagation.revoke / 4);
  const recordOf = ({ id, name, state }: Credential): KeyRecord => ({ id, name, state, attributes: {} });

  const fault = (where: Fault["in"], count: number, when: Fault["when"]) =>
    worker.faults.find((wanted) => wanted.in === where && wanted.at === count && wanted.when === when)?.kind;
  const strike = (kind: Kind, when: Fault["when"], writes: boolean): never => {
    if (kind === "crash") worker.dead = true;
    if (kind === "crash") throw new Crash();
    // a hang outlives the lease: the worker comes back to a world in which it must find itself fenced
    if (kind === "hang") clock.now += 10_800_000;
    const nothingDone = when === "before" && (kind === "network" || kind === "429");
    if (nothingDone || !writes) throw new RetryError(kind, kind === "429" ? { afterMs: 10 } : {});
    throw new UnknownOutcomeError(kind);
  };
  const call = async <T>(writes: boolean, act: () => T | Promise<T>): Promise<T> => {
    if (worker.dead) throw new Crash();
    const count = ++counts.calls;
    const before = fault("call", count, "before");
    if (before !== undefined) strike(before, "before", writes);
    const result = await act();
    const after = fault("call", count, "after");
    if (after !== undefined) strike(after, "after", writes);
    return result;
  };
  const probe = async (value: string) => {
    const known = holder(value);
    if (accepts(value)) return { answer: "alive", code: "200" } as const;
    return known?.state === "disabled" && known.origin !== "nobody"
      ? ({ answer: "disabled", code: "403" } as const)
      : ({ answer: "invalid", code: "401" } as const);
  };
  const fresh = () => `new-${randomBytes(8).toString("hex")}`;
  const make = (name: string, value: string): KeyRecord => {
    const id = manifest.class === "two-slot" ? "key-2" : manifest.valueChosenByUs ? "key-1-b" : `key-${randomBytes(4).toString("hex")}`;
    const before = credentials.get(id);
    if (before !== undefined && before.value !== value) ending.delete(before.value);
    add(id, name, value, "run");
    return { id, name, state: "active", attributes: {} };
  };
  const also = (record: KeyRecord) => Object.fromEntries(companions.map((name) => [name, record.id]));

  const has = (verb: keyof Manifest["verbs"]) => manifest.verbs[verb] !== undefined;
  const driver: Driver = {
    manifest,
    ...(manifest.killByPossession && !has("list") ? {} : { list: () => call(false, () => [...credentials.values()].map(recordOf)) }),
    ...(manifest.valueChosenByUs
      ? {
          prepare: () =>
            call(false, () => ({
              secret: Secret.from(fresh()),
              companions: Object.fromEntries(companions.map((name) => [name, "key-1-b"])),
            })),
        }
      : {}),
    ...(has("issue")
      ? {
          issue: (_context, { name, prepared }) =>
            call(true, () => {
              const value = prepared?.secret.reveal() ?? fresh();
              const record = make(name, value);
              return { record, secret: Secret.from(value), companions: also(record) };
            }),
          discard: (_context, { name, companions: of }) =>
            call(true, () => {
              const own = [...credentials.values()].filter(
                (one) =>
                  one.origin === "run" &&
                  (manifest.valueChosenByUs && companions.length > 0 ? Object.values(of ?? {}).includes(one.id) : one.name === name),
              );
              for (const { id, value } of own) {
                credentials.delete(id);
                ending.delete(value);
              }
              return own.length;
            }),
        }
      : {}),
    ...(has("roll")
      ? {
          roll: (_context, record, { grace }) =>
            call(true, () => {
              if (++rolls > 1) broken.push("a credential was rolled twice");
              const one = credentials.get(record.id);
              if (one === undefined) throw new Error("nothing to roll");
              ending.set(one.value, clock.now + (manifest.class === "grace-roll" ? grace : 0));
              const value = fresh();
              credentials.set(record.id, { ...one, value, origin: "run" });
              return { record, secret: Secret.from(value), companions: also(record) };
            }),
        }
      : {}),
    ...(has("disable") ? { disable: (_context, { id }) => call(true, () => set(id, "disabled")) } : {}),
    ...(has("disable") ? { enable: (_context, { id }) => call(true, () => set(id, "active")) } : {}),
    ...(has("revoke")
      ? {
          revoke: (_context, record, { secret }) =>
            call(true, () => {
              const one = manifest.killByPossession ? holder(secret?.reveal() ?? "") : credentials.get(record.id);
              if (one === undefined) return;
              if (one.origin === "foreign") broken.push("a foreign credential was revoked");
              if (manifest.class === "grace-roll") ending.set(leaked, 0);
              end(one.value);
              if (manifest.class === "two-slot") credentials.set(one.id, { ...one, value: fresh(), origin: "nobody" });
              else credentials.delete(one.id);
            }),
        }
      : {}),
    async probe(_context, { secret }) {
      const value = secret.reveal();
      return call(false, () => probe(value)).catch((error: unknown) => {
        if (error instanceof Crash) throw error;
        return { answer: "unknown", code: "no answer" } as const;
      });
    },
  };
  function set(id: string, state: Credential["state"]): void {
    const one = credentials.get(id);
    if (one === undefined) return;
    if (one.origin === "foreign") broken.push("a foreign credential was switched");
    if (state === "disabled") ending.delete(one.value);
    one.state = state;
  }

  const faulty: Sink = {
    ...sink,
    read: (...args) => call(false, () => sink.read(...args)),
    readPending: (...args) => call(false, () => sink.readPending(...args)),
    pend: (...args) => call(true, () => sink.pend(...args)),
    promote: (...args) => call(true, () => sink.promote(...args)),
    restore: (...args) => call(true, () => sink.restore(...args)),
    drop: (...args) => call(true, () => sink.drop(...args)),
  };
  const written =
    <A extends unknown[], R>(write: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (worker.dead) throw new Crash();
      const count = ++counts.writes;
      const before = fault("journal", count, "before");
      if (before !== undefined) return strikeJournal(before);
      const result = await write(...args);
      const after = fault("journal", count, "after");
      if (after !== undefined) return strikeJournal(after);
      return result;
    };
  /** A database that fails, or a worker that dies: either way this worker is over. */
  const strikeJournal = (kind: Kind): never => {
    worker.dead = true;
    if (kind === "hang") clock.now += 10_800_000;
    throw new Crash();
  };

  let using = { version: "1", at: 0 };
  /** The consumer reads its entry and calls; it is what must never fail. */
  const consumer = async () => {
    const read = await sink.read(context, place);
    const value = valueIn(place, read?.fields)?.secret.reveal() ?? "";
    if (mints && mode === "graceful" && !accepts(value) && manifest.class !== "hard-roll")
      broken.push("the consumer's credential was refused");
    using = { version: read?.version ?? "", at: clock.now };
  };

  const facts = {
    incident: `RK-${randomBytes(3).toString("hex").toUpperCase()}`,
    credential: {
      fingerprint: `fp1:test:${randomBytes(12).toString("base64url")}`,
      detector: manifest.detectors[0] ?? "",
      title: manifest.name,
    },
    attributes: {},
    identity: { id: "agent:x", kind: "agent", name: "x", owner: "@mara", environment: "staging" },
    sinks: [place],
    consumers:
      manifest.verbs.issue === undefined && manifest.verbs.roll === undefined
        ? ("none" as const)
        : [{ name: "app", report: "version" as const }],
    mode,
    connection: "provider",
    named: { id: "key-1", grade: "confirmed" as const },
    otherSlot: "unused" as const,
    timeouts: { consumers: 60_000, soak: 10 },
    // longer than all outages of this simulation together: what a grace is for
    ...(manifest.grace === undefined ? {} : { grace: Math.max(manifest.grace.min, 360_000_000) }),
  };
  const plan = makePlan(playbook, manifest, facts);
  const mints = plan.steps.some(({ uses }) => /\/(issue|roll)@/.test(uses));
  const receipts: Receipt[] = [];
  const wrapped: Journal = {
    ...journal,
    intend: written(journal.intend),
    send: written(journal.send),
    settle: written(journal.settle),
    finish: written(journal.finish),
  };
  const deps: RotationDeps = {
    journal: wrapped,
    log: silentLog,
    driver: () => driver,
    context: async () => context,
    sink: async () => ({ sink: faulty, context }),
    seenAlive: async () => true,
    recover: async () => Secret.from(leaked),
    fingerprint: (secret) => createHash("sha256").update(secret.reveal()).digest("hex"),
    reports: async () => [using],
    emit: async (_incident, emitted) => {
      events.push(...emitted);
    },
    receipt: async (_incident, _run, receipt) => {
      receipts.push(receipt);
    },
    async sleep(milliseconds) {
      if (worker.dead) throw new Crash();
      clock.now += milliseconds;
      await consumer();
    },
    // the clock jumps in sleeps: a lease that lives as long as the longest of them
    lease: { ttl: 7_200_000, call: 0 },
  };

  return {
    plan,
    journal,
    counts,
    events,
    broken,
    start: () => startRun(deps, plan),
    async work(run, faults = []) {
      // the worker before is gone: its lease runs out
      clock.now += 7_200_001;
      await expire(run);
      worker = { dead: false, faults };
      counts.calls = 0;
      counts.writes = 0;
      await consumer();
      try {
        const ended = await executeRun(deps, run);
        await consumer();
        if (ended === undefined) throw new Error("the lease is held");
        return ended;
      } catch (error) {
        if (error instanceof Crash) return "crashed";
        throw error;
      }
    },
    async faultsAtRest(run) {
      const wrong = [...broken];
      const read = await sink.read(context, place);
      const current = valueIn(place, read?.fields)?.secret.reveal() ?? "";
      const effects = await journal.effects(run.id);
      const destroyed = effects.some(({ destroy, state }) => destroy && state === "confirmed");
      const ours = [...credentials.values()].filter(({ origin }) => origin === "run");
      const minted = effects.find(({ key, state }) => key === "issue" && state === "confirmed")?.result as
        | { record: KeyRecord }
        | undefined;
      if (credentials.get("foreign")?.state !== "active") wrong.push("a foreign credential was touched");
      if (read?.fields["OTHER"]?.reveal() !== "stays") wrong.push("another field of the entry was changed");
      if (JSON.stringify(effects).includes(leaked) || ours.some(({ value }) => JSON.stringify(effects).includes(value)))
        wrong.push("a value stands in the journal");
      if (run.state === "done") {
        if (accepts(leaked)) wrong.push("the run is done and the leaked value is still accepted");
        if (mints && !accepts(current)) wrong.push("the run is done and the consumer's credential is refused");
        if (mints && ours.length !== 1) wrong.push(`${ours.length} new credentials are alive, expected one`);
        if (mints && ours[0]?.value !== current) wrong.push("the live credential is not the one that the consumer reads");
        if (mints && minted?.record.id !== ours[0]?.id) wrong.push("the journal does not know the live credential");
        if ((await sink.readPending(context, place, run.id)) !== undefined) wrong.push("a staged value is left");
      } else if (run.state === "undone") {
        if (!accepts(leaked)) wrong.push("the run is undone and the old credential is refused");
        if (ours.length > 0) wrong.push("the run is undone and a new credential is alive");
        if (current !== leaked) wrong.push("the run is undone and the consumer does not read the old credential");
      } else if (run.state === "held") {
        if (run.code === undefined || (run.message ?? "").length < 20) wrong.push("a held run does not say why");
        if (mints && !destroyed && manifest.class !== "hard-roll" && !accepts(current))
          wrong.push("held, and the consumer's credential is refused");
      } else wrong.push(`the run ended as ${run.state}`);
      return wrong;
    },
  };
}
