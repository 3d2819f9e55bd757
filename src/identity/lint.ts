import { forTerminal } from "./escape.ts";
import type { Graph } from "./graph.ts";

/** Something that `.rekey/identities.yml` says and the repository does not bear out. */
export interface LintProblem {
  readonly path: string;
  /** 1-based. */
  readonly line: number;
  /** What was expected, what there is, what to do. Holds names from files: escape it for its surface. */
  readonly message: string;
}

/**
 * Holds what people declared against what the repository shows. Three things are reported: an `id` that is no inferred identity,
 * a declared agent or MCP server that no file speaks of, and a store field that the repository's own files take from another
 * entry. What the repository cannot show (a key that only a deployment elsewhere reads) is no problem.
 */
export function lintDeclared(graph: Graph, scope: string): LintProblem[] {
  const { declared } = graph;
  if (declared === undefined) return [];
  const { path } = declared;
  const inferred = graph.identities.filter(({ locations }) => locations.some((place) => place.path !== path));
  const ids = new Set(inferred.map(({ id }) => id));
  const names = new Set(inferred.map(({ name }) => name));
  const from = Map.groupBy(graph.edges, (edge) => edge.from);
  const named = new Map([...graph.nodes, ...graph.identities].map(({ id, name }) => [id, name]));

  return declared.identities.flatMap((entry): LintProblem[] => {
    const at = { path, line: entry.line };
    const title = `${entry.kind} '${entry.name}'`;
    if (entry.id !== undefined && !ids.has(entry.id))
      return [
        {
          ...at,
          message: `${title} is declared with the id '${entry.id}', which nothing in the repository has; correct the id or remove it`,
        },
      ];
    const problems: LintProblem[] = [];
    const unseen = entry.id === undefined && !names.has(entry.name);
    const variables = entry.credentials.flatMap(({ stored_in }) => stored_in.flatMap(({ field = "" }) => field));
    const read = variables.some((name) => (from.get(`variable:${scope}#${name}`) ?? []).some(({ relation }) => relation === "used_by"));
    if (unseen && !read)
      problems.push({
        ...at,
        message: `${title} is declared, but no file of the repository names it or reads one of its credentials; remove it, or declare the field that it is stored in`,
      });
    for (const name of new Set(variables)) {
      const places = entry.credentials.flatMap(({ stored_in }) => stored_in.filter((place) => place.field === name));
      const seen = (from.get(`variable:${scope}#${name}`) ?? []).filter(
        ({ to, relation, method }) => relation === "stored_in" && method !== "declared" && to.startsWith("store-entry:") && !isCopy(to),
      );
      const [other] = seen;
      if (other === undefined || seen.some(({ to }) => places.some((place) => samePath(place.path, pathOf(to))))) continue;
      const [where] = other.evidence;
      const seenAt = where?.path === undefined ? "" : ` (${where.path}:${where.line ?? 1})`;
      problems.push({
        path,
        line: entry.line,
        message: `${title} is declared to keep ${name} elsewhere than the repository takes it from, ${named.get(other.to) ?? other.to}${seenAt}; correct one of them`,
      });
    }
    return problems;
  });
}

/** One line each for a terminal, and how many there are. */
export function lintText(problems: readonly LintProblem[]): string {
  const lines = problems.map(({ path, line, message }) => `${forTerminal(path)}:${line}: ${forTerminal(message, 400)}`);
  return `${[...lines, `${problems.length} ${problems.length === 1 ? "problem" : "problems"}`].join("\n")}\n`;
}

/** A secret of the CI or of a cluster is a copy of what the secret manager holds: no contradiction. */
function isCopy(id: string): boolean {
  return id.startsWith("store-entry:github-actions/") || id.startsWith("store-entry:kubernetes/");
}

/** `store-entry:<connection>/<path>#<field>` → the path: a connection is called one thing here and another in a manifest. */
function pathOf(id: string): string {
  return id.replace(/^store-entry:[^/]*\//, "").replace(/#[^#]*$/, "");
}

/** Manifests often leave the mount out, which their own store definition holds. */
function samePath(a: string, b: string): boolean {
  const [one, two] = [a, b].map((path) => `/${path.replace(/^\/+|\/+$/g, "")}`) as [string, string];
  return one.endsWith(two) || two.endsWith(one);
}
