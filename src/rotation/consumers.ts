import type { KeyRecord } from "../driver.ts";
import type { PlannedConsumer, PlannedSink } from "../playbook/plan.ts";
import type { RotationDeps } from "./deps.ts";
import { read } from "./effect.ts";
import type { Execution, Minted } from "./execution.ts";

/** When the vendor last saw a use, as it stood when the consumers were found on the new credential. */
export interface LastUsed {
  readonly old?: string;
}

/** A look at the vendor's `last_used` over time: the old one must rest for the soak time while the new one is used. */
export interface LastUsedWatch {
  old?: string;
  /** Milliseconds since the epoch: since when `old` is as it is. */
  since?: number;
}

/**
 * Names of declared consumers of which it is not shown that they use the new credential: by the version that they report, by a person's
 * word, or by the vendor's record of uses. Reads the world, and nothing from memory but `watch`.
 */
export async function behind(execution: Execution, watch: LastUsedWatch): Promise<string[]> {
  const { deps, plan, effects } = execution;
  const { consumers, sinks } = plan.facts;
  if (consumers === "none") return [];
  if (consumers === "unknown") return ["a consumer that nobody declared"];
  const late: string[] = [];
  for (const consumer of consumers.filter(({ report }) => report !== "last-used")) {
    if (!(await onEveryPlace(deps, consumer, sinks, effects)))
      late.push(consumer.report === "confirm" ? `${consumer.name} (a person must confirm it)` : consumer.name);
  }
  const seen = consumers.filter(({ report }) => report === "last-used");
  if (seen.length > 0 && !(await restsWhileNewIsUsed(execution, watch)))
    late.push(
      ...seen.map(({ name }) => `${name} (the vendor's last use of the old credential still moves, or the new one is not used yet)`),
    );
  return late;
}

/** Whether the old credential has been used since it was found at rest. */
export async function usedSince(execution: Execution, { old }: LastUsed): Promise<boolean> {
  const records = await recordsOf(execution);
  return records.old?.lastUsedAt !== old;
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

async function restsWhileNewIsUsed(execution: Execution, watch: LastUsedWatch): Promise<boolean> {
  const { old, fresh } = await recordsOf(execution);
  const now = await execution.deps.journal.now();
  if (watch.since === undefined || old?.lastUsedAt !== watch.old) {
    watch.since = now;
    if (old?.lastUsedAt === undefined) delete watch.old;
    else watch.old = old.lastUsedAt;
  }
  return fresh?.lastUsedAt !== undefined && now - watch.since >= execution.plan.facts.timeouts.soak;
}

/** The vendor's records of the leaked credential and of the new one, from a complete list. */
async function recordsOf({ deps, plan, driver, effects }: Execution): Promise<{ old?: KeyRecord; fresh?: KeyRecord }> {
  const context = await deps.context(plan.facts.connection, driver);
  const records = (await read(deps, "the provider", async () => driver.list?.(context, { attributes: plan.facts.attributes }))) ?? [];
  const minted = effects.get("issue")?.result as Minted | undefined;
  const [old, fresh] = [plan.facts.named?.id, minted?.record.id].map((id) => records.find((record) => record.id === id));
  return { ...(old === undefined ? {} : { old }), ...(fresh === undefined ? {} : { fresh }) };
}

function promotedVersion(effects: Execution["effects"], index: number): string | undefined {
  return (effects.get(`promote-${index}`)?.result as { version: string } | undefined)?.version;
}

/** A consumer that reads several places must have left the old version of each: those are the places that it ever reported for. */
async function onEveryPlace(
  deps: RotationDeps,
  consumer: PlannedConsumer,
  sinks: readonly PlannedSink[],
  effects: Execution["effects"],
): Promise<boolean> {
  const states = await Promise.all(
    sinks.map(async (sink, index) => {
      const [latest, version] = [await latestReport(deps, consumer, sink), promotedVersion(effects, index)];
      return latest === undefined ? "elsewhere" : version !== undefined && (latest === version || newer(latest, version)) ? "new" : "old";
    }),
  );
  return states.includes("new") && !states.includes("old");
}

async function latestReport(deps: RotationDeps, { name }: PlannedConsumer, sink: PlannedSink): Promise<string | undefined> {
  return (await deps.reports(name, sink)).toSorted((a, b) => b.at - a.at)[0]?.version;
}

/** KV v2 counts versions; AWS version ids are only equal or not. */
function newer(reported: string, promoted: string): boolean {
  return /^\d+$/.test(reported) && /^\d+$/.test(promoted) && Number(reported) > Number(promoted);
}
