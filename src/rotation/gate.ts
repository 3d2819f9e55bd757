import type { KeyRecord } from "../driver.ts";
import { HoldError } from "../errors.ts";
import type { PlannedConsumer, PlannedSink } from "../playbook/plan.ts";
import { read } from "./effect.ts";
import { type Execution, newSecret, newTarget } from "./step.ts";

/** Waits until every declared consumer has said that it runs on the promoted version (contracts.md §8), or holds. */
export async function converge(execution: Execution): Promise<void> {
  const { deps, plan, run, effects } = execution;
  if (effects.get("converged")?.state === "confirmed") return;
  const deadline = (await deps.journal.now()) + plan.facts.timeouts.consumers;
  for (;;) {
    const waiting = await behind(execution);
    if (waiting.length === 0) break;
    if ((await deps.journal.now()) > deadline) {
      throw new HoldError(
        "consumers-behind",
        `${waiting.join(", ")} did not report the new version within ${Math.round(plan.facts.timeouts.consumers / 1000)} s; the old credential stays alive. Restart the consumer, then rotate again`,
      );
    }
    await deps.sleep(500);
  }
  await deps.journal.intend(execution.lease, { key: "converged", destroy: false });
  await deps.journal.settle(execution.lease, "converged", "confirmed");
  effects.set("converged", { key: "converged", state: "confirmed", destroy: false });
  await deps.emit(run.incident, [{ type: "replaced", run: run.id }]);
}

/** Names of declared consumers that have not reported the promoted version of the place they read. */
async function behind(execution: Execution): Promise<string[]> {
  const { plan, deps, effects } = execution;
  const { consumers, sinks } = plan.facts;
  if (consumers === "none") return [];
  if (consumers === "unknown") return ["a consumer that nobody declared"];
  const late: string[] = [];
  for (const consumer of consumers) {
    const promoted = sinks.map((sink, index) => ({
      sink,
      version: (effects.get(`promote-${index}`)?.result as { version: string } | undefined)?.version,
    }));
    const current = await Promise.all(promoted.map(({ sink, version }) => onVersion(execution, consumer, sink, version)));
    if (!current.some(Boolean)) late.push(consumer.name);
  }
  return late;

  async function onVersion(_: Execution, consumer: PlannedConsumer, sink: PlannedSink, version: string | undefined): Promise<boolean> {
    if (consumer.report !== "version" || version === undefined) return false;
    const latest = (await deps.reports(consumer.name, sink)).toSorted((a, b) => b.at - a.at)[0];
    return latest !== undefined && (latest.version === version || newer(latest.version, version));
  }
}

/** KV v2 counts versions; AWS version ids are only equal or not. */
function newer(reported: string, promoted: string): boolean {
  return /^\d+$/.test(reported) && /^\d+$/.test(promoted) && Number(reported) > Number(promoted);
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
    throw new HoldError("not-replaced", "the old credential has no replacement yet");
  }
  const late = await behind(execution);
  if (late.length > 0)
    throw new HoldError("consumers-behind", `${late.join(", ")} no longer runs on the new version; the old credential stays alive`);
  if (record.id !== plan.facts.named?.id) throw new HoldError("not-named", "the record to revoke is not the one that was approved");
  const context = await deps.context(plan.facts.connection, driver);
  const secret = await newSecret(execution);
  const { answer, code } = await read(deps, "the provider", () => driver.probe(context, newTarget(execution, secret)));
  secret.wipe();
  if (answer !== "alive")
    throw new HoldError("new-credential-refused", `the new credential is no longer accepted (${code}); the old one is not touched`);
}
