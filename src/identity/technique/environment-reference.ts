import { isPlainName, withoutValues } from "../../agent-config/slot/mask.ts";
import type { Finding, Grade } from "../../finding.ts";
import { code } from "../mention/code.ts";
import { compose } from "../mention/compose.ts";
import { dockerfile } from "../mention/dockerfile.ts";
import { dotenv } from "../mention/dotenv.ts";
import { kubernetes } from "../mention/kubernetes.ts";
import type { Mention, MentionReader } from "../mention/mention.ts";
import { basename, dirname } from "../mention/path.ts";
import { terraform } from "../mention/terraform.ts";
import { workflow } from "../mention/workflow.ts";
import {
  type Contribution,
  credentialNode,
  fileNode,
  type GraphEdge,
  type GraphIdentity,
  identityId,
  type SourceFile,
  type Technique,
  type View,
  variableNode,
} from "../model.ts";
import { variableOf } from "../variable.ts";

const method = "environment-reference";

/** The first that takes a path reads it. */
const readers: readonly MentionReader[] = [workflow, compose, dockerfile, dotenv, terraform, kubernetes, code];

/**
 * Joins by the name of a variable: who reads it, who passes it, where its value comes from. A name is given twice as easily as
 * once, so these edges are `moderate`; `strong` where a file names both the variable and the one store entry that holds it.
 */
export const environmentReference: Technique = {
  method,
  find(view) {
    const parts = [...view.files.map((file) => ofFile(file, view)), ...view.findings.map((finding) => ofFinding(finding, view))];
    return {
      identities: parts.flatMap(({ identities = [] }) => identities),
      nodes: parts.flatMap(({ nodes = [] }) => nodes),
      edges: parts.flatMap(({ edges = [] }) => edges),
    };
  },
};

/** Whether a file of this path can name variables. */
export function namesVariables(path: string): boolean {
  return readers.some((reader) => reader.takes(path));
}

function ofFile({ path, text }: SourceFile, view: View): Contribution {
  const reader = readers.find((one) => one.takes(path));
  if (reader === undefined || text.length > 1 << 20) return {};
  const plain = reader
    .read(path, text, view.scope)
    .filter(({ variable, from }) => isPlainName(variable) && (from === undefined || isPlainName(from.name)));
  const mentions = plain.map((mention) => ({ ...mention, user: userOf(mention, path, view) }));
  return {
    identities: mentions.flatMap(({ user }) => (user === undefined ? [] : [user])),
    nodes: mentions.flatMap(({ variable, from }) => [variableNode(view.scope, variable), ...(from === undefined ? [] : [from])]),
    edges: mentions.flatMap((mention) => edgesOf(mention, path, view.scope)),
  };
}

/** A program is the folder of its nearest manifest; a lone file is one by itself. */
function userOf({ by }: Mention, path: string, view: View): GraphIdentity | undefined {
  if (by === undefined) return undefined;
  if (by !== "program") {
    const name = withoutValues(by.name);
    return { id: identityId(by.kind, view.scope, path, name), kind: by.kind, name, locations: [{ path, startLine: by.line }] };
  }
  const manifest = manifestOf(path, view) ?? path;
  const name = manifest === path ? basename(path) : basename(dirname(manifest)) || (view.scope === "." ? manifest : basename(view.scope));
  return { id: identityId("workload", view.scope, manifest, name), kind: "workload", name, locations: [{ path: manifest, startLine: 1 }] };
}

const manifests = [
  "langgraph.json",
  "package.json",
  "pyproject.toml",
  "go.mod",
  "Cargo.toml",
  "requirements.txt",
  "setup.py",
  "Gemfile",
  "pom.xml",
  "composer.json",
];

/** Whether a path is a manifest: only its place counts, its text is never needed. */
export function isManifest(path: string): boolean {
  return manifests.includes(basename(path));
}

function manifestOf(path: string, { textOf }: View): string | undefined {
  const folders: string[] = [];
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    folders.push(folder);
    if (folder === "") break;
  }
  return folders.flatMap((folder) => manifests.map((name) => (folder === "" ? name : `${folder}/${name}`))).find((one) => textOf.has(one));
}

function edgesOf(
  { variable, line, verb, user, from }: Mention & { user: GraphIdentity | undefined },
  path: string,
  scope: string,
): GraphEdge[] {
  const node = variableNode(scope, variable);
  const where = { path, line };
  const edges: GraphEdge[] = [];
  if (user !== undefined) {
    const text =
      user.locations[0]?.path === path
        ? `${user.kind} ${user.name} ${verb} ${variable}.`
        : `${path}, a part of ${user.kind} ${user.name}, ${verb} ${variable}.`;
    edges.push(edge(node.id, user.id, "used_by", "moderate", text, where));
  }
  if (from !== undefined)
    edges.push(edge(node.id, from.id, "stored_in", "strong", `${variable} takes its value from ${from.name}.`, where));
  return edges;
}

/** A value that stands behind a variable's name is that variable's. */
function ofFinding(finding: Finding, view: View): Contribution {
  const { path, startLine } = finding.location;
  const variable = variableOf(finding, view);
  if (path === undefined || variable === undefined) return {};
  const [credential, node, file] = [credentialNode(finding), variableNode(view.scope, variable), fileNode(view.scope, path)];
  const where = { path, line: startLine };
  return {
    nodes: [credential, node, file],
    edges: [
      edge(credential.id, node.id, "stored_in", "moderate", `The value is assigned to ${variable}.`, where),
      edge(credential.id, file.id, "stored_in", "strong", `The value stands in ${path}.`, where),
    ],
  };
}

function edge(
  from: string,
  to: string,
  relation: GraphEdge["relation"],
  grade: Grade,
  text: string,
  where: { path: string; line: number },
): GraphEdge {
  return { from, to, relation, method, grade, evidence: [{ method, grade, text, ...where }] };
}
