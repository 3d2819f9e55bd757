import { readTree } from "../../agent-config/format/read.ts";
import { field, select, type Tree } from "../../agent-config/format/tree.ts";
import { isPlainName } from "../../agent-config/slot/mask.ts";
import { vendorOfProvider } from "../code/model-vendors.ts";
import { edgesOf, joined, localIdentity, nativeIdentity, type Where } from "../edge.ts";
import { textOf } from "../mention/kubernetes.ts";
import { lineCounter } from "../mention/mention.ts";
import { type Contribution, identityId, type Technique, variableNode } from "../model.ts";

const method = "dify";
const edge = edgesOf(method);

/** An exported Dify app: its models by vendor, the knowledge that it retrieves from, its tools and its variables. */
export const dify: Technique = {
  method,
  find: ({ configs, textOf: texts, scope }) =>
    joined(
      configs.flatMap(({ path, config }): Contribution[] => {
        const text = texts.get(path);
        const root = config.client !== "dify" || text === undefined ? undefined : readTree(text, "yaml").root;
        if (root === undefined || text === undefined || textOf(field(root, "kind")) !== "app") return [];
        const lineOf = lineCounter(text);
        const agent = {
          id: identityId(config.kind, scope, path, config.agent),
          kind: config.kind,
          name: config.agent,
          locations: [{ path, startLine: 1 }],
        };
        const at = (node: Tree): Where => ({ path, line: lineOf(node.start) });
        return [
          { identities: [agent] },
          ...["/model_config/model/provider", "/workflow/graph/nodes/*/data/model/provider"]
            .flatMap((place) => select(root, place))
            .map(({ node }) => ofModel(textOf(node) ?? "", agent, at(node))),
          ...["/model_config/dataset_configs/datasets/datasets/*/dataset/id", "/workflow/graph/nodes/*/data/dataset_ids/*"]
            .flatMap((place) => select(root, place))
            .map(({ node }) => ofDataset(textOf(node) ?? "", agent, at(node))),
          ...["/model_config/agent_mode/tools/*", "/workflow/graph/nodes/*/data"]
            .flatMap((place) => select(root, place))
            .map(({ node }) => ofTool(node, agent, at(node), scope)),
          ...select(root, "/workflow/environment_variables/*/name").map(({ node }) =>
            ofVariable(textOf(node) ?? "", agent, at(node), scope),
          ),
        ];
      }),
    ),
};

interface App {
  readonly id: string;
  readonly name: string;
}

/** `langgenius/anthropic/anthropic`, or `anthropic` of older versions. */
function ofModel(provider: string, { id, name }: App, where: Where): Contribution {
  const vendor = vendorOfProvider(provider.split("/").at(-1) ?? "");
  if (vendor?.host === undefined) return {};
  const endpoint = nativeIdentity("model-endpoint", vendor.host, where);
  return { identities: [endpoint], edges: [edge(endpoint.id, "used_by", id, "strong", `${name} asks a model of ${vendor.name}.`, where)] };
}

function ofDataset(dataset: string, { id, name }: App, where: Where): Contribution {
  if (!/^[\w-]{1,60}$/.test(dataset)) return {};
  const store = nativeIdentity("retrieval-store", `dify:${dataset}`, where);
  return {
    identities: [store],
    edges: [edge(id, "can_access", store.id, "strong", `${name} retrieves from the dataset ${dataset}.`, where)],
  };
}

function ofTool(node: Tree, { id, name }: App, where: Where, scope: string): Contribution {
  const [provider, tool] = [textOf(field(node, "provider_name")), textOf(field(node, "tool_name"))];
  if (provider === undefined || tool === undefined || !isPlainName(`${provider}/${tool}`)) return {};
  const own = localIdentity("tool", `${provider}/${tool}`, scope, where);
  return { identities: [own], edges: [edge(own.id, "used_by", id, "strong", `${name} may call the tool ${own.name}.`, where)] };
}

function ofVariable(variable: string, { id, name }: App, where: Where, scope: string): Contribution {
  if (!/^[A-Za-z_]\w{0,127}$/.test(variable) || !isPlainName(variable)) return {};
  const from = variableNode(scope, variable);
  return { nodes: [from], edges: [edge(from.id, "used_by", id, "strong", `${name} declares the variable ${variable}.`, where)] };
}
