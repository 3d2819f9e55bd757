import type { IncidentFacts } from "../incident/fold.ts";
import { durationOf, isCounted } from "./summary.ts";
import { kaplanMeier, quantile } from "./survival.ts";

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

/** The last `count` weeks up to the one of `now` (ISO 8601 UTC), oldest first. */
export function weekly(incidents: readonly IncidentFacts[], now: string, count = 13): Week[] {
  const last = mondayOf(Date.parse(now));
  return Array.from({ length: count }, (_, index) => {
    const start = last - (count - 1 - index) * week;
    return weekOf(incidents, start, Math.min(start + week, Date.parse(now)), now);
  });
}

function weekOf(incidents: readonly IncidentFacts[], start: number, end: number, now: string): Week {
  const within = (at: string | undefined) => at !== undefined && Date.parse(at) >= start && Date.parse(at) < end;
  const leaked = incidents.filter((incident) => !incident.preExisting && isCounted(incident) && within(incident.clock.detected));
  const survival = kaplanMeier(leaked.map((incident) => durationOf(incident, incident.clock.detected, now)));
  const open = incidents.filter(
    ({ clock }) => Date.parse(clock.detected) < end && (clock.closed === undefined || Date.parse(clock.closed) >= end),
  );
  const [median, p90] = [quantile(survival, 0.5), quantile(survival, 0.9)];
  return {
    monday: new Date(start).toISOString().slice(0, 10),
    detected: leaked.length,
    dead: survival.events,
    ...(median === undefined ? {} : { median }),
    ...(p90 === undefined ? {} : { p90 }),
    closed: incidents.filter(({ clock }) => within(clock.closed)).length,
    openAtEnd: open.length,
    preExistingOpenAtEnd: open.filter(({ preExisting }) => preExisting).length,
  };
}

/** 1970-01-01 was a Thursday. */
function mondayOf(at: number): number {
  const days = Math.floor(at / day);
  return (days - ((days + 3) % 7)) * day;
}
