import type { IncidentFacts } from "../incident/fold.ts";
import { kindOf } from "../incident/runtime.ts";
import { type Cell, csv } from "./csv.ts";

const columns: readonly (readonly [name: string, value: (incident: IncidentFacts) => Cell])[] = [
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
  ["kind", (incident) => kindOf(incident)],
  ["source", ({ report }) => report?.source],
  ["source_action", ({ report }) => report?.action],
  ["reports", ({ report }) => report?.count],
];

/** RFC 4180, one line an incident and a header. Times are ISO 8601 UTC. */
export function incidentsCsv(incidents: readonly IncidentFacts[]): string {
  return csv(
    columns.map(([name]) => name),
    incidents.map((incident) => columns.map(([, value]) => value(incident))),
  );
}
