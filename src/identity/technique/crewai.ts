import { readTree } from "../../agent-config/format/read.ts";
import { field } from "../../agent-config/format/tree.ts";
import { vendorOfProvider } from "../code/model-vendors.ts";
import { edgesOf, joined, localIdentity, nativeIdentity } from "../edge.ts";
import { textOf } from "../mention/kubernetes.ts";
import { lineCounter } from "../mention/mention.ts";
import { basename } from "../mention/path.ts";
import { type Contribution, type SourceFile, type Technique, type View, variableNode } from "../model.ts";

const method = "crewai";
const edge = edgesOf(method);

/** The agents of a crew's `agents.yaml`, by role and goal; `llm: vendor/model` says which endpoint, and by custom which variable. */
export const crewAi: Technique = {
  method,
  find: (view) => joined(view.files.filter(({ path }) => /^agents\.ya?ml$/.test(basename(path))).map((file) => ofFile(file, view))),
};

function ofFile({ path, text }: SourceFile, view: View): Contribution {
  const { root } = readTree(text, "yaml");
  if (root?.kind !== "map") return {};
  const lineOf = lineCounter(text);
  return joined(
    root.entries
      .filter(({ node }) => field(node, "role") !== undefined && field(node, "goal") !== undefined)
      .slice(0, 500)
      .map(({ key, node }): Contribution => {
        const agent = localIdentity("agent", key, view.scope, { path, line: lineOf(node.start) });
        const model = field(node, "llm");
        const vendor = vendorOfProvider(textOf(model)?.split("/")[0] ?? "");
        if (model === undefined || vendor?.host === undefined) return { identities: [agent] };
        const where = { path, line: lineOf(model.start) };
        const endpoint = nativeIdentity("model-endpoint", vendor.host, where);
        const variable = vendor.variable !== undefined && view.mentions(vendor.variable) ? vendor.variable : undefined;
        const from = variable === undefined ? undefined : variableNode(view.scope, variable);
        return {
          identities: [agent, endpoint],
          nodes: from === undefined ? [] : [from],
          edges: [
            edge(endpoint.id, "used_by", agent.id, "strong", `Agent ${agent.name} asks a model of ${vendor.name}.`, where),
            ...(from === undefined
              ? []
              : [edge(from.id, "used_by", agent.id, "moderate", `For a model of ${vendor.name} CrewAI reads ${from.name}.`, where)]),
          ],
        };
      }),
  );
}
