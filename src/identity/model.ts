import type { AgentConfig } from "../agent-config/index.ts";
import { credentialKey, type Evidence, type Finding, type Grade, type IdentityKind } from "../finding.ts";
import type { DeclaredIdentities } from "./declared.ts";

/** A non-human principal (contracts.md §3). */
export interface GraphIdentity {
  readonly id: string;
  readonly kind: IdentityKind;
  readonly name: string;
  readonly owner?: string;
  /** Who answers for it beside the owner, as declared. */
  readonly sponsor?: string;
  /** Where it runs, as declared or as its places say. Never lowers an approval unless it is declared. */
  readonly environment?: { readonly name: string; readonly grade: Grade; readonly evidence: readonly Evidence[] };
  readonly locations: readonly { readonly path: string; readonly startLine: number }[];
}

export interface GraphNode {
  readonly id: string;
  readonly type: "credential" | "store-entry" | "variable" | "resource" | "owner" | "file";
  readonly name: string;
}

export type Relation = "exposed_by" | "authenticates_as" | "stored_in" | "used_by" | "owned_by" | "can_access";

/** Directions are those of contracts.md §3. */
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly relation: Relation;
  /** The technique. */
  readonly method: string;
  readonly grade: Grade;
  readonly evidence: readonly Evidence[];
  /** Where the file says how: `temporary` for a role that a job assumes, `delegated` for the caller's own key. */
  readonly access?: "temporary" | "delegated";
}

/** A value of the secret managers' inventory that has a finding's fingerprint; the inventory job grades it (contracts.md §2). */
export interface StoreMatch {
  readonly fingerprint: string;
  readonly connection: string;
  readonly path: string;
  readonly field?: string;
  readonly version: string;
  readonly grade: Grade;
}

export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/**
 * Everything that a graph is made of. `storeMatches` are an oracle (contracts.md §9): leave them empty wherever the reader has
 * no access to the identity.
 */
export interface GraphInput {
  /** `host/owner/name` of `origin` in lower case, `.` where there is none. */
  readonly scope: string;
  readonly files: readonly SourceFile[];
  readonly findings: readonly Finding[];
  readonly storeMatches: readonly StoreMatch[];
}

/** The input, read once for all techniques. */
export interface View extends GraphInput {
  /** The text of each path. */
  readonly textOf: ReadonlyMap<string, string>;
  /** The store matches of a finding; none where its value is too weak to join anything. */
  readonly matchesOf: (finding: Finding) => readonly StoreMatch[];
  readonly configs: readonly { readonly path: string; readonly config: AgentConfig }[];
  readonly declared: DeclaredIdentities | undefined;
  /** Whether any file of the inventory has this word. */
  readonly mentions: (word: string) => boolean;
}

/** What one technique adds. Nodes that an edge names are made by whoever names them. */
export interface Contribution {
  readonly identities?: readonly GraphIdentity[];
  readonly nodes?: readonly GraphNode[];
  readonly edges?: readonly GraphEdge[];
}

/** One way to learn whose a credential is: one file in technique/, one line in graph.ts. */
export interface Technique {
  readonly method: string;
  /** `known` are the identities of the techniques before it. */
  readonly find: (view: View, known: readonly GraphIdentity[]) => Contribution;
}

export function identityId(kind: IdentityKind, scope: string, path: string, name: string): string {
  return `${kind}:${scope}#${path}#${name}`;
}

export function variableNode(scope: string, name: string): GraphNode {
  return { id: `variable:${scope}#${name}`, type: "variable", name };
}

export function storeEntryNode(connection: string, path: string, entryField?: string): GraphNode {
  const place = `${connection}/${path.replace(/^\/+/, "")}`;
  return {
    id: `store-entry:${place}#${entryField ?? ""}`,
    type: "store-entry",
    name: entryField === undefined ? place : `${place} ${entryField}`,
  };
}

export function ownerNode(owner: string): GraphNode {
  return { id: `owner:${owner}`, type: "owner", name: owner };
}

export function fileNode(scope: string, path: string): GraphNode {
  return { id: `file:${scope}#${path}`, type: "file", name: path };
}

/** A value that is too weak to be told from others is named by its place. */
export function credentialNode(finding: Finding): GraphNode {
  const key = finding.bits < 40 ? finding.id : credentialKey(finding);
  return { id: `credential:${key}`, type: "credential", name: finding.title };
}
