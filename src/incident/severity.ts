import type { Severity, Validity } from "../finding.ts";

const order: readonly Severity[] = ["critical", "high", "medium", "low", "info"];

/** Negative where `a` is worse: for sorting the worst first. */
export function compareSeverities(a: Severity, b: Severity): number {
  return order.indexOf(a) - order.indexOf(b);
}

/**
 * What a finding's severity becomes where it was found: a key seen alive in public is critical whatever its type says, and
 * one that was refused when found is at most low.
 */
export function severityOf(finding: { severity: Severity; validity: Validity; public: boolean }): Severity {
  if (finding.validity === "active" && finding.public) return "critical";
  if (finding.validity === "inactive") return worstOf("low", finding.severity) === "low" ? finding.severity : "low";
  return finding.severity;
}

function worstOf(a: Severity, b: Severity): Severity {
  return compareSeverities(a, b) <= 0 ? a : b;
}
