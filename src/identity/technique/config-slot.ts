import type { AgentConfig, ConfigServer, ConfigSlot } from "../../agent-config/index.ts";
import type { Finding } from "../../finding.ts";
import {
  type Contribution,
  credentialNode,
  fileNode,
  type GraphEdge,
  type GraphIdentity,
  type GraphNode,
  identityId,
  storeEntryNode,
  type Technique,
  type View,
  variableNode,
} from "../model.ts";

const method = "config-slot";

/** What stands in a slot of `mcpServers.X` is used by MCP server X, and X by the agent that loads the file. */
export const configSlot: Technique = {
  method,
  find(view) {
    const parts = view.configs.map(({ path, config }) => ofConfig(path, config, view));
    return {
      identities: parts.flatMap(({ identities = [] }) => identities),
      nodes: parts.flatMap(({ nodes = [] }) => nodes),
      edges: parts.flatMap(({ edges = [] }) => edges),
    };
  },
};

interface Place {
  readonly path: string;
  readonly config: AgentConfig;
  readonly view: View;
  readonly agent: string;
}

function ofConfig(path: string, config: AgentConfig, view: View): Contribution {
  // An editor's settings that name neither a server nor a credential say nothing about an agent.
  if (config.servers.length + config.slots.length === 0) return {};
  const agent: GraphIdentity = {
    id: identityId(config.kind, view.scope, path, config.agent),
    kind: config.kind,
    name: config.agent,
    locations: [{ path, startLine: 1 }],
  };
  const place: Place = { path, config, view, agent: agent.id };
  const parts = [...config.servers.map((server) => ofServer(server, place)), ...config.slots.map((slot) => ofSlot(slot, place))];
  const found = view.findings.filter(({ location }) => location.path === path).map((finding) => ofFinding(finding, place));
  return {
    identities: [agent, ...parts.flatMap(({ identities = [] }) => identities)],
    nodes: [...parts, ...found].flatMap(({ nodes = [] }) => nodes),
    edges: [...parts, ...found].flatMap(({ edges = [] }) => edges),
  };
}

function ofServer(server: ConfigServer, { path, config, view, agent }: Place): Contribution {
  const id = serverId(server.name, path, view.scope);
  const resource: GraphNode[] = server.url === undefined ? [] : [{ id: `resource:${server.url}`, type: "resource", name: server.url }];
  const where = { path, line: server.startLine };
  return {
    identities: [{ id, kind: "mcp-server", name: server.name, locations: [{ path, startLine: server.startLine }] }],
    nodes: resource,
    edges: [
      edge(id, agent, "used_by", `${config.agent} loads ${path}, which configures MCP server ${server.name}.`, where),
      ...resource.map((node) => edge(id, node.id, "can_access", `MCP server ${server.name} is reached at ${node.name}.`, where)),
    ],
  };
}

/** References and names lead to variables and store entries; helper commands and prompts lead nowhere that has a node. */
function ofSlot(slot: ConfigSlot, place: Place): Contribution {
  const { path, view } = place;
  const user = userOf(slot.server, place);
  const where = { path, line: slot.line };
  const nodes: GraphNode[] = [];
  if (slot.store !== undefined) nodes.push(entryOf(slot.store));
  else if (slot.reference !== undefined && /^[A-Za-z_]\w{0,127}$/.test(slot.reference) && slot.kind !== "dead_reference") {
    nodes.push(variableNode(view.scope, slot.reference));
  }
  return {
    nodes,
    edges: nodes.map((node) => edge(node.id, user.id, "used_by", `${user.title} takes ${slot.name} from ${node.name}.`, where)),
  };
}

function ofFinding(finding: Finding, place: Place): Contribution {
  const { path, config, view } = place;
  const slot = slotOf(finding, config);
  const server = slot?.server ?? config.servers.find((one) => within(finding, one))?.name;
  if (slot === undefined && server === undefined) return {};
  const user = userOf(server, place);
  const credential = credentialNode(finding);
  const where = { path, line: finding.location.startLine };
  const variable = slot?.variable === undefined ? undefined : variableNode(view.scope, slot.variable);
  const file = fileNode(view.scope, path);
  return {
    nodes: [credential, file, ...(variable === undefined ? [] : [variable])],
    edges: [
      edge(
        credential.id,
        user.id,
        "used_by",
        `The value stands in ${slot === undefined ? "the configuration" : slotWords(slot)} of ${user.title}.`,
        where,
      ),
      edge(credential.id, file.id, "stored_in", `The value stands in ${path}.`, where),
      ...(variable === undefined
        ? []
        : [edge(credential.id, variable.id, "stored_in", `The slot sets the variable ${variable.name}.`, where)]),
    ],
  };
}

/** By pointer, which survives reformatting and other versions of the file; by place where the scan gave none. */
function slotOf(finding: Finding, { slots }: AgentConfig): ConfigSlot | undefined {
  const pointer = finding.slot?.pointer ?? finding.location.pointer;
  const { byteStart, byteEnd } = finding.locator;
  const candidates = pointer === undefined ? slots : slots.filter((slot) => slot.pointer === pointer);
  const here = candidates.find((slot) => slot.byteStart < byteEnd && byteStart < slot.byteEnd);
  return here ?? (pointer === undefined ? undefined : candidates[0]);
}

function within(finding: Finding, server: ConfigServer): boolean {
  return server.byteStart <= finding.locator.byteStart && finding.locator.byteEnd <= server.byteEnd;
}

function userOf(server: string | undefined, { path, config, view, agent }: Place): { id: string; title: string } {
  if (server === undefined) return { id: agent, title: config.agent };
  return { id: serverId(server, path, view.scope), title: `MCP server ${server}` };
}

function slotWords({ pointer, name }: ConfigSlot): string {
  return pointer.endsWith(`/${name}`) ? `the slot ${name}` : `the slot ${name} (${pointer})`;
}

/** `op://vault/item/field` → connection `op`, path `vault/item/field`. */
function entryOf(uri: string): GraphNode {
  const [, connection = "store", rest = uri] = /^([a-z+]+):(?:\/\/)?(.*)$/i.exec(uri) ?? [];
  const [entry = rest, entryField] = rest.split("#");
  return storeEntryNode(connection, entry, entryField);
}

function serverId(name: string, path: string, scope: string): string {
  return identityId("mcp-server", scope, path, name);
}

function edge(from: string, to: string, relation: GraphEdge["relation"], text: string, where: { path: string; line: number }): GraphEdge {
  return { from, to, relation, method, grade: "strong", evidence: [{ method, grade: "strong", text, ...where }] };
}
