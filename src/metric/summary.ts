import type { Severity } from "../finding.ts";
import type { IncidentFacts, Resolution } from "../incident/fold.ts";
import { isCredential, type RuntimeKind, runtimeKinds } from "../incident/runtime.ts";
import { compareSeverities } from "../incident/severity.ts";
import { slaOf } from "../incident/sla.ts";
import { millisecondsOf } from "./moment.ts";
import { type Duration, kaplanMeier, type Survival, shareEndedBy } from "./survival.ts";

const hour = 3_600_000;
const day = 24 * hour;

export interface Share {
  readonly label: "1 h" | "24 h" | "7 d";
  readonly ms: number;
  /** 0 to 1; absent where nobody was followed so long. */
  readonly share?: number;
  readonly low?: number;
  readonly high?: number;
}

/** Incidents that are compared with each other, on one clock. */
export interface Cohort {
  readonly survival: Survival;
  readonly within: readonly Share[];
}

export interface AgeBucket {
  readonly label: string;
  /** From this age (inclusive) up to the next bucket's, milliseconds. */
  readonly from: number;
  readonly count: number;
  readonly bySeverity: Readonly<Partial<Record<Severity, number>>>;
}

export interface Summary {
  /** The moment at which open ones are censored, ISO 8601 UTC. */
  readonly at: string;
  readonly incidents: number;
  /** Alive at the last clear probe first, then the longest open. */
  readonly open: readonly IncidentFacts[];
  /** How many of `open` were accepted by their provider when last probed. */
  readonly live: number;
  /** Three numbers that are never added: only the first is proof. */
  readonly provenDead: number;
  readonly revokedByStatement: number;
  readonly accepted: number;
  /** Refused at the first probe: counted apart, in no curve. */
  readonly deadWhenFound: number;
  /** False positives and test credentials: in no curve. */
  readonly dismissed: number;
  /** Time to remediate (dead − detected) of new leaks: the headline. */
  readonly remediation: Cohort;
  /** Exposure window (dead − exposed) of the same. */
  readonly exposure: Cohort;
  /** Time to remediate of what already stood in history when Rekey came. */
  readonly preExisting: Cohort;
  readonly openByAge: readonly AgeBucket[];
  /** Open ones past their SLA. */
  readonly overdue: number;
  /** Runtime events, which are in none of the numbers above. */
  readonly runtime: RuntimeSummary;
}

/** Runtime events have numbers of their own: they end by a person's word, not by a proof. */
export interface RuntimeSummary {
  readonly incidents: number;
  /** The most severe first, then the longest open. */
  readonly open: readonly IncidentFacts[];
  readonly openByKind: Readonly<Record<RuntimeKind, number>>;
  /** Open, and stopped by their source. */
  readonly stopped: number;
  readonly overdue: number;
  readonly resolved: number;
  readonly contained: number;
  readonly accepted: number;
  readonly dismissed: number;
  /** Kaplan–Meier median of closed − detected of what was resolved or contained, milliseconds; absent while more than half are open. */
  readonly median?: number;
}

/** `now` is ISO 8601 UTC. */
export function summarizeRuntime(all: readonly IncidentFacts[], now: string): RuntimeSummary {
  const incidents = all.filter((incident) => !isCredential(incident));
  const open = incidents
    .filter(({ state }) => state === "open")
    .toSorted((a, b) => compareSeverities(a.severity, b.severity) || byUrgency(a, b));
  const ended = (resolution: Resolution) => incidents.filter((one) => one.resolution === resolution).length;
  const { median } = kaplanMeier(
    incidents
      .filter(({ resolution }) => resolution !== "false_positive")
      .map(({ clock, settlement }) => ({ ms: between(clock.detected, clock.closed ?? now), observed: settlement !== undefined })),
  );
  return {
    incidents: incidents.length,
    open,
    openByKind: Object.fromEntries(runtimeKinds.map((kind) => [kind, open.filter((one) => one.kind === kind).length])) as Record<
      RuntimeKind,
      number
    >,
    stopped: open.filter(({ clock }) => clock.contained !== undefined).length,
    overdue: open.filter((incident) => ageOf(incident, now) > slaOf(incident).dead).length,
    resolved: ended("resolved"),
    contained: ended("contained"),
    accepted: ended("wont_fix"),
    dismissed: ended("false_positive"),
    ...(median === undefined ? {} : { median }),
  };
}

/**
 * Everything the reports and the dashboard show, from incidents and the time alone. `now` is ISO 8601 UTC. One pass over them: with 50,000
 * each costs more in waiting for memory than in counting.
 */
export function summarize(all: readonly IncidentFacts[], now: string): Summary {
  const counts = { incidents: 0, live: 0, provenDead: 0, revokedByStatement: 0, accepted: 0, deadWhenFound: 0, dismissed: 0, overdue: 0 };
  const open: IncidentFacts[] = [];
  const runtime: IncidentFacts[] = [];
  const [remediation, exposure, preExisting]: [Duration[], Duration[], Duration[]] = [[], [], []];
  for (const incident of all) {
    if (!isCredential(incident)) {
      runtime.push(incident);
      continue;
    }
    const { death, clock } = incident;
    counts.incidents++;
    if (incident.state === "open") {
      open.push(incident);
      if (incident.validity === "active") counts.live++;
      if (ageOf(incident, now) > slaOf(incident).dead) counts.overdue++;
    }
    if (death === undefined) counts.revokedByStatement += Number(incident.statement !== undefined);
    else if (death.whenFound) counts.deadWhenFound++;
    else counts.provenDead++;
    if (incident.acceptance !== undefined) counts.accepted++;
    if (isDismissed(incident)) counts.dismissed++;
    if (!isCounted(incident)) continue;
    const duration = durationOf(incident, clock.detected, now);
    if (incident.preExisting) preExisting.push(duration);
    else {
      remediation.push(duration);
      exposure.push(clock.exposed === clock.detected ? duration : durationOf(incident, clock.exposed, now));
    }
  }
  open.sort(byUrgency);
  return {
    at: now,
    ...counts,
    open,
    remediation: cohort(remediation),
    exposure: cohort(exposure),
    preExisting: cohort(preExisting),
    openByAge: ages(open, now),
    runtime: summarizeRuntime(runtime, now),
  };
}

/** How long an incident took or has been taking, on the clock that starts at `from`, and whether death was seen. */
export function durationOf(incident: IncidentFacts, from: string, now: string): Duration {
  const { clock, death, statement, acceptance } = incident;
  if (death !== undefined && clock.dead !== undefined) return { ms: between(from, clock.dead), observed: true };
  // A statement or an acceptance ends the watching, not the credential.
  const until = statement?.at ?? acceptance?.at ?? (incident.state === "resolved" ? clock.closed : undefined) ?? now;
  return { ms: between(from, until), observed: false };
}

/** Milliseconds since detection. */
export function ageOf(incident: IncidentFacts, now: string): number {
  return between(incident.clock.detected, now);
}

function isDismissed({ resolution }: IncidentFacts): boolean {
  return resolution === "false_positive" || resolution === "used_in_tests";
}

/** Whether it belongs in a curve: dismissed ones, what was dead when found and what is no leaked credential do not. */
export function isCounted(incident: IncidentFacts): boolean {
  return !isDismissed(incident) && incident.death?.whenFound !== true && incident.cause === undefined && isCredential(incident);
}

function cohort(durations: readonly Duration[]): Cohort {
  const survival = kaplanMeier(durations);
  const marks: readonly { label: Share["label"]; ms: number }[] = [
    { label: "1 h", ms: hour },
    { label: "24 h", ms: day },
    { label: "7 d", ms: 7 * day },
  ];
  return { survival, within: marks.map((mark) => ({ ...mark, ...shareEndedBy(survival, mark.ms) })) };
}

const buckets: readonly { label: string; from: number }[] = [
  { label: "under 1 h", from: 0 },
  { label: "1 h to 24 h", from: hour },
  { label: "1 to 7 days", from: day },
  { label: "7 to 30 days", from: 7 * day },
  { label: "30 to 90 days", from: 30 * day },
  { label: "over 90 days", from: 90 * day },
];

function ages(open: readonly IncidentFacts[], now: string): AgeBucket[] {
  const aged = open.map((incident) => ({ severity: incident.severity, age: ageOf(incident, now) }));
  return buckets.map(({ label, from }, index) => {
    const to = buckets[index + 1]?.from ?? Number.POSITIVE_INFINITY;
    const inside = aged.filter(({ age }) => age >= from && age < to);
    const bySeverity: Partial<Record<Severity, number>> = {};
    for (const { severity } of inside) bySeverity[severity] = (bySeverity[severity] ?? 0) + 1;
    return { label, from, count: inside.length, bySeverity };
  });
}

/** Moments in ISO 8601 UTC sort as text. */
function byUrgency(a: IncidentFacts, b: IncidentFacts): number {
  const alive = Number(b.validity === "active") - Number(a.validity === "active");
  if (alive !== 0) return alive;
  const [first, second] = a.clock.detected === b.clock.detected ? [a.id, b.id] : [a.clock.detected, b.clock.detected];
  return first < second ? -1 : first > second ? 1 : 0;
}

/** Clocks of two machines may disagree by a little: never less than 0. */
function between(from: string, to: string): number {
  return Math.max(0, millisecondsOf(to) - millisecondsOf(from));
}
