import { readAgentConfig } from "../agent-config/index.ts";
import { ConfigError } from "../errors.ts";
import { compareGrades } from "../finding.ts";
import { codeownersPaths } from "./codeowners.ts";
import { type DeclaredIdentities, declaredPath, parseIdentitiesFile } from "./declared.ts";
import { plainOnly } from "./edge.ts";
import type { Contribution, GraphEdge, GraphIdentity, GraphInput, GraphNode, Technique, View } from "./model.ts";
import { catalogInfo, isCatalogInfo } from "./technique/catalog-info.ts";
import { codeAgent } from "./technique/code-agent.ts";
import { codeClient } from "./technique/code-client.ts";
import { codeRequest } from "./technique/code-request.ts";
import { codeowners } from "./technique/codeowners.ts";
import { commitAuthor } from "./technique/commit-author.ts";
import { configSlot } from "./technique/config-slot.ts";
import { crewAi } from "./technique/crewai.ts";
import { declared } from "./technique/declared.ts";
import { dify } from "./technique/dify.ts";
import { environment } from "./technique/environment.ts";
import { environmentReference } from "./technique/environment-reference.ts";
import { kagent } from "./technique/kagent.ts";
import { langGraph } from "./technique/langgraph.ts";
import { modelList } from "./technique/model-list.ts";
import { n8n } from "./technique/n8n.ts";
import { retrievalStore } from "./technique/retrieval-store.ts";
import { selfDescribing } from "./technique/self-describing.ts";
import { session } from "./technique/session.ts";
import { storeMatch } from "./technique/store-match.ts";
import { terraformRoles } from "./technique/terraform.ts";
import { whoami } from "./technique/whoami.ts";
import { workloadIdentity } from "./technique/workload-identity.ts";

export { type Links, linksFor } from "./links.ts";
export type { GraphEdge, GraphIdentity, GraphInput, GraphNode, SourceFile, StoreMatch } from "./model.ts";

/** One line each, owners last: they look at what the others found. */
const techniques: readonly Technique[] = [
  declared,
  configSlot,
  storeMatch,
  whoami,
  selfDescribing,
  environmentReference,
  ...[codeClient, codeRequest, codeAgent, retrievalStore].map(plainOnly),
  ...[langGraph, crewAi, kagent, n8n, dify, modelList].map(plainOnly),
  ...[workloadIdentity, terraformRoles].map(plainOnly),
  session,
  commitAuthor,
  environment,
  codeowners,
  catalogInfo,
];

/** `identities`, `nodes` and `edges` are the shape of `rekey identities --format json` (contracts.md §3); ids and order are deterministic. */
export interface Graph {
  readonly identities: readonly GraphIdentity[];
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  /** What `.rekey/identities.yml` says, for consumers and places (`consumersOf`, `sinksOf`). */
  readonly declared: DeclaredIdentities | undefined;
  /** What could not be read; a declaration file with an error declares nothing. */
  readonly problems: readonly { readonly path: string; readonly line: number; readonly message: string }[];
}

/** Every identity, and what ties credentials, variables, store entries and owners to it. Pure; the same input gives the same graph. */
export function buildGraph(input: GraphInput): Graph {
  const { view, problems } = viewOf(input);
  const contributions: Contribution[] = [];
  const known = new Map<string, GraphIdentity>();
  for (const technique of techniques) {
    const contribution = technique.find(view, [...known.values()]);
    mergeInto(known, contribution.identities ?? []);
    contributions.push(contribution);
  }

  const edges = mergedEdges(contributions);
  const owners = ownersBy(edges);
  const identities = [...known.values()].toSorted(byId).map((identity) => withOwner(identity, owners));
  const nodes = new Map(contributions.flatMap(({ nodes: own = [] }) => own.map((node) => [node.id, node])));
  return { identities, nodes: [...nodes.values()].toSorted(byId), edges, declared: view.declared, problems };
}

/**
 * The input for a pull request (contracts.md §6): the default branch's inventory with the changed files laid over, `text`
 * undefined where one is deleted. Files that grant (CODEOWNERS, `.rekey/*`, catalog-info) stay as the default branch has them.
 */
export function overlay(base: GraphInput, changed: readonly { readonly path: string; readonly text: string | undefined }[]): GraphInput {
  const laid = new Map(base.files.map(({ path, text }) => [path, text]));
  for (const { path, text } of changed) {
    if (grants(path)) continue;
    if (text === undefined) laid.delete(path);
    else laid.set(path, text);
  }
  return { ...base, files: [...laid].map(([path, text]) => ({ path, text })) };
}

/** Whether a file gives rights or suppresses: read from the default branch only. */
export function grants(path: string): boolean {
  return path.startsWith(".rekey/") || path === ".github/rekey.yml" || codeownersPaths.includes(path) || isCatalogInfo(path);
}

/** Values of fewer bits than this never join anything by fingerprint: a guess must not be confirmed (contracts.md §9). */
const joinableBits = 64;

function viewOf(input: GraphInput): { view: View; problems: Graph["problems"][number][] } {
  // Two files of one path would make the graph depend on their order; the last wins, as in `overlay`.
  const files = [...new Map(input.files.map((file) => [file.path, file])).values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const configs = files.flatMap(({ path, text }) => {
    const config = readAgentConfig(path, text);
    return config === undefined ? [] : [{ path, config }];
  });
  const problems = configs.flatMap(({ path, config }) => config.problems.map((problem) => ({ path, ...problem })));
  const matches = Map.groupBy(input.storeMatches, ({ fingerprint }) => fingerprint);
  const view: View = {
    ...input,
    files,
    configs,
    declared: undefined,
    textOf: new Map(files.map(({ path, text }) => [path, text])),
    mentions: remembered((word) => files.some(({ text }) => text.includes(word))),
    matchesOf: ({ bits, fingerprint }) => (bits < joinableBits ? [] : (matches.get(fingerprint) ?? [])),
  };
  const text = view.textOf.get(declaredPath);
  try {
    return { view: { ...view, declared: text === undefined ? undefined : parseIdentitiesFile(text, declaredPath) }, problems };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push({ path: declaredPath, line: error.line ?? 1, message: error.message });
    return { view, problems };
  }
}

function remembered(ask: (word: string) => boolean): (word: string) => boolean {
  const known = new Map<string, boolean>();
  return (word) => {
    const answer = known.get(word) ?? ask(word);
    known.set(word, answer);
    return answer;
  };
}

/** The same id is the same identity: what an earlier technique says of its name and kind stands, places are added. */
function mergeInto(byKey: Map<string, GraphIdentity>, identities: readonly GraphIdentity[]): void {
  for (const identity of identities) {
    const known = byKey.get(identity.id);
    if (known === undefined) byKey.set(identity.id, identity);
    else {
      const fresh = identity.locations.filter(
        ({ path, startLine }) => !known.locations.some((other) => other.path === path && other.startLine === startLine),
      );
      const locations = fresh.length === 0 ? known.locations : [...known.locations, ...fresh];
      byKey.set(identity.id, { ...identity, ...known, locations });
    }
  }
}

/** One edge for each method, with all of its evidence and the best of its grades. */
function mergedEdges(contributions: readonly Contribution[]): GraphEdge[] {
  const byKey = new Map<string, GraphEdge>();
  for (const edge of contributions.flatMap(({ edges = [] }) => edges)) {
    const key = edgeKey(edge);
    const known = byKey.get(key);
    if (known === undefined) byKey.set(key, edge);
    else {
      const fresh = edge.evidence.filter(({ text, line }) => !known.evidence.some((other) => other.text === text && other.line === line));
      const grade = compareGrades(edge.grade, known.grade) < 0 ? edge.grade : known.grade;
      byKey.set(key, { ...known, grade, evidence: [...known.evidence, ...fresh].slice(0, 20) });
    }
  }
  return [...byKey.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, edge]) => edge);
}

function edgeKey({ from, relation, to, method }: GraphEdge): string {
  return [from, relation, to, method].join("\0");
}

/** The owner that people declared, else the first of CODEOWNERS, else the catalog's. */
function ownersBy(edges: readonly GraphEdge[]): ReadonlyMap<string, string> {
  const order = [declared.method, codeowners.method, catalogInfo.method];
  const rank = ({ method }: GraphEdge) => order.indexOf(method);
  const owned = edges
    .filter((edge) => edge.relation === "owned_by" && rank(edge) !== -1)
    .toSorted((a, b) => rank(a) - rank(b) || compareGrades(a.grade, b.grade));
  const owners = new Map<string, string>();
  for (const { from, to } of owned) if (!owners.has(from)) owners.set(from, to.replace(/^owner:/, ""));
  return owners;
}

function withOwner(identity: GraphIdentity, owners: ReadonlyMap<string, string>): GraphIdentity {
  const owner = identity.owner ?? owners.get(identity.id);
  return owner === undefined ? identity : { ...identity, owner };
}

function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
