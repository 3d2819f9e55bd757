import { relative, resolve } from "node:path";
import type { RepositoryConfig } from "../config/repository.ts";
import type { Evidence, Finding } from "../finding.ts";

/**
 * Findings with the identities that the inventory of the scanned repository's working tree gives them, strongest first, and the
 * evidence for them. `path` is what was scanned: paths of the inventory count from the repository's top.
 */
export async function identified(findings: readonly Finding[], path: string, repository: RepositoryConfig): Promise<Finding[]> {
  if (findings.length === 0 || path === "-" || /^[a-z+]+:\/\//.test(path)) return [...findings];
  const [{ inventoryFiles }, { buildGraph, linksFor }] = await Promise.all([import("./identities.ts"), import("../identity/graph.ts")]);
  const below = relative(repository.top, resolve(path)).split("\\").join("/");
  const prefix = below === "" || below.startsWith("..") ? "" : `${below}/`;
  const placed = findings.map((finding) => fromTop(finding, prefix));
  const also = new Set(placed.flatMap(({ location }) => location.path ?? []));
  const files = inventoryFiles(repository.top, also);
  const graph = buildGraph({ scope: repository.scope, files, findings: placed, storeMatches: [] });
  return findings.map((finding, index) => {
    const { identities, evidence } = linksFor(placed[index] ?? finding, graph);
    return { ...finding, identities, evidence: [...finding.evidence, ...evidence.map((one) => fromRoot(one, prefix))] };
  });
}

/** Git's own paths count from the top already; where one file was scanned, `prefix` is its path and its location only the name. */
function fromTop(finding: Finding, prefix: string): Finding {
  const { location } = finding;
  if (location.path === undefined || location.commit !== undefined) return finding;
  const path = prefix.endsWith(`/${location.path}/`) || prefix === `${location.path}/` ? prefix.slice(0, -1) : `${prefix}${location.path}`;
  return { ...finding, location: { ...location, path } };
}

function fromRoot(evidence: Evidence, prefix: string): Evidence {
  return evidence.path?.startsWith(prefix) === true ? { ...evidence, path: evidence.path.slice(prefix.length) } : evidence;
}
