import type { IncidentFacts } from "../incident/fold.ts";
import { isCredential } from "../incident/runtime.ts";
import { millisecondsOf } from "./moment.ts";
import { durationOf, isCounted } from "./summary.ts";
import { type Duration, kaplanMeier, quantile } from "./survival.ts";

const day = 86_400_000;
const week = 7 * day;

/** One week, Monday 00:00 UTC to Monday 00:00 UTC. Durations in milliseconds. */
export interface Week {
  /** Its Monday, `2026-03-02`. */
  readonly monday: string;
  /** New leaks detected in it, without false positives and what was dead when found. */
  readonly detected: number;
  /** How many of those are proven dead by now. */
  readonly dead: number;
  /** Time to remediate of those, Kaplan–Meier; absent while the curve has not come down so far. */
  readonly median?: number;
  readonly p90?: number;
  /** Incidents that were closed in it, whenever they were detected and however they ended. */
  readonly closed: number;
  /** Still open at its end (or now), pre-existing ones included. */
  readonly openAtEnd: number;
  readonly preExistingOpenAtEnd: number;
}

/** The last `count` weeks up to the one of `now` (ISO 8601 UTC), oldest first. One pass, however many weeks there are. */
export function weekly(incidents: readonly IncidentFacts[], now: string, count = 13): Week[] {
  const first = mondayOf(millisecondsOf(now)) - (count - 1) * week;
  const weeks = Array.from({ length: count }, () => ({ leaks: [] as Duration[], closed: 0, open: 0, preExistingOpen: 0 }));
  for (const incident of incidents) {
    if (!isCredential(incident)) continue;
    const { clock, preExisting } = incident;
    const from = Math.floor((millisecondsOf(clock.detected) - first) / week);
    const until = clock.closed === undefined ? count : Math.floor((millisecondsOf(clock.closed) - first) / week);
    const ended = weeks[until];
    if (ended !== undefined) ended.closed++;
    const began = weeks[from];
    if (began !== undefined && !preExisting && isCounted(incident)) began.leaks.push(durationOf(incident, clock.detected, now));
    for (let index = Math.max(0, from); index < until; index++) {
      const one = weeks[index];
      if (one === undefined) break;
      one.open++;
      if (preExisting) one.preExistingOpen++;
    }
  }
  return weeks.map(({ leaks, closed, open, preExistingOpen }, index) => {
    const survival = kaplanMeier(leaks);
    const [median, p90] = [quantile(survival, 0.5), quantile(survival, 0.9)];
    return {
      monday: new Date(first + index * week).toISOString().slice(0, 10),
      detected: leaks.length,
      dead: survival.events,
      ...(median === undefined ? {} : { median }),
      ...(p90 === undefined ? {} : { p90 }),
      closed,
      openAtEnd: open,
      preExistingOpenAtEnd: preExistingOpen,
    };
  });
}

/** 1970-01-01 was a Thursday. */
function mondayOf(at: number): number {
  const days = Math.floor(at / day);
  return (days - ((days + 3) % 7)) * day;
}
