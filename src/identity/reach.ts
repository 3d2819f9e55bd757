import { compareGrades, type Finding, type Grade, type ReachedThing } from "../finding.ts";
import type { Graph } from "./graph.ts";
import { credentialNode, type GraphEdge } from "./model.ts";

/**
 * How somebody has what they reach (identity.md §7): by a key of its own that lasts; by one that ends by itself; through a role, a service
 * account or a server; or with the token of whoever calls.
 */
export type Access = ReachedThing["access"];

/** Something that an identity or a credential reaches, and by which chain of edges. */
export interface Reached {
  readonly id: string;
  /** An identity's kind, or `resource`. */
  readonly kind: string;
  readonly name: string;
  readonly access: Access;
  readonly grade: Grade;
  readonly chain: readonly GraphEdge[];
}

/** Past so many nobody reads on, and a hostile repository has cycles and fans. */
const most = 200;
const longestChain = 8;

/**
 * What an identity reaches: the models, tools and servers that it uses, what those reach, and what its roles may do. Each once, by the
 * shortest of its best chains. Bounded; cycles end.
 */
export function reachOf(identity: string, graph: Graph): Reached[] {
  const { out, into, names } = indexOf(graph);
  const found = new Map<string, Reached>();
  let frontier: Pick<Reached, "id" | "access" | "grade" | "chain">[] = [
    { id: identity, access: "standing", grade: "confirmed", chain: [] },
  ];
  for (let length = 0; length < longestChain && frontier.length > 0 && found.size < most; length++) {
    const next: typeof frontier = [];
    for (const step of frontier) {
      for (const { edge, to } of stepsFrom(step.id, out, into)) {
        const thing = names.get(to);
        if (thing === undefined || to === identity || step.chain.some((one) => one.from === to || one.to === to)) continue;
        const grade = compareGrades(edge.grade, step.grade) > 0 ? edge.grade : step.grade;
        const reached: Reached = { id: to, ...thing, access: accessOf(edge, step, names), grade, chain: [...step.chain, edge] };
        const known = found.get(to);
        if (known !== undefined && compareGrades(known.grade, grade) <= 0) continue;
        if (known === undefined && found.size >= most) continue;
        found.set(to, reached);
        next.push(reached);
      }
    }
    frontier = next;
  }
  return [...found.values()].toSorted(byStrength);
}

/** What a leaked credential opens, and who breaks when it dies. */
export interface BlastRadius {
  /** What the credential itself opens: whom it authenticates as with all their reach, and the endpoints that it is handed to. */
  readonly opens: readonly Reached[];
  /** Who uses it, in the order of their links. */
  readonly users: readonly Reached[];
}

/**
 * The blast radius of a finding. A program that uses the credential can do more than it: only what the program's own call hands the
 * credential to is opened by it. What a declaration, the vendor or a secret manager says it authenticates as, it opens as a whole.
 */
export function blastRadius(finding: Finding, graph: Graph): BlastRadius {
  const { out, into, names } = indexOf(graph);
  const start = credentialNode(finding).id;
  const opens = new Map<string, Reached>();
  const users = new Map<string, Reached>();
  const add = (found: Map<string, Reached>, one: Reached) => {
    if (found.size < most && !found.has(one.id)) found.set(one.id, one);
  };
  const access: Access = finding.attributes["expires"] === undefined ? "standing" : "temporary";
  for (const edge of out.get(start) ?? []) {
    const thing = names.get(edge.to);
    if (edge.relation !== "authenticates_as" || thing === undefined || edge.grade === "weak") continue;
    const own: Access = thing.kind === "human-token" ? "delegated" : access;
    add(opens, { id: edge.to, ...thing, access: own, grade: edge.grade, chain: [edge] });
    for (const more of reachOf(edge.to, graph))
      add(opens, { ...more, grade: compareGrades(more.grade, edge.grade) > 0 ? more.grade : edge.grade, chain: [edge, ...more.chain] });
  }
  for (const chain of usesOf(start, out)) {
    const last = chain.at(-1);
    const thing = last === undefined ? undefined : names.get(last.to);
    if (last === undefined || thing === undefined || thing.kind === "resource") continue;
    const grade = chain.reduce<Grade>(
      (worst, edge) => (compareGrades(edge.grade, worst) > 0 ? edge.grade : worst),
      chain.length > 1 ? limitOf(chain) : "confirmed",
    );
    add(users, { id: last.to, ...thing, access, grade, chain });
    for (const edge of handedTo(last, out, into)) {
      const to = edge.relation === "can_access" ? edge.to : edge.from;
      const opened = names.get(to);
      if (opened !== undefined) add(opens, { id: to, ...opened, access, grade, chain: [...chain, edge] });
    }
  }
  return { opens: [...opens.values()].toSorted(byStrength), users: [...users.values()].toSorted(byStrength) };
}

/** The blast radius as a finding keeps it: the strongest of each, with a sentence for each step. */
export function reachedThings(finding: Finding, graph: Graph, most = 25): ReachedThing[] {
  const { opens, users } = blastRadius(finding, graph);
  const shown = (relation: ReachedThing["relation"], all: readonly Reached[]) =>
    all.slice(0, most).map(({ kind, name, access, grade, chain }): ReachedThing => {
      return { relation, kind, name, access, grade, why: chain.flatMap(({ evidence: [first] }) => first ?? []) };
    });
  return [...shown("opens", opens), ...shown("breaks", users)];
}

/** Over a name alone a use is at most `moderate`, as it is for a finding's links. */
function limitOf([first]: readonly GraphEdge[]): Grade {
  return first?.method === "store-match" ? "confirmed" : "moderate";
}

/** The credential's own uses, and those over a variable or a store entry. */
function usesOf(start: string, out: ReadonlyMap<string, readonly GraphEdge[]>): GraphEdge[][] {
  const own = out.get(start) ?? [];
  const direct = own.filter(({ relation }) => relation === "used_by").map((edge) => [edge]);
  const stored = own
    .filter(({ relation }) => relation === "stored_in")
    .flatMap((first) => (out.get(first.to) ?? []).filter(({ relation }) => relation === "used_by").map((second) => [first, second]));
  return [...direct, ...stored].slice(0, 1000);
}

/** What the same line of the same file gives the credential to; of a server of its own, the address that it is reached at. */
function handedTo(
  use: GraphEdge,
  out: ReadonlyMap<string, readonly GraphEdge[]>,
  into: ReadonlyMap<string, readonly GraphEdge[]>,
): GraphEdge[] {
  const accessed = (out.get(use.to) ?? []).filter(({ relation }) => relation === "can_access");
  if (use.to.startsWith("mcp-server:")) return accessed;
  const asked = (into.get(use.to) ?? []).filter(({ relation, from }) => relation === "used_by" && from.startsWith("model-endpoint:"));
  const lines = new Set(use.evidence.map(({ path, line }) => `${path}:${line}`));
  return [...accessed, ...asked].filter(({ evidence }) =>
    evidence.some(({ path, line }) => path !== undefined && lines.has(`${path}:${line}`)),
  );
}

/** Along `can_access`, and back along `used_by` to the endpoints, servers and tools that something uses. */
function stepsFrom(
  id: string,
  out: ReadonlyMap<string, readonly GraphEdge[]>,
  into: ReadonlyMap<string, readonly GraphEdge[]>,
): { edge: GraphEdge; to: string }[] {
  return [
    ...(out.get(id) ?? []).filter(({ relation }) => relation === "can_access").map((edge) => ({ edge, to: edge.to })),
    ...(into.get(id) ?? [])
      .filter(({ relation, from }) => relation === "used_by" && /^(?:mcp-server|tool|model-endpoint):/.test(from))
      .map((edge) => ({ edge, to: edge.from })),
  ];
}

function accessOf(
  edge: GraphEdge,
  step: Pick<Reached, "id" | "access" | "chain">,
  names: ReadonlyMap<string, { kind: string; name: string }>,
): Access {
  if (edge.access !== undefined) return edge.access;
  if (step.access === "delegated" || step.access === "temporary") return step.access;
  const kind = names.get(step.id)?.kind;
  return step.chain.length > 0 && kind !== undefined && ["cloud-role", "service-account", "mcp-server", "model-endpoint"].includes(kind)
    ? "inherited"
    : step.access;
}

function byStrength(a: Reached, b: Reached): number {
  return compareGrades(a.grade, b.grade) || a.chain.length - b.chain.length || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

interface Index {
  readonly out: ReadonlyMap<string, readonly GraphEdge[]>;
  readonly into: ReadonlyMap<string, readonly GraphEdge[]>;
  /** Identities and resources; nothing else is reached. */
  readonly names: ReadonlyMap<string, { kind: string; name: string }>;
}

const indexes = new WeakMap<Graph, Index>();

function indexOf(graph: Graph): Index {
  const known = indexes.get(graph);
  if (known !== undefined) return known;
  const resources = graph.nodes
    .filter(({ type }) => type === "resource")
    .map(({ id, name }) => [id, { kind: "resource" as string, name }] as const);
  const index: Index = {
    out: Map.groupBy(graph.edges, ({ from }) => from),
    into: Map.groupBy(graph.edges, ({ to }) => to),
    names: new Map([...resources, ...graph.identities.map(({ id, kind, name }) => [id, { kind: kind as string, name }] as const)]),
  };
  indexes.set(graph, index);
  return index;
}
