import type { Finding } from "../finding.ts";
import { type Cell, csv } from "./csv.ts";
import { ordered } from "./order.ts";

const columns: readonly (readonly [name: string, value: (finding: Finding) => Cell])[] = [
  ["id", ({ id }) => id],
  ["detector", ({ detector }) => detector],
  ["title", ({ title }) => title],
  ["provider", ({ provider }) => provider],
  ["severity", ({ severity }) => severity],
  ["confidence", ({ confidence }) => confidence],
  ["validity", ({ validity }) => validity],
  ["kind", ({ location }) => location.kind],
  ["path", ({ location }) => location.path],
  ["start_line", ({ location }) => location.startLine],
  ["start_column", ({ location }) => location.startColumn],
  ["commit", ({ location }) => location.commit],
  ["author", ({ location }) => location.author?.name],
  ["date", ({ location }) => location.date],
  ["occurrences", ({ occurrences }) => occurrences],
  ["identity_kind", ({ identities }) => identities[0]?.kind],
  ["identity", ({ identities }) => identities[0]?.name],
  ["owner", ({ identities }) => identities[0]?.owner],
  ["revoke", ({ revoke }) => revoke],
  ["verified_at", ({ verification }) => verification?.at],
  ["verified_by", ({ verification }) => verification?.call],
  ["answer", ({ verification }) => verification?.answer],
  [
    "tells",
    ({ verification }) =>
      Object.entries(verification?.tells ?? {})
        .map(([fact, text]) => `${fact}=${text}`)
        .join("; "),
  ],
];

/** One line a finding, for spreadsheets. Columns are only ever added at the end. Never holds a value. */
export function findingsCsv(findings: readonly Finding[]): string {
  return csv(
    columns.map(([name]) => name),
    ordered(findings).map((finding) => columns.map(([, value]) => value(finding))),
  );
}
