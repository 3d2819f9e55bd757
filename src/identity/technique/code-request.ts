import { isPlainName } from "../../agent-config/slot/mask.ts";
import { isCallable, readRequests } from "../code/calls.ts";
import { environmentReads, variableIn } from "../code/expression.ts";
import { modelVendors } from "../code/model-vendors.ts";
import { edgesOf, hostOf, joined, nativeIdentity } from "../edge.ts";
import { type Contribution, type SourceFile, type Technique, type View, variableNode } from "../model.ts";
import { programOf } from "../program.ts";

const method = "code-request";
const edge = edgesOf(method);

/** Code that asks a model vendor's address without an SDK: the address and the variable of its header stand in one call. */
export const codeRequest: Technique = {
  method,
  find: (view) => joined(view.files.map((file) => ofFile(file, view))),
};

const vendors = new Map(modelVendors.flatMap(({ host, name }) => (host === undefined ? [] : [[host, name] as const])));
const anyHost = new RegExp([...vendors.keys()].map((host) => `https://${host.replaceAll(".", "\\.")}`).join("|"));

function ofFile({ path, text }: SourceFile, view: View): Contribution {
  if (!isCallable(path) || text.length > 1 << 20 || !anyHost.test(text)) return {};
  return joined(
    readRequests(path, text).map(({ address, options, line, assigned }): Contribution => {
      const host = hostOf(address);
      const vendor = host === undefined ? undefined : vendors.get(host);
      if (host === undefined || vendor === undefined) return {};
      const where = { path, line };
      const program = programOf(path, view);
      const title = `${program.kind} ${program.name}`;
      const endpoint = nativeIdentity("model-endpoint", host, where);
      const read = [...options.matchAll(environmentReads)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
      const named = [...options.matchAll(/[A-Za-z_]\w{1,80}/g)].flatMap(([name]) => variableIn(name, { assigned }) ?? []);
      const variables = [...new Set([...read, ...named])].filter(isPlainName).map((name) => variableNode(view.scope, name));
      return {
        identities: [program, endpoint],
        nodes: variables,
        edges: [
          edge(endpoint.id, "used_by", program.id, "strong", `${title} asks ${vendor} at ${host}.`, where),
          ...variables.map((one) => edge(one.id, "used_by", program.id, "strong", `${title} sends ${one.name} to ${vendor}.`, where)),
        ],
      };
    }),
  );
}
