import { readTree } from "../../agent-config/format/read.ts";
import { select, type Tree } from "../../agent-config/format/tree.ts";
import { isPlainName } from "../../agent-config/slot/mask.ts";
import { vendorOfProvider } from "../code/model-vendors.ts";
import { edgesOf, hostOf, joined, nativeIdentity } from "../edge.ts";
import { textOf } from "../mention/kubernetes.ts";
import { lineCounter } from "../mention/mention.ts";
import { type Contribution, identityId, type Technique } from "../model.ts";

const method = "model-list";
const edge = edgesOf(method);

/** Configuration that lists models: whose they are, by address or by the vendor's own name. */
export const modelList: Technique = {
  method,
  find: ({ configs, textOf: texts, scope }) =>
    joined(
      configs.flatMap(({ path, config }): Contribution[] => {
        const lists = places.filter(({ client }) => client === config.client);
        const text = texts.get(path);
        if (lists.length === 0 || text === undefined) return [];
        const { root } = readTree(text, /\.toml$/i.test(path) ? "toml" : /\.json$/i.test(path) ? "json" : "yaml");
        if (root === undefined) return [];
        const lineOf = lineCounter(text);
        const user = identityId(config.kind, scope, path, config.agent);
        return lists.flatMap((list) =>
          select(root, list.at).flatMap(({ node }): Contribution[] => {
            const host = endpointOf(node, list);
            if (host === undefined || !isPlainName(host)) return [];
            const where = { path, line: lineOf(node.start) };
            const endpoint = nativeIdentity("model-endpoint", host, where);
            const own = { id: user, kind: config.kind, name: config.agent, locations: [{ path, startLine: 1 }] };
            return [
              {
                identities: [own, endpoint],
                edges: [edge(endpoint.id, "used_by", user, "strong", `${config.agent} lists a model of ${host}.`, where)],
              },
            ];
          }),
        );
      }),
    ),
};

interface ModelList {
  readonly client: string;
  /** Pointer of one model or provider. */
  readonly at: string;
  readonly address: string;
  /** Where it names the vendor; what follows a slash is the model. */
  readonly provider?: string;
}

const places: readonly ModelList[] = [
  { client: "litellm", at: "/model_list/*/litellm_params", address: "/api_base", provider: "/model" },
  { client: "codex", at: "/model_providers/*", address: "/base_url" },
  { client: "continue", at: "/models/*", address: "/apiBase", provider: "/provider" },
];

function endpointOf(node: Tree, { address, provider }: ModelList): string | undefined {
  const given = textOf(select(node, address)[0]?.node);
  if (given !== undefined) return hostOf(given);
  const vendor = provider === undefined ? undefined : textOf(select(node, provider)[0]?.node)?.split("/")[0];
  return vendor === undefined ? undefined : vendorOfProvider(vendor)?.host;
}
