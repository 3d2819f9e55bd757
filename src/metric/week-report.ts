import type { IncidentFacts } from "../incident/fold.ts";
import { isCredential } from "../incident/runtime.ts";
import { slaOf } from "../incident/sla.ts";
import { type Group, groupBy } from "./groups.ts";
import { ageOf, type Summary, summarize } from "./summary.ts";
import { type Week, weekly } from "./weeks.ts";

/** What a week brought, for the people who answer for it. */
export interface WeekReport {
  /** The week that ended last, Monday to Monday, UTC. */
  readonly week: Week;
  /** The four before it, oldest first. */
  readonly before: readonly Week[];
  readonly summary: Summary;
  /** Open past the time allowed for their severity, longest first. */
  readonly overdue: readonly IncidentFacts[];
  /** Rotations that wait for a person. */
  readonly held: readonly IncidentFacts[];
  /** Identities that leaked more than once, the most pressing first. */
  readonly again: readonly Group[];
  /** Owners with something open, the most pressing first. */
  readonly owners: readonly Group[];
}

/** `now` is ISO 8601 UTC; the report is about the leaked credentials of the last whole week before it. */
export function weekReport(all: readonly IncidentFacts[], now: string): WeekReport {
  const incidents = all.filter(isCredential);
  const weeks = weekly(incidents, now, 6).slice(0, -1);
  const week = weeks.at(-1);
  if (week === undefined) throw new Error("a report needs a week that has ended");
  const open = incidents.filter(({ state }) => state === "open");
  return {
    week,
    before: weeks.slice(0, -1),
    summary: summarize(incidents, now),
    overdue: open.filter((incident) => ageOf(incident, now) > slaOf(incident).dead).toSorted((a, b) => ageOf(b, now) - ageOf(a, now)),
    held: open.filter(({ run }) => run?.state === "held"),
    again: groupBy(incidents, "identity", now).filter(({ key, again }) => key !== undefined && again > 0),
    owners: groupBy(open, "owner", now),
  };
}
