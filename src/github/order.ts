import { compareSeverities } from "../incident/severity.ts";
import { escapeMarkdown } from "./escape.ts";
import type { IncidentView } from "./view.ts";

/**
 * What to do first where several credentials wait for a person: what somebody unknown uses, then what is seen alive, then by severity,
 * production before the rest, the longest exposed before the newer. Empty where there is nothing to put in order.
 */
export function orderLines(incidents: readonly IncidentView[]): string[] {
  const waiting = incidents.filter(({ state }) => state === "live" || state === "unverified" || state === "held");
  if (waiting.length < 2) return [];
  const sorted = waiting.toSorted(
    (a, b) =>
      Number(usedByStrangers(b)) - Number(usedByStrangers(a)) ||
      Number(b.validity === "active") - Number(a.validity === "active") ||
      compareSeverities(a.severity, b.severity) ||
      Number(inProduction(b)) - Number(inProduction(a)) ||
      a.exposedAt.localeCompare(b.exposedAt),
  );
  const shown = sorted.slice(0, 10).map((incident, index) => `${index + 1}. ${incident.id}: ${escapeMarkdown(reasons(incident))}`);
  const rest = sorted.length - shown.length;
  return ["**In this order:**", "", ...shown, ...(rest > 0 ? [`${shown.length + 1}. ${rest} more, as the table lists them`] : []), ""];
}

function reasons(incident: IncidentView): string {
  return [
    ...(usedByStrangers(incident) ? ["used by somebody unknown"] : []),
    incident.validity === "active" ? "live" : incident.state === "held" ? "its rotation waits for a person" : "not verified",
    incident.severity,
    ...(incident.identity === undefined ? [] : [incident.identity.environment ?? "production"]),
  ].join(", ");
}

function usedByStrangers({ plan }: IncidentView): boolean {
  return plan?.facts.usage?.answer === "unknown-use";
}

/** An environment that nobody named counts as production. */
function inProduction({ identity }: IncidentView): boolean {
  return identity !== undefined && (identity.environment ?? "production") === "production";
}
