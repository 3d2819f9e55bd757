import { isPlainName } from "../../agent-config/slot/mask.ts";
import type { Grade } from "../../finding.ts";
import { type Call, isCallable, readCalls, type SourceCode } from "../code/calls.ts";
import { textIn, variableIn } from "../code/expression.ts";
import { addressArguments, keyArguments, type ModelVendor, modelVendors } from "../code/model-vendors.ts";
import { edgesOf, hostOf, joined, nativeIdentity, type Where } from "../edge.ts";
import { type Contribution, type GraphIdentity, type SourceFile, type Technique, type View, variableNode } from "../model.ts";
import { programOf } from "../program.ts";

const method = "code-client";
const edge = edgesOf(method);

/**
 * Code that makes a client of a model vendor: which variable's value it hands over, and which endpoint it speaks to. Both stand in one
 * call, so they are `strong`; `moderate` where the SDK takes the variable by its own default, or where the environment can send the
 * client elsewhere.
 */
export const codeClient: Technique = {
  method,
  find: (view) =>
    joined(view.files.flatMap((file) => clientsIn(file, view).map((client) => ofClient(client, programOf(file.path, view), view)))),
};

export interface ModelClient {
  readonly vendor: ModelVendor;
  readonly where: Where;
  readonly variable?: { readonly name: string; readonly given: boolean };
  readonly host?: { readonly name: string; readonly grade: Grade };
}

const byCallee = new Map(modelVendors.flatMap((vendor) => vendor.callees.map((callee) => [callee, vendor] as const)));
const anyModule = new RegExp([...new Set([...byCallee.keys()].map((callee) => callee.split("#")[0] ?? ""))].map(escaped).join("|"));

/** The clients of models that a file makes. */
export function clientsIn({ path, text }: SourceFile, view: View): ModelClient[] {
  if (!isCallable(path) || text.length > 1 << 20 || !(anyModule.test(text) || text.includes("bedrock"))) return [];
  const source = readCalls(path, text);
  return source.calls.flatMap((call): ModelClient[] => {
    const where = { path, line: call.line };
    const region = bedrockRegion(call, source);
    if (region !== undefined) {
      const host = region === "" ? {} : { host: { name: `bedrock-runtime.${region}.amazonaws.com`, grade: "strong" as const } };
      return [{ vendor: bedrock, where, ...host }];
    }
    const vendor = byCallee.get(call.callee);
    if (vendor === undefined) return [];
    return [{ vendor, where, ...keyOf(call, vendor, source), ...addressOf(call, vendor, source, view) }];
  });
}

/** What a client says of whoever makes it: a program, or an agent. */
export function ofClient({ vendor, where, variable, host }: ModelClient, user: GraphIdentity, { scope }: View): Contribution {
  const endpoint = host === undefined ? undefined : nativeIdentity("model-endpoint", host.name, where);
  const title = `${user.kind} ${user.name}`;
  return {
    identities: [user, ...(endpoint === undefined ? [] : [endpoint])],
    nodes: variable === undefined ? [] : [variableNode(scope, variable.name)],
    edges: [
      ...(variable === undefined
        ? []
        : [
            edge(
              variableNode(scope, variable.name).id,
              "used_by",
              user.id,
              variable.given ? "strong" : "moderate",
              variable.given
                ? `${title} makes a client of ${vendor.name} with the key of ${variable.name}.`
                : `${title} makes a client of ${vendor.name} without a key, for which its SDK reads ${variable.name}.`,
              where,
            ),
          ]),
      ...(endpoint === undefined || host === undefined
        ? []
        : [edge(endpoint.id, "used_by", user.id, host.grade, `${title} makes a client of ${vendor.name} for ${endpoint.name}.`, where)]),
    ],
  };
}

function keyOf(call: Call, vendor: ModelVendor, source: SourceCode): Pick<ModelClient, "variable"> {
  const given = keyArguments.flatMap((name) => call.named.get(name) ?? [])[0] ?? (vendor.keyFirst ? call.positional[0] : undefined);
  const name = given === undefined ? vendor.variable : variableIn(given, source);
  return name === undefined || !isPlainName(name) ? {} : { variable: { name, given: given !== undefined } };
}

function addressOf(call: Call, vendor: ModelVendor, source: SourceCode, { mentions }: View): Pick<ModelClient, "host"> {
  const given = addressArguments.flatMap((name) => call.named.get(name) ?? [])[0];
  if (given === undefined) {
    const redirected = vendor.redirects?.some(mentions) ?? false;
    return vendor.host === undefined ? {} : { host: { name: vendor.host, grade: redirected ? "moderate" : "strong" } };
  }
  const address = textIn(given, source);
  const name = address === undefined ? undefined : hostOf(address);
  return name === undefined || !isPlainName(name) ? {} : { host: { name, grade: "strong" } };
}

const bedrock: ModelVendor = { name: "Amazon Bedrock", callees: [] };

/** Empty where the code leaves the region to its surroundings; undefined where the call makes no Bedrock client. */
function bedrockRegion({ callee, positional, named }: Call, source: SourceCode): string | undefined {
  const python = callee === "boto3#client" && /^["']bedrock-(?:agent-)?runtime["']$/.test(positional[0] ?? "");
  if (!python && callee !== "@aws-sdk/client-bedrock-runtime#BedrockRuntimeClient") return undefined;
  const region = textIn(named.get("region_name") ?? named.get("region") ?? "", source) ?? "";
  return /^[a-z]{2}(?:-[a-z]+)+-\d$/.test(region) ? region : "";
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
