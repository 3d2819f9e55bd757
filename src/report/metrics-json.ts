import type { IncidentFacts } from "../incident/fold.ts";
import { kindOf } from "../incident/runtime.ts";
import { ageOf, type Cohort, type RuntimeSummary, type Summary } from "../metric/summary.ts";

/** What `rekey report --format json` and `GET /api/v1/metrics` give. Durations in milliseconds, shares from 0 to 1. */
export function metricsJson(summary: Summary): object {
  return {
    version: 1,
    at: summary.at,
    incidents: summary.incidents,
    open: { total: summary.open.length, live: summary.live, overdue: summary.overdue },
    provenDead: summary.provenDead,
    revokedByStatement: summary.revokedByStatement,
    accepted: summary.accepted,
    deadWhenFound: summary.deadWhenFound,
    dismissed: summary.dismissed,
    timeToRemediate: cohort(summary.remediation),
    exposureWindow: cohort(summary.exposure),
    preExisting: cohort(summary.preExisting),
    openByAge: summary.openByAge.map(({ label, from, count, bySeverity }) => ({ label, from, count, bySeverity })),
    runtime: runtime(summary.runtime, summary.at),
    openIncidents: summary.open.map((incident) => openIncident(incident, summary.at)),
  };
}

function runtime({ open, median, ...numbers }: RuntimeSummary, now: string): object {
  return {
    ...numbers,
    open: open.length,
    medianToClose: median ?? null,
    openIncidents: open.map((incident) => openIncident(incident, now)),
  };
}

function cohort({ survival, within }: Cohort): object {
  const { n, events, median, interval, steps } = survival;
  return {
    n,
    dead: events,
    median: median ?? null,
    interval: { low: interval.low ?? null, high: interval.high ?? null },
    within: within.map(({ label, share, low, high }) => ({ label, share: share ?? null, low: low ?? null, high: high ?? null })),
    curve: steps.map(({ ms, atRisk, events: dead, censored, survival: alive, low, high }) => ({
      ms,
      atRisk,
      dead,
      censored,
      alive,
      low: low ?? null,
      high: high ?? null,
    })),
  };
}

function openIncident(incident: IncidentFacts, now: string): object {
  return {
    id: incident.id,
    kind: kindOf(incident),
    detector: incident.credential.detector,
    title: incident.credential.title,
    severity: incident.severity,
    validity: incident.validity,
    identity: incident.identities[0]?.name ?? null,
    owner: incident.owner ?? null,
    repository: incident.repository ?? null,
    preExisting: incident.preExisting,
    detected: incident.clock.detected,
    age: ageOf(incident, now),
  };
}
