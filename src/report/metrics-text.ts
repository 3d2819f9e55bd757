import type { IncidentFacts } from "../incident/fold.ts";
import { formatDuration, formatShare } from "../metric/duration.ts";
import { ageOf, type Cohort, durationOf, type RuntimeSummary, type Summary } from "../metric/summary.ts";

/** Under this many incidents a curve would pretend to know more than a list does (contracts.md §10). */
export const fewest = 10;

/** The report for a terminal: open live credentials first, then how long it takes. Ends with a line feed. */
export function metricsText(summary: Summary, incidents: readonly IncidentFacts[]): string {
  const blocks = [
    [headline(summary)],
    openList(summary),
    [
      `Proven dead ${summary.provenDead}, revoked by statement ${summary.revokedByStatement}, accepted ${summary.accepted}. ` +
        `Counted apart: dead when found ${summary.deadWhenFound}, dismissed ${summary.dismissed}.`,
    ],
    remediation(summary, incidents),
    preExisting(summary),
    openByAge(summary),
    runtime(summary),
  ];
  return `${blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join("\n"))
    .join("\n\n")}\n`;
}

/** One sentence on where things stand: also the first line of the dashboard. */
export function headline(summary: Summary): string {
  const { open, live, at } = summary;
  if (summary.incidents === 0) return "No leaked credential has been found yet.";
  if (open.length === 0) return `No leaked credential is open; ${proven(summary)}.`;
  const [first] = open;
  const oldest =
    open.filter(({ validity }) => live === 0 || validity === "active").toSorted((a, b) => ageOf(b, at) - ageOf(a, at))[0] ?? first;
  const what =
    live > 0
      ? `${count(live, "leaked credential is", "leaked credentials are")} alive`
      : `${count(open.length, "credential is", "credentials are")} open, none seen alive`;
  if (oldest === undefined) return `${what}.`;
  const owner = oldest.owner === undefined ? "without an owner" : `owned by ${oldest.owner}`;
  return `${what}; the oldest for ${formatDuration(ageOf(oldest, at))} (${oldest.id}, ${owner}).`;
}

/** How a cohort ends, in words: median with interval, n, and what is not known yet. */
export function medianSentence({ survival }: Cohort): string {
  const { n, events, median, interval } = survival;
  const of = `${events} dead of ${n}`;
  if (median === undefined) return `not reached yet (${of})`;
  const low = interval.low === undefined ? "not known" : formatDuration(interval.low);
  const high = interval.high === undefined ? "open" : formatDuration(interval.high);
  return `${formatDuration(median)} (95 % interval ${low} to ${high}; ${of})`;
}

function proven({ provenDead }: Summary): string {
  return provenDead === 0 ? "none has been proven dead yet" : `${count(provenDead, "was", "were")} proven dead`;
}

function openList({ open, at }: Summary): string[] {
  const rows = open.map((incident) => [
    incident.id,
    word(incident.validity),
    formatDuration(ageOf(incident, at)),
    incident.severity,
    incident.owner ?? "no owner",
    incident.identities[0]?.name ?? "unknown identity",
    incident.credential.title,
  ]);
  return rows.length === 0 ? [] : ["Open", ...table(rows)];
}

function remediation(summary: Summary, incidents: readonly IncidentFacts[]): string[] {
  const { remediation: cohort, exposure } = summary;
  if (cohort.survival.n === 0) return [];
  if (cohort.survival.n < fewest) {
    const rows = incidents
      .filter((incident) => !incident.preExisting && incident.death !== undefined && !incident.death.whenFound)
      .map((incident) => [
        incident.id,
        formatDuration(durationOf(incident, incident.clock.detected, summary.at).ms),
        incident.credential.title,
      ]);
    if (rows.length === 0) return [];
    return [`Time to remediate (detected to dead; a median is given from ${fewest} incidents on)`, ...table(rows)];
  }
  const shares = cohort.within.map(({ label, share, low, high }) => {
    if (share === undefined) return `${label} not known yet`;
    return `${label} ${formatShare(share)}${low === undefined || high === undefined ? "" : ` (${formatShare(low)} to ${formatShare(high)})`}`;
  });
  return [
    `Time to remediate  median ${medianSentence(cohort)}`,
    `Exposure window    median ${medianSentence(exposure)}`,
    `Dead within        ${shares.join(", ")}`,
  ];
}

function preExisting({ preExisting: cohort }: Summary): string[] {
  const { n, events } = cohort.survival;
  if (n === 0) return [];
  return [`Pre-existing, found in history: ${n < fewest ? `${events} dead of ${n}` : `median ${medianSentence(cohort)}`}`];
}

function openByAge({ open, openByAge: buckets, overdue }: Summary): string[] {
  if (open.length === 0) return [];
  const rows = buckets.map(({ label, count: many }) => [label, String(many)]);
  return [`Open by age${overdue > 0 ? ` (${overdue} past the time allowed)` : ""}`, ...table(rows)];
}

function runtime({ runtime: events, at }: Summary): string[] {
  if (events.incidents === 0) return [];
  const { open, overdue, resolved, contained, median } = events;
  const rows = open
    .slice(0, 20)
    .map((incident) => [
      incident.id,
      formatDuration(ageOf(incident, at)),
      incident.severity,
      incident.owner ?? "no owner",
      incident.identities[0]?.name ?? "unknown identity",
      incident.credential.title,
    ]);
  const closed = `resolved ${resolved}, contained ${contained}${median === undefined ? "" : `, median ${formatDuration(median)} from detection`}`;
  return [
    `Runtime events: ${runtimeSentence(events)}; ${closed}${overdue > 0 ? `; ${overdue} past the time allowed` : ""}`,
    ...table(rows),
  ];
}

/** What stands open of them, in words. */
export function runtimeSentence({ open, stopped }: RuntimeSummary): string {
  if (open.length === 0) return "none is open";
  return `${count(open.length, "is open", "are open")}${stopped === 0 ? "" : `, ${stopped} of them stopped by their source`}`;
}

function word(validity: IncidentFacts["validity"]): string {
  return validity === "active" ? "alive" : validity === "inactive" ? "refused" : "not known";
}

function count(many: number, one: string, more: string): string {
  return `${many} ${many === 1 ? one : more}`;
}

/** Columns, two spaces apart. Control characters of a stranger's text become `?`: this goes to a terminal. */
function table(rows: readonly (readonly string[])[]): string[] {
  const clean = rows.map((row) => row.map((cell) => cell.replaceAll(/\p{C}/gu, "?")));
  const widths = (clean[0] ?? []).map((_, column) => Math.max(...clean.map((row) => row[column]?.length ?? 0)));
  return clean.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd());
}
