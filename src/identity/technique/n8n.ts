import { readTree } from "../../agent-config/format/read.ts";
import { field, select, type Tree } from "../../agent-config/format/tree.ts";
import { isPlainName } from "../../agent-config/slot/mask.ts";
import { vendorOfProvider } from "../code/model-vendors.ts";
import { edgesOf, joined, localIdentity, nativeIdentity } from "../edge.ts";
import { textOf } from "../mention/kubernetes.ts";
import { lineCounter } from "../mention/mention.ts";
import { type Contribution, identityId, storeEntryNode, type Technique } from "../model.ts";

const method = "n8n";
const edge = edgesOf(method);

/** The nodes of an n8n workflow: credentials by name in n8n's own store, models by vendor, vector stores by index. */
export const n8n: Technique = {
  method,
  find: ({ configs, textOf: texts, scope }) =>
    joined(
      configs.flatMap(({ path, config }): Contribution[] => {
        const text = texts.get(path);
        if (config.client !== "n8n" || text === undefined) return [];
        const agent = {
          id: identityId(config.kind, scope, path, config.agent),
          kind: config.kind,
          name: config.agent,
          locations: [{ path, startLine: 1 }],
        };
        const { root } = readTree(text, "json");
        const nodes = root === undefined ? [] : select(root, "/nodes/*").map(({ node }) => node);
        // A workflow that calls no model and opens nothing is no agent of ours.
        if (!nodes.some((node) => typeOf(node).includes("langchain"))) return [];
        const lineOf = lineCounter(text);
        return [
          { identities: [agent] },
          ...nodes.map((node): Contribution => ofNode(node, agent, { path, line: lineOf(node.start) }, scope)),
        ];
      }),
    ),
};

function typeOf(node: Tree): string {
  return textOf(field(node, "type")) ?? "";
}

function ofNode(node: Tree, agent: { id: string; name: string }, where: { path: string; line: number }, scope: string): Contribution {
  const type = typeOf(node).replace(/^.*\./, "");
  const credentials = field(node, "credentials");
  const entries = (credentials?.kind === "map" ? credentials.entries : []).flatMap(({ key, node: reference }) => {
    const name = textOf(field(reference, "name"));
    return name === undefined || !isPlainName(name + key) ? [] : [storeEntryNode("n8n", `${key}/${name}`)];
  });
  const vendor = vendorOfProvider(/^(?:lmChat|lm|embeddings)([A-Z]\w{1,40})$/.exec(type)?.[1] ?? "");
  const endpoint = vendor?.host === undefined ? undefined : nativeIdentity("model-endpoint", vendor.host, where);
  const vector = /^vectorStore([A-Z]\w{1,40})$/.exec(type)?.[1]?.toLowerCase();
  const index = ["/pineconeIndex", "/qdrantCollection", "/weaviateCollection", "/tableName", "/indexName"].flatMap((at) =>
    select(node, `/parameters${at}`).flatMap(({ node: one }) => textOf(one) ?? textOf(field(one, "value")) ?? []),
  )[0];
  const named = vector === undefined ? "" : index === undefined ? vector : `${vector}/${index}`;
  const store = named === "" || !isPlainName(named) ? undefined : localIdentity("retrieval-store", named, scope, where);
  return {
    identities: [endpoint, store].filter((one) => one !== undefined),
    nodes: entries,
    edges: [
      ...entries.map((entry) =>
        edge(entry.id, "used_by", agent.id, "strong", `A node of ${agent.name} takes its credential from ${entry.name}.`, where),
      ),
      ...(endpoint === undefined
        ? []
        : [edge(endpoint.id, "used_by", agent.id, "strong", `A node of ${agent.name} asks a model of ${vendor?.name}.`, where)]),
      ...(store === undefined
        ? []
        : [edge(agent.id, "can_access", store.id, "strong", `A node of ${agent.name} reads the vector store ${store.name}.`, where)]),
    ],
  };
}
