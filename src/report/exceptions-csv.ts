import type { ExceptionRow } from "../governance/exception.ts";
import { type Cell, csv } from "./csv.ts";

const columns: readonly (readonly [name: string, value: (row: ExceptionRow) => Cell])[] = [
  ["incident", ({ incident }) => incident],
  ["title", ({ title }) => title],
  ["fingerprint", ({ fingerprint }) => fingerprint],
  ["identity", ({ identity }) => identity?.id],
  ["owner", ({ owner }) => owner],
  ["repositories", ({ repositories }) => repositories.join("; ")],
  ["kind", ({ kind }) => kind],
  ["state", ({ state }) => state],
  ["reason", ({ reason }) => reason],
  ["asked_by", ({ askedBy }) => askedBy],
  ["asked_at", ({ askedAt }) => askedAt],
  ["approved_by", ({ approvedBy }) => approvedBy.join("; ")],
  ["until", ({ until }) => until],
  ["ended_at", ({ endedAt }) => endedAt],
  ["why", ({ why }) => why],
];

/** RFC 4180, one line an exception and a header. Times are ISO 8601 UTC. */
export function exceptionsCsv(rows: readonly ExceptionRow[]): string {
  return csv(
    columns.map(([name]) => name),
    rows.map((row) => columns.map(([, value]) => value(row))),
  );
}
