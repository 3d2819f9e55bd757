import { HoldError } from "../errors.ts";
import type { Execution } from "./step.ts";

/** Takes back, in reverse order, what the run did before its point of no return: promotions, the disable, the staged value, the new credential. */
export async function undo(execution: Execution): Promise<void> {
  const { deps, plan, run, effects, driver, lease } = execution;
  const context = await deps.context(plan.facts.connection, driver);
  for (const [index, place] of [...plan.facts.sinks.entries()].reverse()) {
    const promoted = effects.get(`promote-${index}`);
    const from = effects.get(`promote-${index}-from`)?.result;
    if (promoted?.state !== "confirmed" || typeof from !== "string") continue;
    const { sink, context: at } = await deps.sink(place);
    if (!sink.manifest.undo)
      throw new HoldError("undo-by-hand", `${place.connection}:${place.path} cannot be put back by API; do it by hand`);
    await sink.restore(at, place, run.id, { from: (promoted.result as { version: string }).version, to: from });
    await deps.journal.settle(lease, `promote-${index}`, "undone");
  }
  for (const key of ["disable", "contain"]) {
    if (effects.get(key)?.state !== "confirmed" || plan.facts.named === undefined) continue;
    await driver.enable?.(context, { id: plan.facts.named.id, state: "disabled", attributes: plan.facts.attributes });
    await deps.journal.settle(lease, key, "undone");
  }
  await removeLeftovers(execution);
  if (effects.has("issue") && plan.facts.named !== undefined) {
    await driver.discard?.(context, {
      name: `rekey-${run.id}`,
      like: { id: plan.facts.named.id, state: "active", attributes: plan.facts.attributes },
    });
    await deps.journal.settle(lease, "issue", "undone");
  }
}

/** The pending entries of this run: they expire by themselves, but only softly. */
export async function removeLeftovers({ deps, plan, run }: Execution): Promise<void> {
  for (const place of plan.facts.sinks) {
    const { sink, context } = await deps.sink(place);
    await sink.drop(context, place, run.id);
  }
}
