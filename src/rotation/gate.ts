import type { KeyRecord } from "../driver.ts";
import { HoldError } from "../errors.ts";
import { behind, type LastUsed, type LastUsedWatch, usedSince } from "./consumers.ts";
import { read } from "./effect.ts";
import { type Execution, endOfOld, newTarget, newValue } from "./execution.ts";

/** Waits until every declared consumer is shown to use the new credential (contracts.md §8), or holds. */
export async function converge(execution: Execution, timeout = execution.plan.facts.timeouts.consumers): Promise<void> {
  const { deps, run, effects } = execution;
  if (effects.get("converged")?.state === "confirmed") return;
  const deadline = (await deps.journal.now()) + timeout;
  const watch: LastUsedWatch = {};
  for (;;) {
    const waiting = await behind(execution, watch);
    if (waiting.length === 0) break;
    if ((await deps.journal.now()) > deadline) {
      throw new HoldError(
        "consumers-behind",
        `${waiting.join(", ")} did not report the new version within ${Math.round(timeout / 1000)} s; ${oldFate(execution)}. Restart the consumer (or confirm it), then rotate again`,
      );
    }
    await deps.sleep(500);
  }
  const result: LastUsed = watch.old === undefined ? {} : { old: watch.old };
  await deps.journal.intend(execution.lease, { key: "converged", destroy: false });
  await deps.journal.settle(execution.lease, "converged", "confirmed", result);
  effects.set("converged", { key: "converged", state: "confirmed", destroy: false, result });
  await deps.emit(run.incident, [{ type: "replaced", run: run.id }]);
}

function oldFate(execution: Execution): string {
  const end = endOfOld(execution);
  return end === undefined
    ? "both credentials are alive, and the old one stays so"
    : `the new value is alive, and the vendor ends the old one at ${end}, which nothing can put off`;
}

/**
 * The last look before the first destroying effect: consumers still on the new version, the new credential alive, the old one's
 * record still the one that was named. Reads the world again and trusts nothing that was read before.
 */
export async function revokeGate(execution: Execution, record: KeyRecord): Promise<void> {
  const { plan, deps, driver, effects } = execution;
  const minted = effects.get("issue")?.state === "confirmed";
  if (!minted) {
    if (plan.facts.mode === "revoke-first" || plan.facts.consumers === "none") return;
    throw new HoldError(
      "not-replaced",
      "the old credential has no replacement yet, and this plan may not revoke before it has; nothing was destroyed",
    );
  }
  const late = await lateAtGate(execution);
  if (late.length > 0)
    throw new HoldError("consumers-behind", `${late.join(", ")} no longer runs on the new version; the old credential stays alive`);
  if (record.id !== plan.facts.named?.id) throw new HoldError("not-named", "the record to revoke is not the one that was approved");
  const context = await deps.context(plan.facts.connection, driver);
  const value = await newValue(execution);
  const { answer, code } = await read(deps, "the provider", () => driver.probe(context, newTarget(execution, value)));
  value.secret.wipe();
  if (answer !== "alive")
    throw new HoldError("new-credential-refused", `the new credential is no longer accepted (${code}); the old one is not touched`);
}

/** The soak of `last_used` is not repeated: the old one must only rest since. */
async function lateAtGate(execution: Execution): Promise<string[]> {
  const { consumers } = execution.plan.facts;
  const byUse = typeof consumers === "string" ? [] : consumers.filter(({ report }) => report === "last-used");
  const others = typeof consumers === "string" ? consumers : consumers.filter(({ report }) => report !== "last-used");
  const narrowed: Execution = { ...execution, plan: { ...execution.plan, facts: { ...execution.plan.facts, consumers: others } } };
  const late = await behind(narrowed, {});
  const rested = (execution.effects.get("converged")?.result ?? {}) as LastUsed;
  return byUse.length > 0 && (await usedSince(execution, rested)) ? [...late, ...byUse.map(({ name }) => name)] : late;
}
