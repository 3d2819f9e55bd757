import type { Finding } from "../finding.ts";
import type { SourceFile } from "../identity/graph.ts";

/**
 * Findings with the identities that the inventory of their repository gives them, strongest first, and the evidence for them.
 * Paths count from the repository's top.
 */
export async function identified(
  findings: readonly Finding[],
  inventory: { scope: string; files: readonly SourceFile[] },
): Promise<Finding[]> {
  if (findings.length === 0) return [];
  const { buildGraph, linksFor } = await import("../identity/graph.ts");
  const graph = buildGraph({ ...inventory, findings, storeMatches: [] });
  return findings.map((finding) => {
    const { identities, evidence } = linksFor(finding, graph);
    return { ...finding, identities, evidence: [...finding.evidence, ...evidence] };
  });
}
