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

/** Groups with the most live first, then the most open, then the most leaks. */
export function groupBy(incidents: readonly IncidentFacts[], by: GroupBy, now: string): Group[] {
  const groups = new Map<string, { name: string; key?: string; members: IncidentFacts[] }>();
  for (const incident of incidents) {
    const { key, name } = keyOf(incident, by);
    const group = groups.get(key ?? "") ?? { name, ...(key === undefined ? {} : { key }), members: [] };
    group.members.push(incident);
    groups.set(key ?? "", group);
  }
  return [...groups.values()].map((group) => measured(group, now)).toSorted(byWeight);
}

function keyOf(incident: IncidentFacts, by: GroupBy): { key?: string; name: string } {
  if (by === "type")
    return { key: incident.credential.detector, name: incident.kind === undefined ? incident.credential.title : kindNames[incident.kind] };
  if (by === "identity") {
    const [identity] = incident.identities;
    return identity === undefined ? { name: "unknown identity" } : { key: identity.id, name: `${identity.name} (${identity.kind})` };
  }
  const key = by === "owner" ? incident.owner : incident.repository;
  return key === undefined ? { name: by === "owner" ? "no owner" : "no repository" } : { key, name: key };
}

function measured({ name, key, members }: { name: string; key?: string; members: readonly IncidentFacts[] }, now: string): Group {
  const open = members.filter(({ state }) => state === "open");
  const leaks = members.filter((incident) => !incident.preExisting && isCounted(incident));
  const { median } = kaplanMeier(leaks.map((incident) => durationOf(incident, incident.clock.detected, now)));
  return {
    ...(key === undefined ? {} : { key }),
    name,
    incidents: members.length,
    open: open.length,
    live: open.filter(({ validity }) => validity === "active").length,
    overdue: open.filter((incident) => ageOf(incident, now) > slaOf(incident).dead).length,
    provenDead: members.filter(({ death }) => death !== undefined && !death.whenFound).length,
    ...(median === undefined ? {} : { median }),
    again: key === undefined ? 0 : Math.max(0, leaks.length - 1),
    dismissed:
      members.filter(({ resolution }) => resolution === "false_positive" || resolution === "used_in_tests").length / members.length,
  };
}

function byWeight(a: Group, b: Group): number {
  return b.live - a.live || b.open - a.open || b.incidents - a.incidents || (a.name < b.name ? -1 : 1);
}
