import type { Graph } from "./graph.ts";

/** One object, exactly contracts.md §3 (docs/schema/identities.schema.json). */
export function identitiesDocument({ identities, nodes, edges }: Graph): string {
  return `${JSON.stringify({ version: 1, identities, nodes, edges }, null, 2)}\n`;
}
