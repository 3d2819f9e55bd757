import type { Sink } from "../driver.ts";
import { HoldError } from "../errors.ts";
import type { PlannedSink } from "../playbook/plan.ts";
import { read } from "./effect.ts";
import { type Execution, newValue, once } from "./execution.ts";
import { fieldsOf, wipe } from "./stored-value.ts";

/** Makes the new credential current in every place, one after the other. */
export async function promote(execution: Execution): Promise<void> {
  const { deps, plan } = execution;
  for (const [index, place] of plan.facts.sinks.entries()) {
    if (place.staging === true) continue;
    const { sink, context } = await deps.sink(place);
    const key = `promote-${index}`;
    // the version that our check-and-set builds on is part of the intent, so that a repetition sees somebody else's write
    const from = await once(execution, {
      key: `${key}-from`,
      destroy: false,
      send: async () => (await read(deps, "the secret manager", () => sink.read(context, place)))?.version ?? "0",
      observe: async () => ({ done: false }),
    });
    await put(execution, place, { key, from, fields: () => fieldsToPromote(execution, place, sink) });
  }
}

/**
 * Promotes as one effect of the journal. It is idempotent by contract: what is already current gives its version. A place that cannot be
 * read back cannot say whose write it holds, so that after a lost answer the same value is put onto whatever stands there now.
 */
export async function put(
  execution: Execution,
  place: PlannedSink,
  { key, from, fields }: { key: string; from: string; fields(): Promise<ReturnType<typeof fieldsOf> | undefined> },
): Promise<{ version: string }> {
  const { deps, run } = execution;
  const { sink, context } = await deps.sink(place);
  let base = from;
  return once(execution, {
    key,
    destroy: false,
    send: async () => {
      const values = await fields();
      try {
        return await sink.promote(context, place, run.id, base, values);
      } finally {
        wipe(values);
      }
    },
    observe: async () => {
      if (!sink.manifest.readBack) base = (await sink.read(context, place))?.version ?? "0";
      return { done: false };
    },
  });
}

/** The values once more, for a sink that had no pending place for them; and for a URL a look whether its host is still the staged one. */
async function fieldsToPromote(execution: Execution, place: PlannedSink, sink: Sink): Promise<ReturnType<typeof fieldsOf> | undefined> {
  const { deps, run } = execution;
  if (place.refresh === true) return undefined;
  const pending = place.lacks?.includes("pending") !== true;
  if (pending && place.format !== "url") return undefined;
  const { context } = await deps.sink(place);
  const current = place.format === "url" ? await sink.read(context, place) : undefined;
  const value = await newValue(execution);
  const fields = fieldsOf(place, value, current?.fields);
  value.secret.wipe();
  wipe(current?.fields);
  if (!pending) return fields;
  const staged = await sink.readPending(context, place, run.id);
  const field = place.field ?? "";
  const same = staged === undefined || staged[field]?.reveal() === fields[field]?.reveal();
  wipe(staged);
  wipe(fields);
  if (same) return undefined;
  throw new HoldError(
    "sink-conflict",
    `${place.connection}:${place.path}: somebody changed the URL after the new one was staged; their version stays. Cancel this run and rotate again`,
  );
}
