import type { IncidentFacts } from "../incident/fold.ts";

const columns: readonly (readonly [name: string, value: (incident: IncidentFacts) => string | number | boolean | undefined])[] = [
  ["id", ({ id }) => id],
  ["title", ({ credential }) => credential.title],
  ["detector", ({ credential }) => credential.detector],
  ["fingerprint", ({ credential }) => credential.fingerprint],
  ["severity", ({ severity }) => severity],
  ["state", ({ state }) => state],
  ["resolution", ({ resolution }) => resolution],
  ["validity", ({ validity }) => validity],
  ["proven_dead", ({ death }) => death !== undefined],
  ["identity", ({ identities }) => identities[0]?.name],
  ["identity_kind", ({ identities }) => identities[0]?.kind],
  ["owner", ({ owner }) => owner],
  ["environment", ({ environment }) => environment],
  ["repository", ({ repository }) => repository],
  ["pre_existing", ({ preExisting }) => preExisting],
  ["exposed", ({ clock }) => clock.exposed],
  ["detected", ({ clock }) => clock.detected],
  ["acknowledged", ({ clock }) => clock.acknowledged],
  ["contained", ({ clock }) => clock.contained],
  ["replaced", ({ clock }) => clock.replaced],
  ["revoked", ({ clock }) => clock.revoked],
  ["dead", ({ clock }) => clock.dead],
  ["closed", ({ clock }) => clock.closed],
];

/** RFC 4180, one line an incident and a header. Times are ISO 8601 UTC. */
export function incidentsCsv(incidents: readonly IncidentFacts[]): string {
  const lines = [columns.map(([name]) => name), ...incidents.map((incident) => columns.map(([, value]) => cell(value(incident))))];
  return lines.map((line) => `${line.join(",")}\r\n`).join("");
}

/** A spreadsheet would run what begins with these (OWASP, CSV injection): a quote before it keeps it text. */
function cell(value: string | number | boolean | undefined): string {
  const text = String(value ?? "");
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
