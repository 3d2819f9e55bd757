import type { Finding } from "../finding.ts";

/** Findings by path, position, detector and id: the same order on every machine and in every run. */
export function ordered(findings: readonly Finding[]): Finding[] {
  return findings.toSorted(
    (a, b) =>
      compare(a.location.path ?? "", b.location.path ?? "") ||
      compare(a.location.kind, b.location.kind) ||
      compare(a.location.date ?? "", b.location.date ?? "") ||
      a.location.startLine - b.location.startLine ||
      a.location.startColumn - b.location.startColumn ||
      compare(a.detector, b.detector) ||
      compare(a.id, b.id),
  );
}

/** By code unit: no locale decides. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
