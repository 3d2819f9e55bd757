import { readTree } from "../../agent-config/format/read.ts";
import { field, type MapNode, type TextNode, type Tree } from "../../agent-config/format/tree.ts";
import { isHelmTemplate, isHelmValues, withoutActions } from "../../identity/mention/helm.ts";
import { isKubernetesPath, textOf } from "../../identity/mention/kubernetes.ts";
import { applied, basename, lineStart, newlineOf, type Syntax } from "../syntax.ts";
import { nodeAt } from "../yaml.ts";

/** `value:` of a container's variable becomes `valueFrom: secretKeyRef:`; a chart's values may have the same shape. */
export const kubernetes: Syntax = {
  takes: ({ path, text }) =>
    isHelmValues(path) || isHelmTemplate(path) || (isKubernetesPath(path) && /^apiVersion:/m.test(text) && /^kind:/m.test(text)),
  rewrite({ path, text, start, end, kubernetesSecret }) {
    const read = isHelmTemplate(path) ? withoutActions : (plain: string) => plain;
    const { root } = readTree(read(text), "yaml");
    const value = nodeAt(root, start, end);
    if (value === undefined) return { none: "the value stands in a comment; delete it there" };
    const found = ownerOf(root, value, []);
    if (found === undefined) return { none: elsewhere(found) };
    const { entry, above } = found;
    const kind = above.map((map) => textOf(field(map, "kind"))).find((one) => one !== undefined);
    const key = textOf(field(entry, "name"));
    if (key === undefined || !/^[A-Za-z_][\w.-]{0,252}$/.test(key) || kind === "Secret" || kind === "ConfigMap")
      return { none: elsewhere(kind) };
    if (value.start !== start || value.end !== end)
      return { none: `only a part of ${key} is secret; put the whole value into a Secret and refer to it with secretKeyRef` };
    const at = /value:[ \t]{0,8}["']?$/.exec(text.slice(lineStart(text, value.start), value.start))?.index;
    if (at === undefined)
      return { none: `the value of ${key} is written over several lines; refer to a Secret with valueFrom.secretKeyRef by hand` };

    const secret = kubernetesSecret ?? `${workloadOf(above, path)}-secrets`;
    const from = lineStart(text, value.start) + at;
    const to = value.end + (/["']/.test(text[value.start - 1] ?? "") ? 1 : 0);
    const flow = text.slice(lineStart(text, from), from).includes("{");
    const edits = [{ start: from, end: to, text: flow ? inline(secret, key) : block(secret, key, at, newlineOf(text)) }];
    const after = readTree(read(applied(text, edits)), "yaml");
    if (after.problems.length > 0)
      return { none: "the file could not be rewritten without breaking it; use valueFrom.secretKeyRef by hand" };
    return {
      edits,
      reference: `secretKeyRef ${secret}/${key}`,
      name: key,
      next: [
        `Put the new value into the key ${key} of the Secret ${secret}, outside of git: by External Secrets or your cluster's own tooling.`,
      ],
    };
  },
};

function inline(secret: string, key: string): string {
  return `valueFrom: { secretKeyRef: { name: ${secret}, key: ${key} } }`;
}

function block(secret: string, key: string, indent: number, newline: string): string {
  const pad = " ".repeat(indent);
  return ["valueFrom:", `${pad}  secretKeyRef:`, `${pad}    name: ${secret}`, `${pad}    key: ${key}`].join(newline);
}

/** The `{ name, value }` of a list called `env` whose value this is, and the maps around it, outermost first. */
function ownerOf(
  node: Tree | undefined,
  value: TextNode,
  above: readonly MapNode[],
): { entry: MapNode; above: readonly MapNode[] } | undefined {
  if (node?.kind === "list") return node.items.map((item) => ownerOf(item, value, above)).find((found) => found !== undefined);
  if (node?.kind !== "map") return undefined;
  if (field(node, "value") === value && field(node, "name") !== undefined) return { entry: node, above };
  return node.entries.map((entry) => ownerOf(entry.node, value, [...above, node])).find((found) => found !== undefined);
}

function workloadOf(above: readonly MapNode[], path: string): string {
  const named = above.map((map) => textOf(field(field(map, "metadata"), "name"))).find((name) => name !== undefined);
  if (named !== undefined && /^[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?$/.test(named)) return named;
  const folder = path.split("/").at(isHelmTemplate(path) ? -3 : -2) ?? "";
  return /^[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?$/.test(folder)
    ? folder
    : basename(path)
        .replace(/\.ya?ml$/, "")
        .replace(/[^a-z0-9]+/g, "-") || "app";
}

function elsewhere(kind: string | undefined): string {
  if (kind === "Secret") return "a Secret that stands in git is the leak itself; write an ExternalSecret or a SealedSecret instead";
  if (kind === "ConfigMap") return "a ConfigMap is no place for a secret; put it into a Secret and refer to it with secretKeyRef";
  return "Kubernetes and Helm take a Secret's value only where a container's variable is declared; put it there with valueFrom.secretKeyRef";
}
