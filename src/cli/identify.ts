import type { Finding } from "../finding.ts";
import type { SourceFile } from "../identity/graph.ts";

export interface Inventory {
  readonly scope: string;
  /** Paths count from the repository's top, as those of the findings do. */
  readonly files: readonly SourceFile[];
  /** Text of other versions of files that findings stand in, by blob id. */
  readonly versions: ReadonlyMap<string, string>;
}

/** Findings with the identities that the inventory of their repository gives them, strongest first, and the evidence for them. */
export async function identified(findings: readonly Finding[], inventory: Inventory): Promise<Finding[]> {
  if (findings.length === 0) return [];
  const { buildGraph, linksFor } = await import("../identity/graph.ts");
  const links = new Map<Finding, ReturnType<typeof linksFor>>();
  for (const [version, group] of Map.groupBy(findings, ({ locator }) => known(locator.blob, inventory))) {
    const graph = buildGraph({ scope: inventory.scope, files: filesWith(version, group, inventory), findings: group, storeMatches: [] });
    for (const finding of group) links.set(finding, linksFor(finding, graph));
  }
  return findings.map((finding) => {
    const { identities = [], evidence = [] } = links.get(finding) ?? {};
    return { ...finding, identities, evidence: [...finding.evidence, ...evidence] };
  });
}

function known(blob: string | undefined, { versions }: Inventory): string | undefined {
  return blob !== undefined && versions.has(blob) ? blob : undefined;
}

/** The inventory as it would be with this version of the file. */
function filesWith(version: string | undefined, group: readonly Finding[], { files, versions }: Inventory): SourceFile[] {
  const text = version === undefined ? undefined : versions.get(version);
  if (text === undefined) return [...files];
  const paths = new Set(group.flatMap(({ location }) => location.path ?? []));
  return [...files.filter(({ path }) => !paths.has(path)), ...[...paths].map((path) => ({ path, text }))];
}
