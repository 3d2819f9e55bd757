import { readTree } from "../../agent-config/format/read.ts";
import { field } from "../../agent-config/format/tree.ts";
import { isPlainName } from "../../agent-config/slot/mask.ts";
import { edgesOf, joined, localIdentity } from "../edge.ts";
import { dotenv } from "../mention/dotenv.ts";
import { textOf } from "../mention/kubernetes.ts";
import { lineCounter } from "../mention/mention.ts";
import { basename, dirname, resolved } from "../mention/path.ts";
import { type Contribution, type Technique, type View, variableNode } from "../model.ts";
import { clientsIn, ofClient } from "./code-client.ts";

const method = "langgraph";
const edge = edgesOf(method);

/** The graphs of `langgraph.json` are agents; each gets the whole environment that the file names, and the models of its own module. */
export const langGraph: Technique = {
  method,
  find: (view) =>
    joined(view.files.filter(({ path }) => basename(path) === "langgraph.json").map(({ path, text }) => ofFile(path, text, view))),
};

function ofFile(path: string, text: string, view: View): Contribution {
  const { root } = readTree(text, "json");
  const graphs = field(root, "graphs");
  if (graphs?.kind !== "map") return {};
  const lineOf = lineCounter(text);
  const environment = textOf(field(root, "env"));
  const file = environment === undefined ? undefined : resolved(dirname(path), environment);
  const given = file === undefined ? undefined : view.textOf.get(file);
  const variables =
    file === undefined || given === undefined
      ? []
      : dotenv.read(file, given, { scope: view.scope, textOf: view.textOf, copies: new Map(), mounts: new Map() });
  return joined(
    graphs.entries.slice(0, 500).map(({ key, node }): Contribution => {
      const agent = localIdentity("agent", key, view.scope, { path, line: lineOf(node.start) });
      const module = resolved(dirname(path), (textOf(node) ?? textOf(field(node, "path")) ?? "").split(":")[0] ?? "");
      const source = module === undefined ? undefined : view.textOf.get(module);
      const clients = module === undefined || source === undefined ? [] : clientsIn({ path: module, text: source }, view);
      return joined([
        { identities: [agent] },
        ...variables
          .filter(({ variable = "" }) => isPlainName(variable))
          .map(({ variable = "", line }): Contribution => {
            const from = variableNode(view.scope, variable);
            const said = `${path} gives ${file} to its graphs, so agent ${agent.name} reads ${variable}.`;
            return { nodes: [from], edges: [edge(from.id, "used_by", agent.id, "strong", said, { path: file ?? path, line })] };
          }),
        ...clients.map((client) => ofClient(client, agent, view)),
      ]);
    }),
  );
}
