import { readTree } from "../../agent-config/format/read.ts";
import { field, select, type Tree } from "../../agent-config/format/tree.ts";
import { storeEntryNode } from "../model.ts";
import { lineCounter, type Mention, type MentionReader, mostMentions } from "./mention.ts";

/** Where a pod template may stand in a resource. */
const podSpecs = ["/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec"];

/** A workload of Kubernetes uses the variables of its containers; a `secretKeyRef` says which entry holds the value. */
export const kubernetes: MentionReader = {
  takes: (path) => /\.ya?ml$/i.test(path) && !path.startsWith(".github/"),
  read(_path, text) {
    if (!/^[ \t]{0,16}kind:/m.test(text) || !/^[ \t]{0,16}apiVersion:/m.test(text)) return [];
    const lineOf = lineCounter(text);
    const { root } = readTree(text, "yaml");
    if (root === undefined) return [];
    const resources = root.kind === "list" ? root.items : [root];
    const remote = externalSecrets(resources);
    return resources.flatMap((resource) => ofResource(resource, remote, lineOf)).slice(0, mostMentions);
  },
};

function ofResource(
  resource: Tree,
  remote: ReadonlyMap<string, ReturnType<typeof storeEntryNode>>,
  lineOf: (offset: number) => number,
): Mention[] {
  const [kind, name] = [textOf(field(resource, "kind")), textOf(field(field(resource, "metadata"), "name"))];
  if (kind === undefined || name === undefined) return [];
  const namespace = textOf(field(field(resource, "metadata"), "namespace")) ?? "default";
  const by = { kind: "workload" as const, name: `${kind}/${name}`, line: lineOf(resource.start) };
  return podSpecs
    .flatMap((spec) => ["containers", "initContainers"].flatMap((list) => select(resource, `${spec}/${list}/*/env/*`)))
    .flatMap(({ node }): Mention[] => {
      const variable = textOf(field(node, "name"));
      if (variable === undefined || !/^[A-Za-z_][\w.-]{0,127}$/.test(variable)) return [];
      const reference = field(field(node, "valueFrom"), "secretKeyRef");
      const [secret, key] = [textOf(field(reference, "name")), textOf(field(reference, "key"))];
      const from =
        secret === undefined
          ? undefined
          : (remote.get(`${namespace}/${secret}#${key ?? ""}`) ?? storeEntryNode("kubernetes", `${namespace}/${secret}`, key));
      return [{ variable, line: lineOf(node.start), verb: "passes", by, ...(from === undefined ? {} : { from }) }];
    });
}

/** External Secrets Operator: the Kubernetes secret is a copy of an entry in a secret manager. */
function externalSecrets(resources: readonly Tree[]): Map<string, ReturnType<typeof storeEntryNode>> {
  const found = new Map<string, ReturnType<typeof storeEntryNode>>();
  for (const resource of resources) {
    if (textOf(field(resource, "kind")) !== "ExternalSecret") continue;
    const metadata = field(resource, "metadata");
    const spec = field(resource, "spec");
    const store = textOf(field(field(spec, "secretStoreRef"), "name")) ?? "external-secrets";
    const target = textOf(field(field(spec, "target"), "name")) ?? textOf(field(metadata, "name")) ?? "";
    for (const { node } of select(resource, "/spec/data/*")) {
      const remote = field(node, "remoteRef");
      const [path, key] = [textOf(field(remote, "key")), textOf(field(node, "secretKey"))];
      if (path === undefined || key === undefined) continue;
      found.set(
        `${textOf(field(metadata, "namespace")) ?? "default"}/${target}#${key}`,
        storeEntryNode(store, path, textOf(field(remote, "property"))),
      );
    }
  }
  return found;
}

function textOf(node: Tree | undefined): string | undefined {
  return node?.kind === "text" ? node.value.slice(0, 300) : undefined;
}
