import type { Clock, IncidentFacts } from "../incident/fold.ts";
import { millisecondsOf } from "./moment.ts";
import { isCounted } from "./summary.ts";

export type FunnelStage = "detected" | "owned" | "acknowledged" | "replaced" | "revoked" | "dead";

/** How many got so far, and how long the way from the stage before took. */
export interface FunnelStep {
  readonly stage: FunnelStage;
  readonly reached: number;
  /** Milliseconds since the stage before (with a time of its own), median of those that have both; absent where nobody has. */
  readonly median?: number;
  /** How many `median` is made of. */
  readonly n: number;
}

/**
 * Where the time goes: new leaks by the stage that they reached. `owned` has no time of its own, so it counts but takes none.
 * A stage that an incident skipped (no new credential was needed) is not held against it: only what is stamped is counted.
 */
export function funnel(incidents: readonly IncidentFacts[]): FunnelStep[] {
  const tallies = stages.map(() => ({ reached: 0, times: [] as number[] }));
  for (const incident of incidents) {
    if (incident.preExisting || !isCounted(incident)) continue;
    for (const [index, tally] of tallies.entries()) {
      const { at, since } = stages[index] ?? {};
      const to = at?.(incident.clock);
      if (at === undefined ? incident.owner !== undefined : to !== undefined) tally.reached++;
      const from = to === undefined ? undefined : since?.(incident.clock);
      if (from !== undefined && to !== undefined) tally.times.push(Math.max(0, millisecondsOf(to) - millisecondsOf(from)));
    }
  }
  return tallies.map(({ reached, times }, index) => {
    const middle = median(times);
    return { stage: stages[index]?.stage ?? "detected", reached, ...(middle === undefined ? {} : { median: middle }), n: times.length };
  });
}

type Stamp = (clock: Clock) => string | undefined;

const stages: readonly { stage: FunnelStage; at?: Stamp; since?: Stamp }[] = [
  { stage: "detected", at: ({ detected }) => detected, since: ({ exposed }) => exposed },
  { stage: "owned" },
  { stage: "acknowledged", at: ({ acknowledged }) => acknowledged, since: ({ detected }) => detected },
  { stage: "replaced", at: ({ replaced }) => replaced, since: ({ acknowledged }) => acknowledged },
  { stage: "revoked", at: ({ revoked }) => revoked, since: ({ replaced, acknowledged }) => replaced ?? acknowledged },
  { stage: "dead", at: ({ dead }) => dead, since: ({ revoked }) => revoked },
];

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}
