import type { KeyRecord } from "../driver.ts";
import { HoldError } from "../errors.ts";
import type { PlannedConsumer, PlannedSink } from "../playbook/plan.ts";
import type { RotationDeps } from "./deps.ts";
import { read } from "./effect.ts";
import { type Execution, newTarget, newValue } from "./execution.ts";

/** Waits until every declared consumer has said that it runs on the promoted version (contracts.md §8), or holds. */
export async function converge(execution: Execution, timeout = execution.plan.facts.timeouts.consumers): Promise<void> {
  const { deps, run, effects } = execution;
  if (effects.get("converged")?.state === "confirmed") return;
  const deadline = (await deps.journal.now()) + timeout;
  for (;;) {
    const waiting = await behind(execution);
    if (waiting.length === 0) break;
    if ((await deps.journal.now()) > deadline) {
      throw new HoldError(
        "consumers-behind",
        `${waiting.join(", ")} did not report the new version within ${Math.round(timeout / 1000)} s; the old credential stays alive. Restart the consumer, then rotate again`,
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
async function behind({ deps, plan, effects }: Execution): Promise<string[]> {
  const { consumers, sinks } = plan.facts;
  if (consumers === "none") return [];
  if (consumers === "unknown") return ["a consumer that nobody declared"];
  const late: string[] = [];
  for (const consumer of consumers) {
    const current = await Promise.all(sinks.map((sink, index) => onVersion(deps, consumer, sink, promotedVersion(effects, index))));
    if (!current.some(Boolean)) late.push(consumer.name);
  }
  return late;
}

/** Names of consumers whose last word is that they run on what this run promoted and has put back since. */
export async function stillOn({ deps, plan, effects }: Execution): Promise<string[]> {
  if (typeof plan.facts.consumers === "string") return [];
  const late: string[] = [];
  for (const consumer of plan.facts.consumers) {
    for (const [index, sink] of plan.facts.sinks.entries()) {
      const version = promotedVersion(effects, index);
      if (version !== undefined && (await latestReport(deps, consumer, sink)) === version) late.push(consumer.name);
    }
  }
  return late;
}

function promotedVersion(effects: Execution["effects"], index: number): string | undefined {
  return (effects.get(`promote-${index}`)?.result as { version: string } | undefined)?.version;
}

async function onVersion(deps: RotationDeps, consumer: PlannedConsumer, sink: PlannedSink, version: string | undefined): Promise<boolean> {
  if (consumer.report !== "version" || version === undefined) return false;
  const latest = await latestReport(deps, consumer, sink);
  return latest !== undefined && (latest === version || newer(latest, version));
}

async function latestReport(deps: RotationDeps, { name }: PlannedConsumer, sink: PlannedSink): Promise<string | undefined> {
  return (await deps.reports(name, sink)).toSorted((a, b) => b.at - a.at)[0]?.version;
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
  const value = await newValue(execution);
  const { answer, code } = await read(deps, "the provider", () => driver.probe(context, newTarget(execution, value)));
  value.secret.wipe();
  if (answer !== "alive")
    throw new HoldError("new-credential-refused", `the new credential is no longer accepted (${code}); the old one is not touched`);
}
