import { compareGrades, type Evidence, type Finding, type Grade, type IdentityLink } from "../finding.ts";
import type { Graph } from "./graph.ts";
import { honeytokenOf } from "./honeytoken.ts";
import { dirname } from "./mention/path.ts";
import { credentialNode, type GraphEdge, type GraphIdentity } from "./model.ts";

export interface Links {
  /** Strongest first; one for each identity. */
  readonly identities: readonly IdentityLink[];
  /** Why, in the order of the links; never the value. */
  readonly evidence: readonly Evidence[];
}

/**
 * Whose credential a finding is and who uses it. The finding must be among those that the graph was built with. A link over a
 * variable's or a store entry's name is at most `moderate`, since names are given twice; over a matched store entry it is as
 * good as the match.
 */
export function linksFor(finding: Finding, graph: Graph): Links {
  const { out, kinds } = indexOf(graph);
  const paths = nearestOnly(
    pathsFrom(credentialNode(finding).id, out, (id) => kinds.has(id)),
    finding,
    kinds,
  );

  const best = new Map<string, Path>();
  for (const path of paths.toSorted(comparePaths)) if (!best.has(path.to)) best.set(path.to, path);
  const chosen = [...best.values()].toSorted(comparePaths).slice(0, mostLinks);
  const identities = chosen.flatMap(({ to, relation, grade }): IdentityLink[] => {
    const identity = kinds.get(to);
    if (identity === undefined) return [];
    const { id, kind, name, owner } = identity;
    return [{ id, kind, name, relation, grade, ...(owner === undefined ? {} : { owner }) }];
  });
  const bait = honeytokenOf({ ...finding, identities }, graph.declared);
  return {
    identities,
    evidence: distinct([
      ...(bait === undefined
        ? []
        : [{ method: "honeytoken", grade: bait.sure ? ("strong" as const) : ("weak" as const), text: bait.text }]),
      ...chosen.flatMap(({ edges }) => edges.flatMap(({ evidence }) => evidence)),
    ]),
  };
}

/** A variable's name can be everywhere; past this many nobody reads on. */
const mostLinks = 25;

interface Index {
  readonly out: ReadonlyMap<string, readonly GraphEdge[]>;
  readonly kinds: ReadonlyMap<string, GraphIdentity>;
}

const indexes = new WeakMap<Graph, Index>();

/** Made once for a graph, since a scan asks for every finding. */
function indexOf(graph: Graph): Index {
  const known = indexes.get(graph);
  if (known !== undefined) return known;
  const index = {
    out: Map.groupBy(graph.edges, ({ from }) => from),
    kinds: new Map(graph.identities.map((identity) => [identity.id, identity])),
  };
  indexes.set(graph, index);
  return index;
}

interface Path {
  readonly to: string;
  readonly relation: IdentityLink["relation"];
  readonly grade: Grade;
  readonly edges: readonly GraphEdge[];
}

/** Direct edges; over one place that stores it; and on to whoever uses the user (the agent of an MCP server). */
function pathsFrom(credential: string, out: ReadonlyMap<string, readonly GraphEdge[]>, isIdentity: (id: string) => boolean): Path[] {
  const own = out.get(credential) ?? [];
  const direct = own.flatMap((edge): Path[] =>
    isIdentity(edge.to) && isLink(edge.relation) ? [{ to: edge.to, relation: edge.relation, grade: edge.grade, edges: [edge] }] : [],
  );
  const stored = own
    .filter(({ relation }) => relation === "stored_in")
    .flatMap((first) => (out.get(first.to) ?? []).map((second) => [first, second] as const))
    .slice(0, 1000)
    .flatMap(([first, second]): Path[] => {
      if (second.relation !== "used_by" || !isIdentity(second.to)) return [];
      const grade = worse(worse(first.grade, second.grade), first.method === "store-match" ? "confirmed" : "moderate");
      return [{ to: second.to, relation: "used_by", grade, edges: [first, second] }];
    });
  const reached = [...direct, ...stored];
  const onward = reached
    .filter(({ relation }) => relation === "used_by")
    .flatMap((path) =>
      (out.get(path.to) ?? [])
        .filter((edge) => edge.relation === "used_by" && isIdentity(edge.to))
        .map((edge): Path => ({ to: edge.to, relation: "used_by", grade: worse(path.grade, edge.grade), edges: [...path.edges, edge] })),
    );
  return [...reached, ...onward];
}

/**
 * A variable's name is given in many folders, but a value that stands in one is meant for the programs around it: where there is one,
 * those of other folders are `weak`.
 */
function nearestOnly(paths: readonly Path[], { location }: Finding, kinds: ReadonlyMap<string, GraphIdentity>): readonly Path[] {
  const byName = ({ edges: [first, second] }: Path) => second !== undefined && first?.to.startsWith("variable:") === true;
  const near = ({ to }: Path) => kinds.get(to)?.locations.some(({ path }) => around(dirname(path), dirname(location.path ?? ""))) ?? false;
  if (!paths.some((path) => byName(path) && near(path))) return paths;
  return paths.map((path) => (byName(path) && !near(path) ? { ...path, grade: "weak" } : path));
}

function around(a: string, b: string): boolean {
  return `${a}/`.startsWith(`${b}/`) || `${b}/`.startsWith(`${a}/`) || a === "" || b === "";
}

const relations = ["authenticates_as", "used_by", "exposed_by"] as const;

function isLink(relation: GraphEdge["relation"]): relation is IdentityLink["relation"] {
  return relations.some((one) => one === relation);
}

function comparePaths(a: Path, b: Path): number {
  return (
    compareGrades(a.grade, b.grade) ||
    relations.indexOf(a.relation) - relations.indexOf(b.relation) ||
    a.edges.length - b.edges.length ||
    (a.to < b.to ? -1 : a.to > b.to ? 1 : 0)
  );
}

function worse(a: Grade, b: Grade): Grade {
  return compareGrades(a, b) > 0 ? a : b;
}

function distinct(evidence: readonly Evidence[]): Evidence[] {
  return [...new Map(evidence.map((one) => [`${one.method}\0${one.text}\0${one.path ?? ""}\0${one.line ?? ""}`, one])).values()];
}
