import type { Prepared } from "../driver.ts";
import { HoldError } from "../errors.ts";
import type { PlannedSink } from "../playbook/plan.ts";
import { stillOn } from "./consumers.ts";
import { read } from "./effect.ts";
import { type Execution, type Minted, named, newValue, once } from "./execution.ts";
import { dropStaged, stagedEverywhere } from "./issue.ts";
import { put } from "./promote.ts";
import { fieldsOf, valueIn } from "./stored-value.ts";

/**
 * Takes back what the run did before its point of no return, each part journaled and repeatable: the old credential works again
 * first, then the places hold it again, then the consumers are waited for, and only then the new credential goes.
 */
export async function undo(execution: Execution): Promise<void> {
  await enable(execution);
  for (const [index, place] of inUndoOrder(execution.plan.facts.sinks)) await restore(execution, index, place);
  await leaveNew(execution);
  await discard(execution);
  await dropStaged(execution);
}

/** The last that was written comes first; what copies another place comes after all others. */
function inUndoOrder(sinks: readonly PlannedSink[]): [number, PlannedSink][] {
  return [...sinks.entries()].reverse().toSorted(([, a], [, b]) => Number(a.refresh === true) - Number(b.refresh === true));
}

/** Also where the answer of disabling was lost: enabling what is enabled changes nothing. */
async function enable(execution: Execution): Promise<void> {
  const { deps, plan, effects, driver, lease } = execution;
  for (const step of plan.steps.filter(({ uses }) => uses.endsWith("/disable@1"))) {
    const before = effects.get(step.id)?.state;
    if (before === undefined || before === "undone") continue;
    const context = await deps.context(plan.facts.connection, driver);
    const record = await named(execution);
    if (record.state === "gone")
      throw new HoldError(
        "old-gone",
        "the leaked credential is gone at the provider, so it cannot be enabled again; the new one stays in use. Finish by hand",
      );
    await once(execution, {
      key: `undo-${step.id}`,
      destroy: false,
      send: async () => driver.enable?.(context, record),
      observe: async () => ({ done: false }),
    });
    await deps.journal.settle(lease, step.id, "undone");
  }
}

async function restore(execution: Execution, index: number, place: PlannedSink): Promise<void> {
  const { deps, run, effects, lease } = execution;
  const key = `promote-${index}`;
  const [promoted, from] = [effects.get(key), effects.get(`${key}-from`)?.result];
  if (promoted === undefined || promoted.state === "undone" || typeof from !== "string") return;
  const ours = await versionOfOurs(execution, place, from, promoted.result);
  if (ours !== undefined) {
    const { sink, context } = await deps.sink(place);
    if (!sink.manifest.undo) await put(execution, place, { key: `undo-${key}`, from: ours, fields: () => oldFields(execution, place) });
    else
      await once(execution, {
        key: `undo-${key}`,
        destroy: false,
        send: () => sink.restore(context, place, run.id, { from: ours, to: from }),
        observe: async () => ({ done: false }),
      });
  }
  await deps.journal.settle(lease, key, "undone");
}

/** A place without versions gets the old credential from one that has them, or the leaked value, read again from where it leaked. */
async function oldFields(execution: Execution, place: PlannedSink): Promise<ReturnType<typeof fieldsOf>> {
  const old = (await oldVersion(execution)) ?? (place.companions === undefined ? await leakedValue(execution) : undefined);
  if (old === undefined || place.format !== undefined) {
    throw new HoldError(
      "undo-by-hand",
      `${place.connection}:${place.path} holds the new credential, and the old one could not be read again. Both credentials work; put the old one back by hand, then cancel again`,
    );
  }
  const fields = fieldsOf(place, old, undefined);
  old.secret.wipe();
  return fields;
}

async function oldVersion({ deps, plan, effects }: Execution): Promise<Prepared | undefined> {
  for (const [index, place] of plan.facts.sinks.entries()) {
    const version = effects.get(`promote-${index}-from`)?.result;
    const { sink, context } = await deps.sink(place);
    if (!sink.manifest.readBack || !sink.manifest.undo || typeof version !== "string" || version === "0") continue;
    const value = valueIn(place, (await read(deps, "the secret manager", () => sink.read(context, place, version)))?.fields);
    if (value !== undefined) return value;
  }
  return undefined;
}

async function leakedValue({ deps, run }: Execution): Promise<Prepared | undefined> {
  const secret = await deps.recover(run.incident);
  return secret === undefined ? undefined : { secret, companions: {} };
}

/** The current version, if it is what this run promoted: by its journal, or, where the answer was lost, by the value. */
async function versionOfOurs(execution: Execution, place: PlannedSink, from: string, result: unknown): Promise<string | undefined> {
  const { deps, effects } = execution;
  if (typeof result === "object" && result !== null && "version" in result) return String(result.version);
  if (effects.get("issue") === undefined) return undefined;
  const { sink, context } = await deps.sink(place);
  const current = await read(deps, "the secret manager", () => sink.read(context, place));
  // what cannot be read back is ours if it was written since: then the old value goes over it
  if (!sink.manifest.readBack) return current?.version === from ? undefined : current?.version;
  const [stored, fresh] = [valueIn(place, current?.fields)?.secret, (await newValue(execution)).secret];
  const same = stored !== undefined && stored.reveal() === fresh.reveal();
  stored?.wipe();
  fresh.wipe();
  return same ? current?.version : undefined;
}

/** A consumer that took the new credential up must have left it before it goes. */
async function leaveNew(execution: Execution): Promise<void> {
  const { deps, plan } = execution;
  const deadline = (await deps.journal.now()) + plan.facts.timeouts.consumers;
  for (;;) {
    const late = await stillOn(execution);
    if (late.length === 0) return;
    if ((await deps.journal.now()) > deadline) {
      throw new HoldError(
        "consumers-on-new",
        `${late.join(", ")} still uses the new credential, so it stays alive beside the old one. Restart the consumer, then cancel again`,
      );
    }
    await deps.sleep(500);
  }
}

async function discard(execution: Execution): Promise<void> {
  const { deps, plan, run, effects, driver, lease } = execution;
  const issued = effects.get("issue");
  if (issued === undefined || issued.state === "undone" || plan.facts.named === undefined) return;
  const context = await deps.context(plan.facts.connection, driver);
  const companions = (issued.result as Minted | undefined)?.companions ?? (await stagedEverywhere(execution))?.companions ?? {};
  const like = await named(execution);
  await once(execution, {
    key: "undo-issue",
    destroy: false,
    send: async () => driver.discard?.(context, { name: `rekey-${run.id}`, like, companions }),
    observe: async () => ({ done: false }),
  });
  await deps.journal.settle(lease, "issue", "undone");
}
