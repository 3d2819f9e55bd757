import type { Graph } from "./graph.ts";
import type { Reached } from "./reach.ts";

/** One object, exactly contracts.md §3 (docs/schema/identities.schema.json). */
export function identitiesDocument({ identities, nodes, edges }: Graph): string {
  return `${JSON.stringify({ version: 1, identities, nodes, edges }, null, 2)}\n`;
}

/** The part of the graph around one identity, with what it reaches: `reach` lists each thing, how, and the chain as evidence. */
export function explainedDocument(graph: Graph, reach: readonly Reached[]): string {
  const { identities, nodes, edges } = graph;
  const reached = reach.map(({ chain, ...rest }) => ({ ...rest, evidence: chain.flatMap(({ evidence: [first] }) => first ?? []) }));
  return `${JSON.stringify({ version: 1, identities, nodes, edges, reach: reached }, null, 2)}\n`;
}
