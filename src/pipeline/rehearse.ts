import { randomBytes } from "node:crypto";
import { type Driver, type DriverContext, type Issued, type IssueRequest, type KeyRecord, type Sink, sinkConnection } from "../driver.ts";
import { HoldError, RefusedError } from "../errors.ts";
import { makePlan, type Plan, type PlannedSink } from "../playbook/plan.ts";
import type { Playbook } from "../playbook/schema.ts";
import type { RehearsalSummary } from "../playbook/track-record.ts";
import type { Receipt, RotationDeps } from "../rotation/deps.ts";
import type { Minted } from "../rotation/execution.ts";
import { executeRun, newRunId, startRun } from "../rotation/run.ts";
import { fieldsOf, valueIn, wipe } from "../rotation/stored-value.ts";
import { Secret } from "../secret.ts";
import { saveRehearsal } from "../store/track-record.ts";
import { connectionOf, contextOf, type Rekey } from "./context.ts";
import { rotationDeps } from "./rotation.ts";

export interface RehearsalOrder {
  readonly playbook: string;
  /** Of the driver; default: the first of its type. */
  readonly connection?: string | undefined;
  /** Of the secret manager; default: the first that has a scratch place. */
  readonly store?: string | undefined;
  /** Folder of the scratch entry; default: `<first mount>/rekey-rehearsal`. */
  readonly path?: string | undefined;
  /** Of the credential that it makes, beside what the manifest says. */
  readonly attributes: Readonly<Record<string, string>>;
}

export interface Rehearsal extends RehearsalSummary {
  readonly playbook: string;
  readonly version: number;
  readonly connection: string;
  readonly store: string;
  /** What was done, in order; seconds from the start. */
  readonly steps: readonly { readonly what: string; readonly after: number }[];
  readonly receipts: readonly Pick<Receipt, "round" | "subject" | "answer" | "code">[];
  /** Why it did not pass; absent = it did. */
  readonly problem?: string;
  /** Nothing that it made is left. */
  readonly removed: boolean;
}

const prefix = "rehearsal-";

/**
 * Runs a whole playbook on the tenant's own account and store, with a credential that it makes itself, in a scratch entry, with a test
 * consumer that calls all the time; then removes everything. The record is kept and shown on every plan of this playbook.
 */
export async function rehearse(rekey: Rekey, order: RehearsalOrder): Promise<Rehearsal> {
  const stage = setUp(rekey, order);
  const started = Date.now();
  const steps: { what: string; after: number }[] = [];
  const mark = (what: string) => steps.push({ what, after: (Date.now() - started) / 1000 });
  const receipts: Receipt[] = [];
  const consumer = testConsumer(stage);
  let problem: string | undefined;
  try {
    await seed(stage);
    mark("a credential was made and stored in the scratch entry");
    consumer.start();
    const deps = rehearsalDeps(rekey, stage, { mark, receipts, reports: consumer.reports });
    stage.run = await startRun(deps, planOf(stage), { id: newRunId() });
    const ended = await executeRun(deps, stage.run);
    if (ended?.state !== "done") problem = ended?.message ?? "it did not come to an end";
  } catch (error) {
    problem = error instanceof Error ? error.message : "unknown failure";
  }
  const { calls, failed } = await consumer.stop();
  if (problem === undefined && failed > 0) problem = `${failed} of ${calls} calls of the test consumer failed`;
  const left = await remove(stage);
  mark(left === undefined ? "everything was removed" : "something is left");
  problem ??= left;
  stage.leaked?.wipe();
  const { playbook, connection, store } = stage;
  const rehearsal: Rehearsal = {
    playbook: playbook.name,
    version: playbook.version,
    connection,
    store,
    passed: problem === undefined,
    at: new Date().toISOString(),
    seconds: (Date.now() - started) / 1000,
    calls,
    failedCalls: failed,
    steps,
    receipts: receipts.map(({ round, subject, answer, code }) => ({ round, subject, answer, code })),
    removed: left === undefined,
    ...(problem === undefined ? {} : { problem }),
  };
  const { name, version } = playbook;
  const { digest } = planOf(stage).playbook;
  await saveRehearsal(rekey.database.db, { playbook: name, version, digest, connection, passed: rehearsal.passed, body: rehearsal });
  return rehearsal;
}

/** A rehearsal whose process died is not continued: what it made is removed. True where the run was one. */
export async function abandonRehearsal(rekey: Rekey, id: string): Promise<boolean> {
  const { journal } = rotationDeps(rekey);
  const run = await journal.get(id);
  if (run === undefined || !run.incident.startsWith(prefix)) return false;
  const lease = await journal.claim(id, { ttl: 60_000, grace: 20_000 });
  if (lease === undefined || run.state !== "running") return true;
  const driver = rekey.drivers.find(({ manifest }) => manifest.type === run.plan.driver);
  const [place] = run.plan.facts.sinks;
  const sink = place === undefined ? undefined : sinkOf(rekey, place.connection);
  if (driver !== undefined && place !== undefined && sink !== undefined) {
    const connection = run.plan.facts.connection ?? "";
    const effects = await journal.effects(id);
    const minted = effects.find(({ key }) => key === "issue")?.result as Minted | undefined;
    const like: KeyRecord = { id: run.plan.facts.named?.id ?? "", state: "active", attributes: run.plan.facts.attributes };
    await remove({
      id: run.incident.slice(prefix.length),
      driver,
      sink,
      context: contextOf(rekey, connection, driver),
      at: contextOf(rekey, place.connection),
      place,
      like,
      run: id,
      ...(minted === undefined ? {} : { minted }),
    });
  }
  await journal.finish(lease, "failed", {
    code: "rehearsal-abandoned",
    message: "the process of this rehearsal ended; what it made was removed",
  });
  return true;
}

/** Everything that a rehearsal made, found by its names. */
interface Made {
  readonly id: string;
  readonly driver: Driver;
  readonly sink: Sink;
  readonly context: DriverContext;
  readonly at: DriverContext;
  readonly place: PlannedSink;
  readonly like: KeyRecord;
  run?: string;
  minted?: Minted;
}

interface Stage extends Made {
  readonly playbook: Playbook;
  readonly connection: string;
  readonly store: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** The credential that plays the leaked one, and its value. */
  old?: Issued["record"];
  companions?: Issued["companions"];
  leaked?: Secret;
}

/** Throws RefusedError where something is missing, before anything is made. */
function setUp(rekey: Rekey, order: RehearsalOrder): Stage {
  const playbook = rekey.playbooks.find(({ name }) => name === order.playbook);
  if (playbook === undefined) throw new RefusedError(`there is no playbook '${order.playbook}'; rekey playbook list shows them`);
  const families = playbook.steps.flatMap(({ uses }) => /^([a-z][a-z0-9-]*)\/(?:issue|roll|revoke|disable)@1$/.exec(uses)?.[1] ?? []);
  const driver = rekey.drivers.find(
    ({ manifest }) =>
      families.includes(manifest.type.split("/")[0] ?? "") && manifest.detectors.some((id) => playbook.match.credential.includes(id)),
  );
  if (driver?.issue === undefined || driver.discard === undefined)
    throw new RefusedError(`${playbook.name} cannot be rehearsed: its provider has no API to make and remove a credential`);
  const connection = order.connection ?? connectionOf(rekey, driver);
  if (connection === undefined || rekey.config.connections[connection] === undefined)
    throw new RefusedError(`a rehearsal needs a connection of the type of ${driver.manifest.name} (connections in rekey.yml)`);
  const store = order.store ?? Object.keys(rekey.config.connections).find((name) => sinkOf(rekey, name)?.scratch !== undefined);
  const sink = store === undefined ? undefined : sinkOf(rekey, store);
  if (store === undefined || sink?.scratch === undefined)
    throw new RefusedError(
      "a rehearsal needs a connection to a secret manager with room for a scratch entry: Vault KV v2 or AWS Secrets Manager",
    );
  const id = randomBytes(5).toString("hex");
  const at = contextOf(rekey, store);
  const folder = order.path ?? `${sinkConnection(sink.manifest) === "vault" ? `${at.mounts?.[0] ?? "secret"}/` : ""}rekey-rehearsal`;
  const companions = Object.fromEntries((driver.manifest.companions ?? []).map((name) => [name, `REHEARSAL_${name.toUpperCase()}`]));
  const attributes = { ...driver.manifest.rehearsal, ...order.attributes };
  return {
    id,
    playbook,
    driver,
    sink,
    context: contextOf(rekey, connection, driver),
    at,
    connection,
    store,
    attributes,
    like: { id: `rekey-${prefix}${id}`, name: `rekey-${prefix}${id}`, state: "active", attributes },
    place: {
      connection: store,
      sink: sink.manifest.name,
      path: `${folder}/${id}`,
      field: "REHEARSAL_VALUE",
      ...(Object.keys(companions).length === 0 ? {} : { companions }),
    },
  };
}

function sinkOf(rekey: Rekey, connection: string): Sink | undefined {
  const type = rekey.config.connections[connection]?.type;
  return type === undefined ? undefined : rekey.sinkFor(type);
}

/** Makes the credential that plays the leaked one, and makes it current in the scratch entry. */
async function seed(stage: Stage): Promise<void> {
  const { driver, sink, context, at, place, like, id } = stage;
  const request: IssueRequest = { name: `rekey-${prefix}${id}`, like, token: `${prefix}${id}` };
  const prepared = driver.manifest.valueChosenByUs ? await driver.prepare?.(context, request) : undefined;
  const issued = await driver.issue?.(context, prepared === undefined ? request : { ...request, prepared });
  if (issued === undefined) throw new HoldError("verb-missing", `${driver.manifest.name} has no API to issue`);
  stage.old = issued.record;
  stage.companions = { ...prepared?.companions, ...issued.companions };
  stage.leaked = issued.secret;
  await sink.scratch?.create(at, place.path);
  const fields = fieldsOf(place, { secret: issued.secret, companions: stage.companions }, undefined);
  await sink.pend(at, place, `${prefix}${id}`, fields);
  await sink.promote(at, place, `${prefix}${id}`, (await sink.read(at, place))?.version ?? "0", fields);
  await sink.drop(at, place, `${prefix}${id}`);
}

function planOf({ playbook, driver, connection, place, id, old, attributes, companions }: Stage): Plan {
  const { propagation } = driver.manifest;
  return makePlan(playbook, driver.manifest, {
    incident: `${prefix}${id}`,
    credential: {
      fingerprint: `${prefix}${id}`,
      detector: driver.manifest.detectors[0] ?? "",
      title: `rehearsal of ${driver.manifest.name}`,
    },
    attributes: { ...attributes, ...old?.attributes, ...companions },
    identity: { id: `agent:rehearsal#${id}`, kind: "agent", name: "rehearsal", environment: "rehearsal" },
    sinks: [place],
    consumers: [{ name: "rehearsal", report: "version" }],
    mode: playbook.policy.modes.includes("graceful") ? "graceful" : (playbook.policy.modes[0] ?? "graceful"),
    connection,
    ...(old === undefined ? {} : { named: { id: old.id, grade: "confirmed" as const } }),
    otherSlot: "unused",
    timeouts: { consumers: 60_000 + propagation.create * 4, soak: 1000 },
    ...(driver.manifest.grace === undefined ? {} : { grace: driver.manifest.grace.min }),
  });
}

/** The engine as it is, with the outside world of an incident left out. */
function rehearsalDeps(
  rekey: Rekey,
  stage: Stage,
  { mark, receipts, reports }: { mark(what: string): unknown; receipts: Receipt[]; reports: RotationDeps["reports"] },
): RotationDeps {
  const { quarantine: _, ...deps } = rotationDeps(rekey);
  return {
    ...deps,
    journal: {
      ...deps.journal,
      settle: async (lease, key, state, result) => {
        await deps.journal.settle(lease, key, state, result);
        if (state === "confirmed") mark(key);
        if (key === "issue" && state === "confirmed") stage.minted = result as Minted;
      },
    },
    context: async () => stage.context,
    recover: async () => (stage.leaked === undefined ? undefined : Secret.from(Buffer.from(stage.leaked.reveal()))),
    reports,
    emit: async () => undefined,
    receipt: async (_incident, _run, receipt) => {
      receipts.push(receipt);
    },
  };
}

interface TestConsumer {
  start(): void;
  readonly reports: RotationDeps["reports"];
  stop(): Promise<{ calls: number; failed: number }>;
}

/** Reads the scratch entry and calls the provider with what stands there, again and again, as an agent would. */
function testConsumer(stage: Stage): TestConsumer {
  let [calls, failed] = [0, 0];
  let version: { version: string; at: number } | undefined;
  let running: Promise<void> | undefined;
  let ends = false;
  const call = async () => {
    const read = await stage.sink.read(stage.at, stage.place);
    const value = valueIn(stage.place, read?.fields);
    if (read === undefined || value === undefined) return;
    const attributes = { ...stage.attributes, ...stage.old?.attributes, ...stage.minted?.record.attributes, ...value.companions };
    const { answer } = await stage.driver.probe(stage.context, { attributes, secret: value.secret });
    wipe(read.fields);
    calls++;
    if (answer === "invalid" || answer === "disabled") failed++;
    else if (answer === "alive") version = { version: read.version, at: Date.now() };
  };
  return {
    start() {
      running = (async () => {
        while (!ends) {
          await call().catch(() => undefined); // an outage of the store is no failed call of the provider
          await new Promise((resolve) => setTimeout(resolve, 250));
        }
      })();
    },
    reports: async () => (version === undefined ? [] : [version]),
    async stop() {
      ends = true;
      await running;
      return { calls, failed };
    },
  };
}

/** Removes the scratch entry, the new credential and the old one. Returns what is left, for people. */
async function remove(made: Made & { companions?: Readonly<Record<string, string>> }): Promise<string | undefined> {
  const { driver, sink, context, at, place, like, id, run, minted, companions } = made;
  const left: string[] = [];
  const attempt = async (what: string, act: () => Promise<unknown> | undefined) => {
    for (let tries = 1; ; tries++) {
      try {
        return await act();
      } catch {
        if (tries === 3) return void left.push(what);
        await new Promise((resolve) => setTimeout(resolve, 1000 * tries));
      }
    }
  };
  if (run !== undefined) {
    await attempt("the staged value", () => sink.drop(at, place, run));
    await attempt(`the credential named rekey-${run}`, () =>
      driver.discard?.(context, { name: `rekey-${run}`, like, ...(minted === undefined ? {} : { companions: minted.companions }) }),
    );
  }
  await attempt(`the credential named rekey-${prefix}${id}`, () =>
    driver.discard?.(context, { name: `rekey-${prefix}${id}`, like, ...(companions === undefined ? {} : { companions }) }),
  );
  await attempt(`the scratch entry ${place.path}`, () => sink.scratch?.remove(at, place.path));
  return left.length === 0 ? undefined : `could not remove ${left.join(", ")}; remove it by hand`;
}
