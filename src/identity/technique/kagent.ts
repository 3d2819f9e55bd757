import { field, select, type Tree } from "../../agent-config/format/tree.ts";
import { isPlainName } from "../../agent-config/slot/mask.ts";
import { vendorOfProvider } from "../code/model-vendors.ts";
import { edgesOf, hostOf, joined, localIdentity, nativeIdentity, resourceNode, type Where } from "../edge.ts";
import { isKubernetesPath, resourceName, resourcesOf, textOf } from "../mention/kubernetes.ts";
import { lineCounter } from "../mention/mention.ts";
import { type Contribution, type GraphIdentity, type SourceFile, storeEntryNode, type Technique } from "../model.ts";

const method = "kagent";
const edge = edgesOf(method);

/** kagent.dev/v1alpha2: an Agent names its ModelConfig and its tool servers; both name the Kubernetes secrets that they take keys from. */
export const kagent: Technique = {
  method,
  find({ files, scope }) {
    const found = files.flatMap((file) => resourcesIn(file, scope));
    const byKey = new Map(found.map((one) => [`${one.kind}/${one.namespace}/${one.name}`, one]));
    const unique = (key: string) =>
      found.filter((one) => `${one.kind}/${one.namespace}/${one.name}` === key).length === 1 ? byKey.get(key) : undefined;
    return joined(
      found.map((one): Contribution => {
        if (one.kind === "RemoteMCPServer") return ofServer(one);
        if (one.kind === "Agent") return ofAgent(one, unique);
        return {};
      }),
    );
  },
};

interface Resource {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly spec: Tree;
  readonly where: Where;
  readonly identity: GraphIdentity;
  readonly scope: string;
  readonly text: string;
  readonly lineOf: (offset: number) => number;
}

function resourcesIn({ path, text }: SourceFile, scope: string): Resource[] {
  if (!isKubernetesPath(path) || !text.includes("kagent.dev/")) return [];
  const lineOf = lineCounter(text);
  return resourcesOf(path, text).flatMap((resource): Resource[] => {
    const named = resourceName(resource);
    const spec = field(resource, "spec");
    if (named === undefined || spec === undefined || !(textOf(field(resource, "apiVersion")) ?? "").startsWith("kagent.dev/")) return [];
    const where = { path, line: lineOf(resource.start) };
    const identity = localIdentity(named.kind === "Agent" ? "agent" : "mcp-server", named.name, scope, where);
    return [{ ...named, spec, where, identity, scope, text, lineOf }];
  });
}

function ofServer({ spec, namespace, identity, where, lineOf }: Resource): Contribution {
  const host = hostOf(textOf(field(spec, "url")) ?? "");
  const resource = host === undefined || !isPlainName(host) ? [] : [resourceNode(`https://${host}`)];
  const entries = select(spec, "/headersFrom/*/valueFrom").flatMap(({ node }) => {
    const [type, name, key] = ["type", "name", "key"].map((one) => textOf(field(node, one)));
    if (type !== "Secret" || name === undefined) return [];
    return [{ entry: storeEntryNode("kubernetes", `${namespace}/${name}`, key), line: lineOf(node.start) }];
  });
  return {
    identities: [identity],
    nodes: [...resource, ...entries.map(({ entry }) => entry)],
    edges: [
      ...resource.map((node) =>
        edge(identity.id, "can_access", node.id, "strong", `MCP server ${identity.name} is reached at ${node.name}.`, where),
      ),
      ...entries.map(({ entry, line }) =>
        edge(entry.id, "used_by", identity.id, "strong", `MCP server ${identity.name} takes a header from ${entry.name}.`, {
          ...where,
          line,
        }),
      ),
    ],
  };
}

function ofAgent(agent: Resource, unique: (key: string) => Resource | undefined): Contribution {
  const { spec, namespace, identity, scope, where, lineOf } = agent;
  const config = textOf(select(spec, "/declarative/modelConfig")[0]?.node) ?? textOf(field(spec, "modelConfig"));
  const model = config === undefined ? undefined : unique(`ModelConfig/${namespace}/${config}`);
  const tools = ["/declarative/tools/*", "/tools/*"].flatMap((at) => select(spec, at));
  return joined([
    { identities: [identity] },
    ...(model === undefined ? [] : [ofModel(model, identity, where)]),
    ...tools.map(({ node }): Contribution => {
      const at = field(node, "mcpServer");
      const name = textOf(field(at, "name"));
      if (at === undefined || name === undefined || !isPlainName(name)) return {};
      const line = { ...where, line: lineOf(at.start) };
      const server = unique(`RemoteMCPServer/${namespace}/${name}`);
      const names = select(at, "/toolNames/*").flatMap(({ node: one }) => textOf(one) ?? []);
      const own = names.filter(isPlainName).map((tool) => localIdentity("tool", `${name}/${tool}`, scope, line));
      return {
        identities: own,
        edges: [
          ...(server === undefined
            ? []
            : [edge(server.identity.id, "used_by", identity.id, "strong", `Agent ${identity.name} uses MCP server ${name}.`, line)]),
          ...own.map((tool) =>
            edge(tool.id, "used_by", identity.id, "strong", `Agent ${identity.name} may call the tool ${tool.name}.`, line),
          ),
        ],
      };
    }),
  ]);
}

function ofModel({ spec, namespace, name, where, text }: Resource, agent: GraphIdentity, from: Where): Contribution {
  const [secret, key] = [textOf(field(spec, "apiKeySecret")), textOf(field(spec, "apiKeySecretKey"))];
  const entry = secret === undefined ? undefined : storeEntryNode("kubernetes", `${namespace}/${secret}`, key);
  // The caller's own key goes on to the vendor: the agent acts as whoever asks it.
  const passes =
    spec.kind === "map" &&
    spec.entries.some(({ key: one, node }) => one === "apiKeyPassthrough" && text.slice(node.start, node.end) === "true");
  const address = ["/openAI/baseUrl", "/azureOpenAI/azureEndpoint", "/anthropic/baseUrl"].flatMap(
    (at) => textOf(select(spec, at)[0]?.node) ?? [],
  )[0];
  const host = address === undefined ? vendorOfProvider(textOf(field(spec, "provider")) ?? "")?.host : hostOf(address);
  const endpoint = host === undefined || !isPlainName(host) ? undefined : nativeIdentity("model-endpoint", host, where);
  return {
    identities: endpoint === undefined ? [] : [endpoint],
    nodes: entry === undefined ? [] : [entry],
    edges: [
      ...(entry === undefined
        ? []
        : [
            edge(entry.id, "used_by", agent.id, "strong", `Agent ${agent.name} uses the model ${name}, whose key is ${entry.name}.`, where),
          ]),
      ...(endpoint === undefined
        ? []
        : [
            {
              ...edge(endpoint.id, "used_by", agent.id, "strong", `Agent ${agent.name} uses the model ${name} of ${endpoint.name}.`, from),
              ...(passes ? { access: "delegated" as const } : {}),
            },
          ]),
    ],
  };
}
