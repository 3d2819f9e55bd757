import type { Driver, KeyRecord, Prepared, Target } from "../driver.ts";
import { HoldError } from "../errors.ts";
import type { Plan } from "../playbook/plan.ts";
import type { Secret } from "../secret.ts";
import type { RotationDeps } from "./deps.ts";
import { perform, read } from "./effect.ts";
import type { Effect, Lease, Run } from "./journal.ts";
import { valueIn } from "./stored-value.ts";

/** One run in the hands of the worker that holds its lease. */
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
  /** Of the new value: should it leak too, that is seen (a regression). */
  readonly fingerprint?: string;
  /** After a roll: when the old value stops working, ISO 8601. */
  readonly oldEndsAt?: string;
}

/** When the old value stops working by itself, because the leaked credential's own record was given a new one; ISO 8601. */
export function endOfOld({ effects, plan }: Pick<Execution, "effects" | "plan">): string | undefined {
  const issued = effects.get("issue");
  const minted = issued?.state === "confirmed" ? (issued.result as Minted) : undefined;
  return minted?.record.id === plan.facts.named?.id ? minted?.oldEndsAt : undefined;
}

/** `perform`, remembered in this execution; emits the event the first time it is confirmed. */
export async function once<T>(
  { deps, lease, effects, run }: Execution,
  { event, ...request }: Parameters<typeof perform<T>>[3] & { event?: Parameters<RotationDeps["emit"]>[1][number] },
): Promise<T> {
  const before = effects.get(request.key)?.state === "confirmed";
  const result = await perform<T>(deps, lease, effects, request);
  effects.set(request.key, { key: request.key, state: "confirmed", destroy: request.destroy, result });
  if (!before && event !== undefined) await deps.emit(run.incident, [event]);
  return result;
}

/** The vendor's record of the leaked credential: the one that the plan names, seen again now. */
export async function named({ plan, deps, driver }: Execution): Promise<KeyRecord> {
  if (driver.manifest.killByPossession) return { id: "by-possession", state: "active", attributes: plan.facts.attributes };
  const id = plan.facts.named?.id;
  if (id === undefined)
    throw new HoldError("not-named", "the vendor's record of the leaked credential is not known with certainty; revoke it by hand");
  const context = await deps.context(plan.facts.connection, driver);
  const records = (await read(deps, "the provider", async () => driver.list?.(context, { attributes: plan.facts.attributes }))) ?? [];
  return records.find((record) => record.id === id) ?? { id, state: "gone", attributes: plan.facts.attributes };
}

/** The leaked value. The caller wipes it. */
export async function recovered(execution: Execution): Promise<Secret> {
  const secret = await execution.deps.recover(execution.run.incident);
  if (secret === undefined) throw new HoldError("value-not-recovered", "the leaked value could not be read again; revoke it by hand");
  return secret;
}

/** The new credential, from the secret manager: pending before the promotion, current after it. The caller wipes it. */
export async function newValue({ deps, plan, run }: Execution): Promise<Prepared> {
  const place = plan.facts.sinks.find(({ lacks = [] }) => !lacks.includes("pending") && !lacks.includes("readBack"));
  if (place === undefined) throw new HoldError("no-sink", "the plan has no place where the new credential is stored and can be read again");
  const { sink, context } = await deps.sink(place);
  const pending = valueIn(place, await read(deps, "the secret manager", () => sink.readPending(context, place, run.id)));
  const value = pending ?? valueIn(place, (await read(deps, "the secret manager", () => sink.read(context, place)))?.fields);
  if (value === undefined)
    throw new HoldError("new-value-gone", `the new value is no longer at ${place.connection}:${place.path}; somebody else removed it`);
  return value;
}

/** The new credential as a driver's probe takes it. */
export function newTarget({ effects, plan }: Execution, { secret, companions }: Prepared): Target & { secret: Secret } {
  const minted = effects.get("issue")?.result as Minted | undefined;
  return { attributes: { ...plan.facts.attributes, ...minted?.record.attributes, ...companions, ...minted?.companions }, secret };
}

export function missing(driver: Driver, verb: string): never {
  throw new HoldError("verb-missing", `${driver.manifest.name} has no API to ${verb}; do it at ${driver.manifest.pages.revoke}`);
}
