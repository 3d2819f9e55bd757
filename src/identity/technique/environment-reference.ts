import { isPlainName, withoutValues } from "../../agent-config/slot/mask.ts";
import type { Finding, Grade } from "../../finding.ts";
import { cloudformation } from "../mention/cloudformation.ts";
import { code } from "../mention/code.ts";
import { compose } from "../mention/compose.ts";
import { dockerfile } from "../mention/dockerfile.ts";
import { dotenv } from "../mention/dotenv.ts";
import { gitlabCi } from "../mention/gitlab-ci.ts";
import { helmValues } from "../mention/helm-values.ts";
import { externalSecrets, kubernetes } from "../mention/kubernetes.ts";
import type { Mention, MentionContext, MentionReader } from "../mention/mention.ts";
import { secretProviderClasses } from "../mention/secret-provider-class.ts";
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
import { programOf } from "../program.ts";
import { variableOf } from "../variable.ts";

const method = "environment-reference";

/** Every one that takes a path reads it; what a YAML file is shows in its text alone. */
const readers: readonly MentionReader[] = [
  workflow,
  gitlabCi,
  compose,
  dockerfile,
  dotenv,
  terraform,
  cloudformation,
  helmValues,
  kubernetes,
  code,
];

/**
 * Joins by the name of a variable: who reads it, who passes it, where its value comes from. A name is given twice as easily as
 * once, so these edges are `moderate`; `strong` where a file names both the variable and the one store entry that holds it.
 */
export const environmentReference: Technique = {
  method,
  find(view) {
    const context: MentionContext = { scope: view.scope, textOf: view.textOf, ...copiesAndMounts(view) };
    const parts = [...view.files.map((file) => ofFile(file, view, context)), ...view.findings.map((finding) => ofFinding(finding, view))];
    return {
      identities: parts.flatMap(({ identities = [] }) => identities),
      nodes: parts.flatMap(({ nodes = [] }) => nodes),
      edges: parts.flatMap(({ edges = [] }) => edges),
    };
  },
};

/** What operators of the cluster copy from secret managers, wherever their manifests stand. */
function copiesAndMounts({ files }: View): Pick<MentionContext, "copies" | "mounts"> {
  const { copies, mounts } = secretProviderClasses(files);
  return { copies: new Map([...externalSecrets(files), ...copies]), mounts };
}

/** Whether a file of this path can name variables. */
export function namesVariables(path: string): boolean {
  return readers.some((reader) => reader.takes(path));
}

function ofFile({ path, text }: SourceFile, view: View, context: MentionContext): Contribution {
  if (text.length > 1 << 20) return {};
  const plain = readers
    .filter((reader) => reader.takes(path))
    .flatMap((reader) => reader.read(path, text, context))
    .filter(({ variable = "", from }) => isPlainName(variable) && (from === undefined || isPlainName(from.name)));
  const mentions = plain.map((mention) => ({ ...mention, user: userOf(mention, path, view) }));
  return {
    identities: mentions.flatMap(({ user }) => (user === undefined ? [] : [user])),
    nodes: mentions.flatMap(({ variable, from }) => [
      ...(variable === undefined ? [] : [variableNode(view.scope, variable)]),
      ...(from === undefined ? [] : [from]),
    ]),
    edges: mentions.flatMap((mention) => edgesOf(mention, path, view.scope)),
  };
}

function userOf({ by }: Mention, path: string, view: View): GraphIdentity | undefined {
  if (by === undefined) return undefined;
  if (by === "program") return programOf(path, view);
  const name = withoutValues(by.name);
  return { id: identityId(by.kind, view.scope, path, name), kind: by.kind, name, locations: [{ path, startLine: by.line }] };
}

function edgesOf(
  { variable, line, verb, user, from }: Mention & { user: GraphIdentity | undefined },
  path: string,
  scope: string,
): GraphEdge[] {
  const where = { path, line };
  if (variable === undefined) {
    if (user === undefined || from === undefined) return [];
    return [edge(from.id, user.id, "used_by", "strong", `${user.kind} ${user.name} ${verb} all of ${from.name}.`, where)];
  }
  const node = variableNode(scope, variable);
  const edges: GraphEdge[] = [];
  if (user !== undefined) {
    const text =
      user.locations[0]?.path === path
        ? `${user.kind} ${user.name} ${verb} ${variable}.`
        : `${path}, a part of ${user.kind} ${user.name}, ${verb} ${variable}.`;
    edges.push(edge(node.id, user.id, "used_by", "moderate", text, where));
  }
  if (from !== undefined) {
    edges.push(edge(node.id, from.id, "stored_in", "strong", `${variable} takes its value from ${from.name}.`, where));
    if (user !== undefined)
      edges.push(edge(from.id, user.id, "used_by", "strong", `${user.kind} ${user.name} is given ${from.name} as ${variable}.`, where));
  }
  return edges;
}

/** Where a value stands; and one that stands behind a variable's name is that variable's. */
function ofFinding(finding: Finding, view: View): Contribution {
  const { path, startLine } = finding.location;
  if (path === undefined) return {};
  const variable = variableOf(finding, view);
  const [credential, file] = [credentialNode(finding), fileNode(view.scope, path)];
  const node = variable === undefined ? undefined : variableNode(view.scope, variable);
  const where = { path, line: startLine };
  return {
    nodes: [credential, file, ...(node === undefined ? [] : [node])],
    edges: [
      edge(credential.id, file.id, "stored_in", "strong", `The value stands in ${path}.`, where),
      ...(node === undefined
        ? []
        : [edge(credential.id, node.id, "stored_in", "moderate", `The value is assigned to ${node.name}.`, where)]),
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
