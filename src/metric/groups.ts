import type { IncidentFacts } from "../incident/fold.ts";
import { kindNames } from "../incident/runtime.ts";
import { slaOf } from "../incident/sla.ts";
import { ageOf, durationOf, isCounted } from "./summary.ts";
import { kaplanMeier } from "./survival.ts";

export type GroupBy = "identity" | "owner" | "repository" | "type";

/** The incidents of one identity, owner, repository or credential type. Durations in milliseconds. */
export interface Group {
  /** Identity id, owner, repository or detector id; absent = none is known. */
  readonly key?: string;
  readonly name: string;
  readonly incidents: number;
  readonly open: number;
  readonly live: number;
  readonly overdue: number;
  readonly provenDead: number;
  /** Of new leaks, by Kaplan–Meier; absent while more than half are alive. */
  readonly median?: number;
  /** New leaks after the first: the same identity, owner or repository leaked again. */
  readonly again: number;
  /** Share dismissed as false positive or test credential, 0 to 1. */
  readonly dismissed: number;
}

/**
 * Groups with the most live first, then the most open, then the most leaks; the first `limit` of them. A median costs most, so it is taken of
 * those alone that are given.
 */
export function groupBy(incidents: readonly IncidentFacts[], by: GroupBy, now: string, limit = Number.POSITIVE_INFINITY): Group[] {
  const tallies = new Map<string, Tally>();
  for (const incident of incidents) {
    const key = keyOf(incident, by);
    let tally = tallies.get(key ?? "");
    if (tally === undefined) {
      tally = { ...(key === undefined ? {} : { key }), name: nameOf(incident, by), ...nothing, leaks: [] };
      tallies.set(key ?? "", tally);
    }
    count(tally, incident, now);
  }
  return [...tallies.values()]
    .toSorted(byWeight)
    .slice(0, limit)
    .map((tally) => measured(tally, now));
}

interface Tally {
  readonly key?: string;
  readonly name: string;
  incidents: number;
  open: number;
  live: number;
  overdue: number;
  provenDead: number;
  dismissed: number;
  readonly leaks: IncidentFacts[];
}

const nothing = { incidents: 0, open: 0, live: 0, overdue: 0, provenDead: 0, dismissed: 0 };

function keyOf(incident: IncidentFacts, by: GroupBy): string | undefined {
  if (by === "type") return incident.credential.detector;
  if (by === "identity") return incident.identities[0]?.id;
  return by === "owner" ? incident.owner : incident.repository;
}

function nameOf(incident: IncidentFacts, by: GroupBy): string {
  if (by === "type") return incident.kind === undefined ? incident.credential.title : kindNames[incident.kind];
  if (by === "identity") {
    const [identity] = incident.identities;
    return identity === undefined ? "unknown identity" : `${identity.name} (${identity.kind})`;
  }
  return keyOf(incident, by) ?? (by === "owner" ? "no owner" : "no repository");
}

function count(tally: Tally, incident: IncidentFacts, now: string): void {
  const { state, validity, death, resolution, preExisting } = incident;
  tally.incidents++;
  if (state === "open") {
    tally.open++;
    if (validity === "active") tally.live++;
    if (ageOf(incident, now) > slaOf(incident).dead) tally.overdue++;
  }
  if (death !== undefined && !death.whenFound) tally.provenDead++;
  if (resolution === "false_positive" || resolution === "used_in_tests") tally.dismissed++;
  if (!preExisting && isCounted(incident)) tally.leaks.push(incident);
}

function measured({ leaks, ...tally }: Tally, now: string): Group {
  const { median } = kaplanMeier(leaks.map((incident) => durationOf(incident, incident.clock.detected, now)));
  return {
    ...tally,
    ...(median === undefined ? {} : { median }),
    again: tally.key === undefined ? 0 : Math.max(0, leaks.length - 1),
    dismissed: tally.dismissed / tally.incidents,
  };
}

function byWeight(a: Tally, b: Tally): number {
  return b.live - a.live || b.open - a.open || b.incidents - a.incidents || (a.name < b.name ? -1 : 1);
}
