import { compareGrades } from "../finding.ts";
import { forTerminal } from "./escape.ts";
import type { Graph, GraphEdge, GraphIdentity } from "./graph.ts";

/** All identities with what they use, one block each, for a terminal. */
export function identitiesText(graph: Graph): string {
  if (graph.identities.length === 0)
    return "No identities found. Declare them in .rekey/identities.yml, or scan the folder that holds the agents' configuration.\n";
  const into = Map.groupBy(graph.edges, ({ to }) => to);
  const names = namesOf(graph);
  const blocks = graph.identities.map((identity) => [headline(identity), ...uses(into.get(identity.id) ?? [], names)].join("\n"));
  const count = `${graph.identities.length} ${graph.identities.length === 1 ? "identity" : "identities"}`;
  const orphans = graph.identities.filter(({ owner }) => owner === undefined).length;
  return `${blocks.join("\n\n")}\n\n${count}${orphans === 0 ? "" : `, ${orphans} without an owner`}. rekey identities --explain ID shows the evidence.\n`;
}

/** One identity or node with every edge and its evidence; undefined where the id (or the one name) is not in the graph. */
export function explainText(asked: string, graph: Graph): string | undefined {
  const names = namesOf(graph);
  const ids = names.has(asked) ? [asked] : [...names].filter(([, name]) => name === asked).map(([id]) => id);
  if (ids.length === 0) return undefined;
  return ids.map((id) => explainOne(id, names, graph)).join("\n");
}

function explainOne(id: string, names: ReadonlyMap<string, string>, graph: Graph): string {
  const identity = graph.identities.find((one) => one.id === id);
  const title = identity === undefined ? forTerminal(names.get(id) ?? id) : headline(identity);
  const edges = graph.edges.filter(({ from, to }) => from === id || to === id).toSorted((a, b) => compareGrades(a.grade, b.grade));
  const lines = edges.flatMap((edge) => [
    `  ${label(edge.from, names)} ${edge.relation} ${label(edge.to, names)}  [${edge.grade}, ${edge.method}]`,
    ...edge.evidence.map(
      ({ text, path, line }) => `    ${forTerminal(text, 400)}${path === undefined ? "" : ` (${forTerminal(path)}:${line ?? 1})`}`,
    ),
  ]);
  return `${[title, `  id ${forTerminal(id, 400)}`, ...lines].join("\n")}\n`;
}

function headline({ kind, name, owner, locations }: GraphIdentity): string {
  const [first] = locations;
  const at = first === undefined ? "" : `  ${forTerminal(first.path)}:${first.startLine}`;
  return `${kind}  ${forTerminal(name)}  ${owner === undefined ? "no owner" : `owner ${forTerminal(owner)}`}${at}`;
}

const most = 12;

function uses(edges: readonly GraphEdge[], names: ReadonlyMap<string, string>): string[] {
  const lines = edges
    .filter(({ relation }) => relation === "used_by" || relation === "authenticates_as")
    .toSorted((a, b) => compareGrades(a.grade, b.grade))
    .map(({ from, relation, grade }) => `  ${relation === "used_by" ? "uses" : "authenticates with"} ${label(from, names)}  [${grade}]`);
  const distinct = [...new Set(lines)];
  return distinct.length > most ? [...distinct.slice(0, most), `  and ${distinct.length - most} more`] : distinct;
}

function label(id: string, names: ReadonlyMap<string, string>): string {
  const type = id.slice(0, Math.max(0, id.indexOf(":")));
  return `${forTerminal(type)} ${forTerminal(names.get(id) ?? id)}`;
}

function namesOf({ identities, nodes }: Graph): Map<string, string> {
  return new Map([...nodes, ...identities].map(({ id, name }) => [id, name]));
}
