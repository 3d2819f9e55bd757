import { readTree } from "../../agent-config/format/read.ts";
import { field, select, type Tree } from "../../agent-config/format/tree.ts";
import { type GraphNode, storeEntryNode } from "../model.ts";
import { isHelmTemplate, isOpen, withoutActions } from "./helm.ts";
import { lineCounter, type Mention, type MentionContext, type MentionReader, mostMentions } from "./mention.ts";

/** Where a pod template may stand in a resource. */
const podSpecs = ["/spec", "/spec/template/spec", "/spec/jobTemplate/spec/template/spec"];

/** A workload of Kubernetes uses the variables of its containers; a `secretKeyRef` says which entry holds the value. */
export const kubernetes: MentionReader = {
  takes: isKubernetesPath,
  read(path, text, context) {
    const lineOf = lineCounter(text);
    return resourcesOf(path, text)
      .flatMap((resource) => ofResource(resource, context, lineOf))
      .slice(0, mostMentions);
  },
};

/** The paths that a manifest, or a template of a Helm chart, can have. */
export function isKubernetesPath(path: string): boolean {
  return /\.ya?ml$/i.test(path) && !path.startsWith(".github/");
}

/** The resources of a file; none where it is no manifest. */
export function resourcesOf(path: string, text: string): readonly Tree[] {
  if (!/^[ \t]{0,16}kind:/m.test(text) || !/^[ \t]{0,16}apiVersion:/m.test(text)) return [];
  const { root } = readTree(isHelmTemplate(path) ? withoutActions(text) : text, "yaml");
  if (root === undefined) return [];
  return root.kind === "list" ? root.items : [root];
}

/** `Deployment/app` and its namespace; undefined where a template leaves either open. */
export function resourceName(resource: Tree): { kind: string; name: string; namespace: string } | undefined {
  const metadata = field(resource, "metadata");
  const [kind, name] = [textOf(field(resource, "kind")), textOf(field(metadata, "name"))];
  if (kind === undefined || name === undefined || isOpen(name)) return undefined;
  const namespace = textOf(field(metadata, "namespace"));
  return { kind, name, namespace: namespace === undefined || isOpen(namespace) ? "default" : namespace };
}

function ofResource(resource: Tree, { copies, mounts }: MentionContext, lineOf: (offset: number) => number): Mention[] {
  const named = resourceName(resource);
  if (named === undefined) return [];
  const { kind, name, namespace } = named;
  const by = { kind: "workload" as const, name: `${kind}/${name}`, line: lineOf(resource.start) };
  const whole = podSpecs
    .flatMap((spec) => [
      ...["containers", "initContainers"].flatMap((list) => select(resource, `${spec}/${list}/*/envFrom/*/secretRef/name`)),
      ...select(resource, `${spec}/volumes/*/secret/secretName`),
    ])
    .flatMap(({ node }): Mention[] => {
      const secret = textOf(node);
      if (secret === undefined || isOpen(secret)) return [];
      const from = copies.get(`${namespace}/${secret}#`) ?? storeEntryNode("kubernetes", `${namespace}/${secret}`);
      return [{ line: lineOf(node.start), verb: "is given", by, from }];
    });
  const mounted = podSpecs
    .flatMap((spec) => select(resource, `${spec}/volumes/*/csi/volumeAttributes/secretProviderClass`))
    .flatMap(({ node }): Mention[] =>
      (mounts.get(`${namespace}/${textOf(node) ?? ""}`) ?? []).map((from) => ({ line: lineOf(node.start), verb: "mounts", by, from })),
    );
  const single = podSpecs
    .flatMap((spec) => ["containers", "initContainers"].flatMap((list) => select(resource, `${spec}/${list}/*/env/*`)))
    .flatMap(({ node }): Mention[] => {
      const variable = textOf(field(node, "name"));
      if (variable === undefined || !/^[A-Za-z_][\w.-]{0,127}$/.test(variable)) return [];
      const reference = field(field(node, "valueFrom"), "secretKeyRef");
      const [secret, key] = [textOf(field(reference, "name")), textOf(field(reference, "key"))];
      const from =
        secret === undefined || key === undefined || isOpen(secret) || isOpen(key)
          ? undefined
          : (copies.get(`${namespace}/${secret}#${key}`) ?? storeEntryNode("kubernetes", `${namespace}/${secret}`, key));
      return [{ variable, line: lineOf(node.start), verb: "passes", by, ...(from === undefined ? {} : { from }) }];
    });
  return [...single, ...whole, ...mounted];
}

/** External Secrets Operator: the Kubernetes secret is a copy of an entry in a secret manager, wherever its manifest stands. */
export function externalSecrets(files: readonly { readonly path: string; readonly text: string }[]): Map<string, GraphNode> {
  const found = new Map<string, GraphNode>();
  const manifests = files.filter(({ path, text }) => isKubernetesPath(path) && text.includes("ExternalSecret"));
  for (const resource of manifests.flatMap(({ path, text }) => resourcesOf(path, text))) {
    if (textOf(field(resource, "kind")) !== "ExternalSecret") continue;
    const metadata = field(resource, "metadata");
    const spec = field(resource, "spec");
    const store = textOf(field(field(spec, "secretStoreRef"), "name")) ?? "external-secrets";
    const target = textOf(field(field(spec, "target"), "name")) ?? textOf(field(metadata, "name")) ?? "";
    const namespace = resourceName(resource)?.namespace ?? "default";
    const [extract, ...more] = select(resource, "/spec/dataFrom/*/extract/key");
    const whole = textOf(extract?.node);
    // Two extracts into one secret leave open which of them a key comes from.
    if (whole !== undefined && more.length === 0 && !isOpen(whole) && !isOpen(target))
      found.set(`${namespace}/${target}#`, storeEntryNode(store, whole));
    for (const { node } of select(resource, "/spec/data/*")) {
      const remote = field(node, "remoteRef");
      const [path, key] = [textOf(field(remote, "key")), textOf(field(node, "secretKey"))];
      if (path === undefined || key === undefined || isOpen(path) || isOpen(target)) continue;
      found.set(`${namespace}/${target}#${key}`, storeEntryNode(store, path, textOf(field(remote, "property"))));
    }
  }
  return found;
}

export function textOf(node: Tree | undefined): string | undefined {
  return node?.kind === "text" ? node.value.slice(0, 300) : undefined;
}
