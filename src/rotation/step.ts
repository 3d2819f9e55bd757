import type { Driver, Issued, KeyRecord, Target } from "../driver.ts";
import { HoldError } from "../errors.ts";
import type { Plan, PlannedSink, PlanStep } from "../playbook/plan.ts";
import type { Secret } from "../secret.ts";
import type { RotationDeps } from "./deps.ts";
import { perform, read } from "./effect.ts";
import { converge, revokeGate } from "./gate.ts";
import type { Effect, Lease, Run } from "./journal.ts";
import { proveDead } from "./proof.ts";

export interface Execution {
  readonly deps: RotationDeps;
  readonly lease: Lease;
  readonly run: Run;
  readonly plan: Plan;
  readonly effects: Map<string, Effect>;
  readonly driver: Driver;
}

/** What a run remembers of the credential it made: references only. */
export interface Minted {
  readonly record: KeyRecord;
  readonly companions: Readonly<Record<string, string>>;
}

/** Does one step of the plan, or throws HoldError. Steps are repeated from the first after a crash: each finds its own traces. */
export async function steps(step: PlanStep, execution: Execution): Promise<void> {
  const { deps, plan, driver } = execution;
  const name = step.uses.replace(/@1$/, "");
  if (step.manual !== undefined) throw new HoldError("manual-step", `${step.title}: do it at ${step.manual.page}, then /rekey verify`);
  if (name === "credential/recover") return recoverable(execution);
  if (name === "sinks/promote") return promote(execution);
  if (name === "consumers/converged") return converge(execution);
  if (name === "wait") return soak(step, execution);
  if (name === "proof/dead") return proveDead(execution);
  const verb = name.split("/")[1];
  if (verb === "issue") return issue(execution);
  if (verb === "probe") return tryNew(execution);
  const context = await deps.context(plan.facts.connection, driver);
  const record = await named(execution);
  if (verb === "disable") {
    await once(execution, {
      key: step.id,
      destroy: false,
      send: () => driver.disable?.(context, record) ?? missing(driver, "disable"),
      observe: async () => ({ done: (await stateOf(execution, record)) !== "active", result: undefined }),
      event: { type: "contained", run: execution.run.id },
    });
    return;
  }
  await revokeGate(execution, record);
  await once(execution, {
    key: step.id,
    destroy: true,
    send: async () => {
      const secret = driver.manifest.killByPossession ? await recovered(execution) : undefined;
      await (driver.revoke?.(context, record, { attributes: plan.facts.attributes, ...(secret === undefined ? {} : { secret }) }) ??
        missing(driver, "revoke"));
      secret?.wipe();
    },
    // revoking is idempotent in every driver, so a lost answer is settled by sending it again
    observe: async () => ({ done: false }),
    event: { type: "revoked", run: execution.run.id },
  });
}

/** The value must be there before anything is done: without it there is no proof at the end. */
async function recoverable(execution: Execution): Promise<void> {
  if (execution.effects.get("recover")?.state === "confirmed") return;
  const secret = await execution.deps.recover(execution.run.incident);
  if (secret === undefined && execution.driver.manifest.proof !== "control-plane") {
    throw new HoldError(
      "value-not-recovered",
      "the leaked value could not be read again from where it leaked, so its death could not be proven; give it with rekey verify < value, or revoke it by hand",
    );
  }
  secret?.wipe();
  await once(execution, {
    key: "recover",
    destroy: false,
    send: async () => undefined,
    observe: async () => ({ done: true, result: undefined }),
  });
}

/** Makes the new credential and stages it, as one effect: its value is never only in memory. */
async function issue(execution: Execution): Promise<void> {
  const { deps, plan, driver, run } = execution;
  const context = await deps.context(plan.facts.connection, driver);
  const like = await named(execution);
  const request = { name: `rekey-${run.id}`, like, token: run.id };
  await perform<Minted>(deps, execution.lease, execution.effects, {
    key: "issue",
    destroy: false,
    send: async () => {
      const issued = (await driver.issue?.(context, request)) ?? (await missing(driver, "issue"));
      try {
        for (const sink of plan.facts.sinks) await pend(execution, sink, issued);
      } finally {
        issued.secret.wipe();
      }
      return { record: issued.record, companions: issued.companions };
    },
    observe: async () => {
      const staged = await stagedEverywhere(execution);
      const records = (await driver.list?.(context, { attributes: plan.facts.attributes })) ?? [];
      const own = records.filter((record) => record.name === request.name && record.state === "active");
      const [only] = own;
      if (staged !== undefined && only !== undefined && own.length === 1)
        return { done: true, result: { record: only, companions: staged } };
      // its value is lost (or only half staged): what was made is removed, and made again
      await driver.discard?.(context, request);
      for (const sink of plan.facts.sinks) {
        const { sink: store, context: at } = await deps.sink(sink);
        await store.drop(at, sink, run.id);
      }
      return { done: false };
    },
  }).then((minted) => execution.effects.set("issue", { key: "issue", state: "confirmed", destroy: false, result: minted }));
}

async function pend({ deps, run }: Execution, place: PlannedSink, issued: Issued): Promise<void> {
  const { sink, context } = await deps.sink(place);
  await sink.pend(context, place, run.id, sinkFields(place, issued.secret));
}

function sinkFields(place: PlannedSink, secret: Secret): Record<string, Secret> {
  return { [place.field ?? ""]: secret };
}

async function stagedEverywhere({ deps, plan, run }: Execution): Promise<Record<string, string> | undefined> {
  for (const place of plan.facts.sinks) {
    const { sink, context } = await deps.sink(place);
    const fields = await sink.readPending(context, place, run.id);
    if (fields === undefined) return undefined;
    for (const secret of Object.values(fields)) secret.wipe();
  }
  return plan.facts.sinks.length === 0 ? undefined : {};
}

/** The new value, from the secret manager: pending before the promotion, current after it. */
export async function newSecret({ deps, plan, run }: Execution): Promise<Secret> {
  const [place] = plan.facts.sinks;
  if (place === undefined) throw new HoldError("no-sink", "the plan has no place where the new credential is stored");
  const { sink, context } = await deps.sink(place);
  const field = place.field ?? "";
  const pending = await read(deps, "the secret manager", () => sink.readPending(context, place, run.id));
  const value = pending?.[field] ?? (await read(deps, "the secret manager", () => sink.read(context, place)))?.fields[field];
  if (value === undefined)
    throw new HoldError("new-value-gone", `the new value is no longer at ${place.connection}:${place.path}; somebody else removed it`);
  return value;
}

async function tryNew(execution: Execution): Promise<void> {
  const { deps, plan, driver } = execution;
  const context = await deps.context(plan.facts.connection, driver);
  const deadline = (await deps.journal.now()) + driver.manifest.propagation.create * 3 + 30_000;
  for (;;) {
    const secret = await newSecret(execution);
    const { answer, code } = await read(deps, "the provider", () => driver.probe(context, newTarget(execution, secret)));
    secret.wipe();
    if (answer === "alive") return;
    if ((await deps.journal.now()) > deadline)
      throw new HoldError("new-credential-refused", `the new credential is not accepted (${code}); the old one is untouched`);
    await deps.sleep(Math.max(250, Math.min(driver.manifest.propagation.create, 5_000)));
  }
}

export function newTarget({ effects, plan }: Execution, secret: Secret): Target & { secret: Secret } {
  const minted = effects.get("issue")?.result as Minted | undefined;
  return { attributes: { ...plan.facts.attributes, ...minted?.record.attributes, ...minted?.companions }, secret };
}

async function promote(execution: Execution): Promise<void> {
  const { deps, plan, run } = execution;
  for (const [index, place] of plan.facts.sinks.entries()) {
    const { sink, context } = await deps.sink(place);
    const key = `promote-${index}`;
    // the version that our check-and-set builds on is part of the intent, so that a repetition sees somebody else's write
    const from = await once(execution, {
      key: `${key}-from`,
      destroy: false,
      send: async () => (await read(deps, "the secret manager", () => sink.read(context, place)))?.version ?? "0",
      observe: async () => ({ done: false }),
    });
    const done = await once(execution, {
      key,
      destroy: false,
      send: () => sink.promote(context, place, run.id, from),
      // promote is idempotent by contract: what is already current gives its version
      observe: async () => ({ done: false }),
    });
    execution.effects.set(key, { key, state: "confirmed", destroy: false, result: done });
  }
}

async function soak(step: PlanStep, execution: Execution): Promise<void> {
  const { deps, plan } = execution;
  const until = await once(execution, {
    key: step.id,
    destroy: false,
    send: async () => (await deps.journal.now()) + plan.facts.timeouts.soak,
    observe: async () => ({ done: false }),
  });
  await deps.sleep(Math.max(0, until - (await deps.journal.now())));
}

/** The vendor's record of the leaked credential: the one that the plan names, seen again now. */
async function named(execution: Execution): Promise<KeyRecord> {
  const { plan, deps, driver } = execution;
  if (driver.manifest.killByPossession) return { id: "by-possession", state: "active", attributes: plan.facts.attributes };
  const id = plan.facts.named?.id;
  if (id === undefined)
    throw new HoldError("not-named", "the vendor's record of the leaked credential is not known with certainty; revoke it by hand");
  const context = await deps.context(plan.facts.connection, driver);
  const records = (await read(deps, "the provider", async () => driver.list?.(context, { attributes: plan.facts.attributes }))) ?? [];
  return records.find((record) => record.id === id) ?? { id, state: "gone", attributes: plan.facts.attributes };
}

async function stateOf(execution: Execution, { id }: KeyRecord): Promise<KeyRecord["state"]> {
  const record = await named(execution);
  return record.id === id ? record.state : "gone";
}

async function recovered(execution: Execution): Promise<Secret> {
  const secret = await execution.deps.recover(execution.run.incident);
  if (secret === undefined) throw new HoldError("value-not-recovered", "the leaked value could not be read again; revoke it by hand");
  return secret;
}

/** Like `perform`, and emits the event the first time it is confirmed. */
async function once<T>(
  { deps, lease, effects, run }: Execution,
  { event, ...request }: Parameters<typeof perform<T>>[3] & { event?: Parameters<RotationDeps["emit"]>[1][number] },
): Promise<T> {
  const before = effects.get(request.key)?.state === "confirmed";
  const result = await perform<T>(deps, lease, effects, request);
  effects.set(request.key, { key: request.key, state: "confirmed", destroy: request.destroy, result });
  if (!before && event !== undefined) await deps.emit(run.incident, [event]);
  return result;
}

function missing(driver: Driver, verb: string): never {
  throw new HoldError("verb-missing", `${driver.manifest.name} has no API to ${verb}; do it at ${driver.manifest.pages.revoke}`);
}
