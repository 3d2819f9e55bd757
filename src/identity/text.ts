import { compareGrades, type Evidence } from "../finding.ts";
import { forTerminal } from "./escape.ts";
import type { Graph, GraphEdge, GraphIdentity } from "./graph.ts";
import { type Reached, reachOf } from "./reach.ts";

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

/** An identity or node with what stands beside it, and what it reaches: as a graph, for a picture or as data. Undefined as in `explainText`. */
export function explainedPart(asked: string, graph: Graph): { graph: Graph; reach: readonly Reached[] } | undefined {
  const names = namesOf(graph);
  const ids = new Set(names.has(asked) ? [asked] : [...names].filter(([, name]) => name === asked).map(([id]) => id));
  if (ids.size === 0) return undefined;
  const reach = [...ids].flatMap((id) => reachOf(id, graph));
  const chains = new Set(reach.flatMap(({ chain }) => chain));
  const edges = graph.edges.filter((edge) => ids.has(edge.from) || ids.has(edge.to) || chains.has(edge));
  const kept = new Set([...ids, ...edges.flatMap(({ from, to }) => [from, to])]);
  const part = ({ id }: { id: string }) => kept.has(id);
  return { graph: { ...graph, identities: graph.identities.filter(part), nodes: graph.nodes.filter(part), edges }, reach };
}

function explainOne(id: string, names: ReadonlyMap<string, string>, graph: Graph): string {
  const identity = graph.identities.find((one) => one.id === id);
  const title = identity === undefined ? forTerminal(names.get(id) ?? id) : headline(identity);
  const edges = graph.edges.filter(({ from, to }) => from === id || to === id).toSorted((a, b) => compareGrades(a.grade, b.grade));
  const lines = edges.flatMap((edge) => [
    `  ${label(edge.from, names)} ${edge.relation} ${label(edge.to, names)}  [${edge.grade}, ${edge.method}]`,
    ...edge.evidence.map(sentence),
  ]);
  return `${[title, `  id ${forTerminal(id, 400)}`, ...about(identity), ...lines, ...reachLines(id, graph)].join("\n")}\n`;
}

function about(identity: GraphIdentity | undefined): string[] {
  const { environment, sponsor } = identity ?? {};
  return [
    ...(sponsor === undefined ? [] : [`  sponsor ${forTerminal(sponsor)}`]),
    ...(environment === undefined
      ? []
      : [`  environment ${forTerminal(environment.name)}  [${environment.grade}]`, ...environment.evidence.map(sentence)]),
  ];
}

function sentence({ text, path, line }: Evidence): string {
  return `    ${forTerminal(text, 400)}${path === undefined ? "" : ` (${forTerminal(path)}:${line ?? 1})`}`;
}

/** What it reaches, each with its chain of sentences. */
function reachLines(id: string, graph: Graph): string[] {
  const reached = reachOf(id, graph);
  if (reached.length === 0) return [];
  const shown = reached
    .slice(0, 50)
    .flatMap(({ kind, name, access, grade, chain }) => [
      `  reaches ${kind} ${forTerminal(name)}, ${access}  [${grade}]`,
      ...chain.flatMap(({ evidence: [first] }) => (first === undefined ? [] : [sentence(first)])),
    ]);
  return reached.length > 50 ? [...shown, `  and ${reached.length - 50} more`] : shown;
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
