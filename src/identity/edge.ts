import { isPlainName, withoutValues } from "../agent-config/slot/mask.ts";
import type { Evidence, Grade, IdentityKind } from "../finding.ts";
import { type Contribution, type GraphEdge, type GraphIdentity, type GraphNode, identityId, type Technique } from "./model.ts";

export interface Where {
  readonly path: string;
  /** 1-based. */
  readonly line: number;
}

/** An edge with one sentence of evidence, in the name of one technique. */
export function edgesOf(method: string) {
  return (from: string, relation: GraphEdge["relation"], to: string, grade: Grade, text: string, where: Where): GraphEdge => {
    const evidence: Evidence[] = [{ method, grade, text, ...where }];
    return { from, to, relation, method, grade, evidence };
  };
}

/** An identity that stands at one place of one file. */
export function localIdentity(kind: IdentityKind, name: string, scope: string, { path, line }: Where): GraphIdentity {
  const plain = withoutValues(name.slice(0, 200));
  return { id: identityId(kind, scope, path, plain), kind, name: plain, locations: [{ path, startLine: line }] };
}

/** An identity that the world knows by this name: a host, an ARN. */
export function nativeIdentity(kind: IdentityKind, native: string, { path, line }: Where): GraphIdentity {
  return { id: `${kind}:${native}`, kind, name: native, locations: [{ path, startLine: line }] };
}

export function resourceNode(native: string): GraphNode {
  return { id: `resource:${native}`, type: "resource", name: native };
}

export function joined(parts: readonly Contribution[]): Required<Contribution> {
  return {
    identities: parts.flatMap(({ identities = [] }) => identities),
    nodes: parts.flatMap(({ nodes = [] }) => nodes),
    edges: parts.flatMap(({ edges = [] }) => edges),
  };
}

/** Host and port of an address, without user, path and query; undefined where it names none, or one that only rendering would tell. */
export function hostOf(address: string): string | undefined {
  const host =
    /^(?:[a-z][a-z0-9+.-]{0,30}:\/\/)?(?:[^/@\s]{1,200}@)?([a-z0-9](?:[a-z0-9.-]{0,200}[a-z0-9])?(?::\d{1,5})?)(?:[/?#]|$)/i.exec(
      address.trim(),
    )?.[1];
  return host?.toLowerCase().replace(/:443$/, "");
}

/** A technique that reads names out of files: what holds a value where a name belongs is left out, and no sentence repeats one. */
export function plainOnly({ method, find }: Technique): Technique {
  return {
    method,
    find(view, known) {
      const { identities, nodes, edges } = joined([find(view, known)]);
      const wrong = new Set([...identities, ...nodes].filter(({ name }) => !isPlainName(name)).map(({ id }) => id));
      return {
        identities: identities.filter(({ id }) => !wrong.has(id)),
        nodes: nodes.filter(({ id }) => !wrong.has(id)),
        edges: edges
          .filter(({ from, to }) => !wrong.has(from) && !wrong.has(to))
          .map((edge) => ({ ...edge, evidence: edge.evidence.map((one) => ({ ...one, text: withoutValues(one.text) })) })),
      };
    },
  };
}
