import { compareGrades } from "../finding.ts";
import { forMermaid } from "./escape.ts";
import type { Graph, GraphEdge } from "./graph.ts";

/** How many edges a reader, and Mermaid (`maxEdges` is 500), can take. */
const mostEdges = 400;

/** The graph as a Mermaid flowchart. Names are escaped; node ids are numbers of ours. */
export function mermaid({ identities, nodes, edges }: Graph): string {
  const drawn = strongest(edges);
  const shown = drawn.slice(0, mostEdges);
  const used = new Set(shown.flatMap(({ from, to }) => [from, to]));
  const things = [
    ...identities.map(({ id, kind, name, owner }) => ({
      id,
      label: `${kind}: ${name}${owner === undefined ? "" : ` (${owner})`}`,
      shape: ["([", "])"],
    })),
    ...nodes.filter(({ id }) => used.has(id)).map(({ id, type, name }) => ({ id, label: `${type}: ${name}`, shape: ["[", "]"] })),
  ];
  const short = new Map(things.map(({ id }, index) => [id, `n${index}`]));
  return [
    "flowchart LR",
    ...things.map(({ id, label, shape: [open, close] }) => `  ${short.get(id)}${open}"${forMermaid(label)}"${close}`),
    ...shown.flatMap(({ from, to, relation, grade }) => {
      const [a, b] = [short.get(from), short.get(to)];
      return a === undefined || b === undefined ? [] : [`  ${a} -->|"${relation.replaceAll("_", " ")}, ${grade}"| ${b}`];
    }),
    ...(drawn.length > shown.length ? [`  %% ${drawn.length - shown.length} more edges are not drawn`] : []),
    "",
  ].join("\n");
}

/** Two techniques that say the same are one arrow. */
function strongest(edges: readonly GraphEdge[]): GraphEdge[] {
  const best = new Map<string, GraphEdge>();
  for (const edge of edges) {
    const key = `${edge.from}\0${edge.relation}\0${edge.to}`;
    const known = best.get(key);
    if (known === undefined || compareGrades(edge.grade, known.grade) < 0) best.set(key, edge);
  }
  return [...best.values()];
}
