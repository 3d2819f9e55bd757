import { isPlainName } from "../../agent-config/slot/mask.ts";
import { type Call, isCallable, properties, readCalls, type SourceCode } from "../code/calls.ts";
import { environmentReads, textIn } from "../code/expression.ts";
import { edgesOf, hostOf, joined, localIdentity, resourceNode, type Where } from "../edge.ts";
import { type Contribution, type GraphIdentity, type SourceFile, type Technique, type View, variableNode } from "../model.ts";
import { programOf } from "../program.ts";

const method = "code-agent";
const edge = edgesOf(method);

/**
 * Agents and MCP servers that code makes by name. A server belongs to the agents that the same file gives it to, else to the program.
 */
export const codeAgent: Technique = {
  method,
  find: (view) => joined(view.files.map((file) => ofFile(file, view))),
};

/** OpenAI's Agents SDK, Google's ADK, Pydantic AI, AutoGen. */
const agents = new Set([
  ...["agents#Agent", "@openai/agents#Agent", "google.adk.agents#Agent", "google.adk.agents#LlmAgent"],
  ...["pydantic_ai#Agent", "autogen_agentchat.agents#AssistantAgent", "@mastra/core/agent#Agent", "strands#Agent"],
]);
const servers = new Set(
  ["Stdio", "StreamableHttp", "StreamableHTTP", "Sse", "SSE"].flatMap((transport) =>
    ["agents.mcp", "@openai/agents", "pydantic_ai.mcp"].map((module) => `${module}#MCPServer${transport}`),
  ),
);
const serverMaps = new Set([
  "langchain_mcp_adapters.client#MultiServerMCPClient",
  "@langchain/mcp-adapters#MultiServerMCPClient",
  "@mastra/mcp#MCPClient",
]);

interface Server {
  readonly name: string;
  readonly options: ReadonlyMap<string, string>;
  readonly where: Where;
  /** What the program calls it, where it says. */
  readonly local?: string;
}

function ofFile({ path, text }: SourceFile, view: View): Contribution {
  if (!isCallable(path) || text.length > 1 << 20 || !/agents|mcp|pydantic_ai|strands|mastra/.test(text)) return {};
  const source = readCalls(path, text);
  const found = serversIn(source, path);
  const named = source.calls.flatMap((call) => agentIn(call, source, path, view));
  if (found.length + named.length === 0) return {};
  const program = programOf(path, view);
  return joined([{ identities: named.map(({ agent }) => agent) }, ...found.map((server) => ofServer(server, named, program, view))]);
}

function agentIn({ callee, named, positional, line }: Call, source: SourceCode, path: string, { scope }: View) {
  if (!agents.has(callee)) return [];
  const name = textIn(named.get("name") ?? positional.find((one) => textIn(one, source) !== undefined) ?? "", source);
  if (name === undefined || !isPlainName(name)) return [];
  return [{ agent: localIdentity("agent", name, scope, { path, line }), given: [...named.values()].join(" ") }];
}

function serversIn(source: SourceCode, path: string): Server[] {
  const locals = new Map([...source.assigned].map(([name, value]) => [value.replace(/\s+/g, " ").slice(0, 60), name]));
  return source.calls.flatMap((call): Server[] => {
    const where = { path, line: call.line };
    if (serverMaps.has(call.callee)) {
      const map = call.named.get("mcpServers") ?? call.named.get("servers") ?? call.named.get("connections");
      const entries = map === undefined ? [...call.named] : properties(map);
      return entries
        .filter(([, value]) => value.trim().startsWith("{"))
        .map(([name, value]) => ({ name, options: new Map(properties(value)), where }));
    }
    if (!servers.has(call.callee)) return [];
    const name = textIn(call.named.get("name") ?? "", source);
    if (name === undefined) return [];
    const own = [...locals].find(([value]) => value.includes(call.callee.split("#")[1] ?? "") && value.includes(name))?.[1];
    const parameters = properties(call.named.get("params") ?? "");
    return [{ name, options: new Map([...call.named, ...parameters]), where, ...(own === undefined ? {} : { local: own }) }];
  });
}

function ofServer(
  { name, options, where, local }: Server,
  named: readonly { agent: GraphIdentity; given: string }[],
  program: GraphIdentity,
  { scope }: View,
): Contribution {
  if (!isPlainName(name)) return {};
  const server = localIdentity("mcp-server", name, scope, where);
  const host = hostOf(/^["'`]([^"'`$]{1,300})["'`]/.exec(options.get("url") ?? "")?.[1] ?? "");
  const resource = host === undefined || !isPlainName(host) ? undefined : resourceNode(`https://${host}`);
  const passed = [options.get("env"), options.get("headers"), options.get("args")].filter((text) => text !== undefined).join(" ");
  const variables = [...new Set([...passed.matchAll(environmentReads)].map((match) => match[1] ?? match[2] ?? match[3] ?? ""))].filter(
    isPlainName,
  );
  const given = named.filter((agent) => (local === undefined ? named.length === 1 : agent.given.split(/[^\w$]+/).includes(local)));
  return {
    identities: [server, ...(given.length === 0 ? [program] : [])],
    nodes: [...variables.map((variable) => variableNode(scope, variable)), ...(resource === undefined ? [] : [resource])],
    edges: [
      ...variables.map((variable) =>
        edge(variableNode(scope, variable).id, "used_by", server.id, "strong", `MCP server ${server.name} is given ${variable}.`, where),
      ),
      ...(resource === undefined
        ? []
        : [edge(server.id, "can_access", resource.id, "strong", `MCP server ${server.name} is reached at ${resource.name}.`, where)]),
      ...(given.length === 0
        ? [
            edge(
              server.id,
              "used_by",
              program.id,
              "strong",
              `${program.kind} ${program.name} makes a client of MCP server ${server.name}.`,
              where,
            ),
          ]
        : given.map(({ agent }) =>
            edge(
              server.id,
              "used_by",
              agent.id,
              "moderate",
              `The file that makes agent ${agent.name} makes MCP server ${server.name}.`,
              where,
            ),
          )),
    ],
  };
}
