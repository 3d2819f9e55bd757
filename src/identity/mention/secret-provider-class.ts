import { readTree } from "../../agent-config/format/read.ts";
import { field, select, type Tree } from "../../agent-config/format/tree.ts";
import { type GraphNode, type SourceFile, storeEntryNode } from "../model.ts";
import { isOpen } from "./helm.ts";
import { isKubernetesPath, resourceName, resourcesOf, textOf } from "./kubernetes.ts";

interface Provided {
  /** `<namespace>/<secret>#<key>` of Kubernetes → the entry that it copies. */
  readonly copies: Map<string, GraphNode>;
  /** `<namespace>/<class>` → the entries that it mounts. */
  readonly mounts: Map<string, readonly GraphNode[]>;
}

/** Secrets Store CSI driver: a SecretProviderClass lists entries, as a text of YAML, and may copy them into Kubernetes secrets. */
export function secretProviderClasses(files: readonly SourceFile[]): Provided {
  const found: Provided = { copies: new Map(), mounts: new Map() };
  const manifests = files.filter(({ path, text }) => isKubernetesPath(path) && text.includes("SecretProviderClass"));
  for (const resource of manifests.flatMap(({ path, text }) => resourcesOf(path, text))) {
    const named = resourceName(resource);
    if (named?.kind !== "SecretProviderClass") continue;
    const spec = field(resource, "spec");
    const entries = entriesOf(textOf(field(spec, "provider")) ?? "", textOf(field(field(spec, "parameters"), "objects")) ?? "");
    found.mounts.set(`${named.namespace}/${named.name}`, [...entries.values()]);
    for (const { node } of spec === undefined ? [] : select(spec, "/secretObjects/*")) {
      const secret = textOf(field(node, "secretName"));
      for (const { node: item } of select(node, "/data/*")) {
        const [object, key] = [textOf(field(item, "objectName")), textOf(field(item, "key"))];
        const entry = object === undefined ? undefined : entries.get(object);
        if (secret !== undefined && key !== undefined && entry !== undefined && !isOpen(secret))
          found.copies.set(`${named.namespace}/${secret}#${key}`, entry);
      }
    }
  }
  return found;
}

const connections = new Map([
  ["vault", "vault"],
  ["openbao", "vault"],
  ["aws", "aws-secrets-manager"],
  ["gcp", "gcp-secret-manager"],
  ["azure", "azure-key-vault"],
]);

/** By the name that the class gives to each. */
function entriesOf(provider: string, objects: string): Map<string, GraphNode> {
  const connection = connections.get(provider);
  const { root } = readTree(objects, "yaml");
  if (connection === undefined || root === undefined) return new Map();
  return new Map(
    [...select(root, "/*"), ...select(root, "/array/*")].flatMap(({ node }): [string, GraphNode][] => {
      const object = node.kind === "text" ? readTree(node.value, "yaml").root : node;
      const name = textOf(field(object, "objectAlias")) ?? textOf(field(object, "objectName")) ?? textOf(field(object, "path"));
      const entry = object === undefined ? undefined : entryOf(connection, object);
      return name === undefined || entry === undefined ? [] : [[name, entry]];
    }),
  );
}

function entryOf(connection: string, object: Tree): GraphNode | undefined {
  // A parameter of the Systems Manager is no secret of the Secrets Manager.
  if (textOf(field(object, "objectType")) === "ssmparameter") return undefined;
  const path = textOf(field(object, "secretPath")) ?? textOf(field(object, "resourceName")) ?? textOf(field(object, "objectName"));
  if (path === undefined || isOpen(path)) return undefined;
  const plain = connection === "vault" ? path.replace(/^([^/]+)\/data\//, "$1/") : path;
  const arn = /^arn:aws[\w-]*:secretsmanager:[\w-]*:\d{12}:secret:([\w/+=.@-]{1,300}?)(?:-[A-Za-z0-9]{6})?$/.exec(plain)?.[1];
  return storeEntryNode(connection, arn ?? plain, textOf(field(object, "secretKey")));
}
