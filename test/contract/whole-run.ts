import { createHash } from "node:crypto";
import { loadPlaybooks } from "../../src/config/playbooks.ts";
import type { KeyRecord } from "../../src/driver.ts";
import { silentLog } from "../../src/log.ts";
import { makePlan, type Plan } from "../../src/playbook/plan.ts";
import type { Mode, Playbook } from "../../src/playbook/schema.ts";
import type { Receipt, RotationDeps } from "../../src/rotation/deps.ts";
import type { Run } from "../../src/rotation/journal.ts";
import { executeRun, startRun } from "../../src/rotation/run.ts";
import { valueIn } from "../../src/rotation/stored-value.ts";
import { Secret } from "../../src/secret.ts";
import { createMemorySink } from "../../src/secret-manager/memory.ts";
import { memoryJournal } from "../rotation/memory-journal.ts";
import type { DriverUnderTest } from "./driver.ts";

export interface WholeRun {
  readonly ended: Run | undefined;
  readonly receipts: readonly Receipt[];
  readonly events: readonly string[];
  /** When each event first came, milliseconds from the start: the waits of the engine, and what the work itself took. */
  readonly after: Readonly<Record<string, number>>;
  /** Answers of a consumer that called with what the secret manager held, wherever it was not let in. */
  readonly refused: readonly string[];
  /** What the secret manager holds at the end. */
  readonly stored: string | undefined;
}

/** The built-in playbooks that name this driver, in the modes in which they run by themselves. */
export function runsOf(it: DriverUnderTest, record: KeyRecord | undefined): { playbook: Playbook; mode: Mode; plan: Plan }[] {
  const [family = ""] = it.driver.manifest.type.split("/");
  return loadPlaybooks()
    .filter(({ match, steps }) => {
      const serves = match.credential.some((id) => it.driver.manifest.detectors.includes(id));
      return serves && steps.some(({ uses }) => uses.startsWith(`${family}/`));
    })
    .flatMap((playbook) => playbook.policy.modes.map((mode) => ({ playbook, mode, plan: planOf(it, playbook, mode, record) })))
    .filter(({ plan }) => plan.blockers.length === 0);
}

function planOf({ driver, attributes = {} }: DriverUnderTest, playbook: Playbook, mode: Mode, record: KeyRecord | undefined): Plan {
  const companions = Object.fromEntries((driver.manifest.companions ?? []).map((name) => [name, `THE_${name.toUpperCase()}`]));
  return makePlan(playbook, driver.manifest, {
    incident: "RK-WHOLE",
    credential: { fingerprint: "fp1:test:leaked", detector: playbook.match.credential[0] ?? "", title: driver.manifest.name },
    attributes: { ...attributes, ...(record?.principal === undefined ? {} : { principal: record.principal }) },
    identity: { id: "agent:test", kind: "agent", name: "triage", owner: "@mara", environment: "staging" },
    sinks: [{ connection: "store", sink: "memory", path: "secret/triage", field: "VALUE", companions }],
    consumers: [{ name: "triage", report: "version" }],
    mode,
    connection: "provider",
    ...(record === undefined ? {} : { named: { id: record.id, grade: "confirmed" } }),
    otherSlot: "unused",
    ...(driver.manifest.grace === undefined ? {} : { grace: driver.manifest.grace.min }),
    timeouts: { consumers: 5000, soak: 10 },
  });
}

/** The engine with the driver, its server and a secret manager in memory, on a clock of the test's own: propagation takes no time. */
export async function wholeRun(it: DriverUnderTest, plan: Plan, old: Readonly<Record<string, string>>): Promise<WholeRun> {
  const { driver, context, attributes = {}, leaked } = it;
  const clock = { now: Date.now() };
  const [began, since]: [number, number] = [clock.now, performance.now()];
  const after: Record<string, number> = {};
  const sink = createMemorySink();
  const [place] = plan.facts.sinks;
  if (place === undefined) throw new Error("expected a place");
  const fields = Object.entries(place.companions ?? {}).map(([name, field]) => [field, old[name] ?? ""]);
  sink.set(place.path, { VALUE: leaked.reveal(), OTHER: "stays", ...Object.fromEntries(fields) });
  const [receipts, events, refused]: [Receipt[], string[], string[]] = [[], [], []];
  let revoked = false;
  const stored = async () => valueIn(place, (await sink.read(context, place))?.fields);
  const consumer = async () => {
    const value = await stored();
    if (value === undefined || (revoked && value.secret.reveal() === leaked.reveal())) return; // nothing replaces it: it is meant to end
    const { answer, code } = await driver.probe(context, {
      attributes: { ...attributes, ...plan.facts.attributes, ...value.companions },
      secret: value.secret,
    });
    if (answer !== "alive") refused.push(`${answer} ${code}`);
  };
  const journal = memoryJournal(clock);
  const deps: RotationDeps = {
    journal: {
      ...journal,
      async settle(...settled) {
        await journal.settle(...settled);
        if (plan.facts.mode === "graceful") await consumer();
      },
    },
    log: silentLog,
    driver: () => driver,
    context: async () => context,
    sink: async () => ({ sink, context }),
    fingerprint: (secret) => `fp1:test:${createHash("sha256").update(secret.reveal()).digest("base64url")}`,
    seenAlive: async () => true,
    recover: async () => Secret.from(leaked.reveal()),
    reports: async (_consumer, of) => [{ version: (await sink.read(context, of))?.version ?? "", at: clock.now }],
    emit: async (_incident, emitted) => {
      events.push(...emitted.map(({ type }) => type));
      for (const { type } of emitted) after[type] ??= clock.now - began + (performance.now() - since);
      revoked ||= emitted.some(({ type }) => type === "revoked" || type === "contained");
    },
    receipt: async (_incident, _run, receipt) => {
      receipts.push(receipt);
    },
    sleep: async (milliseconds) => {
      clock.now += milliseconds;
      it.elapse?.(milliseconds);
    },
    lease: { ttl: 86_400_000, call: 0 },
  };
  const ended = await executeRun(deps, await startRun(deps, plan));
  return { ended, receipts, events, after, refused, stored: (await stored())?.secret.reveal() };
}
