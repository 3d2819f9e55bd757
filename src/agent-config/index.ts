import picomatch from "picomatch";
import { a2a } from "./a2a.ts";
import { aider } from "./aider.ts";
import { amazonQ } from "./amazon-q.ts";
import { antigravity } from "./antigravity.ts";
import { autoGen } from "./autogen.ts";
import { claudeCode } from "./claude-code.ts";
import { claudeDesktop } from "./claude-desktop.ts";
import type { AgentConfig, Client, Surface } from "./client.ts";
import { cline } from "./cline.ts";
import { codex } from "./codex.ts";
import { continueDev } from "./continue.ts";
import { copilotAgent } from "./copilot-agent.ts";
import { copilotCli } from "./copilot-cli.ts";
import { crewAi } from "./crewai.ts";
import { cursor } from "./cursor.ts";
import { dify } from "./dify.ts";
import { envoyAiGateway } from "./envoy-ai-gateway.ts";
import { flowise } from "./flowise.ts";
import { type FileFormat, readTree } from "./format/read.ts";
import { field, select, type Tree } from "./format/tree.ts";
import { geminiCli } from "./gemini-cli.ts";
import { goose } from "./goose.ts";
import { junie } from "./junie.ts";
import { kagent } from "./kagent.ts";
import { kiro } from "./kiro.ts";
import { langGraph } from "./langgraph.ts";
import { liteLlm } from "./litellm.ts";
import { mcp } from "./mcp.ts";
import { mcpBundle } from "./mcp-bundle.ts";
import { mcpRegistry } from "./mcp-registry.ts";
import { n8n } from "./n8n.ts";
import { openCode } from "./opencode.ts";
import { openHands } from "./openhands.ts";
import { promptfoo } from "./promptfoo.ts";
import { prompty } from "./prompty.ts";
import { rooCode } from "./roo-code.ts";
import { semanticKernel } from "./semantic-kernel.ts";
import { withoutValues } from "./slot/mask.ts";
import { placesOf } from "./slot/places.ts";
import { walk } from "./slot/walk.ts";
import { vsCode } from "./vs-code.ts";
import { windsurf } from "./windsurf.ts";
import { zed } from "./zed.ts";

export type { AgentConfig, Client, ConfigServer, ConfigSlot } from "./client.ts";

/** Every client that Rekey reads: one line each. The first that takes a path has it. */
export const clients: readonly Client[] = [
  claudeCode,
  claudeDesktop,
  cursor,
  vsCode,
  codex,
  copilotCli,
  copilotAgent,
  windsurf,
  zed,
  cline,
  rooCode,
  continueDev,
  geminiCli,
  antigravity,
  goose,
  aider,
  openHands,
  openCode,
  kiro,
  amazonQ,
  junie,
  liteLlm,
  langGraph,
  crewAi,
  autoGen,
  n8n,
  flowise,
  dify,
  promptfoo,
  prompty,
  semanticKernel,
  kagent,
  envoyAiGateway,
  a2a,
  mcpRegistry,
  mcpBundle,
  mcp,
];

const globs = clients.flatMap((client) =>
  client.surfaces.flatMap((surface) => surface.paths.map((path) => ({ client, surface, matches: picomatch(path, { dot: true }) }))),
);
/** The globs of every file that some client reads. */
export const surfacePaths: readonly string[] = clients.flatMap((client) => client.surfaces.flatMap((surface) => surface.paths));

/** File names, or their endings, of which a path that any glob takes has one. */
const endings: ReadonlySet<string> = new Set(surfacePaths.flatMap(endingsOf));

function endingsOf(glob: string): string[] {
  const name = glob.slice(glob.lastIndexOf("/") + 1);
  if (/^[\w.-]+$/.test(name)) return [name];
  const [, several, one] = /\.(?:\{([\w,-]+)\}|([\w-]+))$/.exec(name) ?? [];
  if (several === undefined && one === undefined) throw new Error(`the glob '${glob}' needs a name or an ending`);
  return (several?.split(",") ?? [one]).map((ending) => `.${ending}`);
}

/** What is left after the endings: one test that turns nearly all paths away. */
const anyGlob = new RegExp(surfacePaths.map((path) => picomatch.makeRe(path, { dot: true }).source).join("|"));

/** The client that reads the file at this path, if one does. Paths use `/`, relative to any root. */
export function clientFor(path: string): Client | undefined {
  const normal = path.replaceAll("\\", "/");
  const name = normal.slice(normal.lastIndexOf("/") + 1);
  if (!(endings.has(name) || endings.has(name.slice(Math.max(name.lastIndexOf("."), 0)))) || !anyGlob.test(normal)) return undefined;
  return globs.find(({ matches }) => matches(normal))?.client;
}

/**
 * The servers and credential slots of a client's config file, or undefined where the path belongs to no client or the file is
 * not of its shape. Never throws: what cannot be read is in `problems`. Nothing is executed, contacted or expanded.
 */
export function readAgentConfig(path: string, text: string | (() => string)): AgentConfig | undefined {
  const client = clientFor(path);
  if (client === undefined) return undefined;
  const normal = path.replaceAll("\\", "/");
  const surfaces = globs.filter((entry) => entry.client === client && entry.matches(normal)).map(({ surface }) => surface);
  const content = typeof text === "string" ? text : text();
  return read(client, surfaces, normal, content);
}

function read(client: Client, surfaces: readonly Surface[], path: string, text: string): AgentConfig | undefined {
  const who = { client: client.id, agent: client.agent, kind: client.kind ?? ("agent" as const) };
  const places = placesOf(text);
  const { root, problems } = readTree(text, surfaces.find(({ format }) => format !== undefined)?.format ?? formatOf(path));
  const surface = root === undefined ? undefined : surfaces.find((candidate) => hasShape(root, candidate));
  const noted = problems.map(({ message, offset }) => ({ message, line: places.lineOf(offset) }));
  if (surface === undefined) {
    return root !== undefined || noted.length === 0 ? undefined : { ...who, servers: [], slots: [], grammar: [], problems: noted };
  }
  if (root === undefined) return undefined;
  const named = surface.agentName === undefined ? undefined : select(root, surface.agentName)[0]?.node;
  if (named?.kind === "text" && named.value !== "") who.agent = withoutValues(named.value.slice(0, 200));
  const { servers, slots, truncated } = walk(root, surface, { client: client.id, text, places });
  if (truncated) noted.push({ message: "the file has more credential slots than are read", line: 1 });
  return { ...who, servers, slots, grammar: surface.grammar, root, problems: noted };
}

function hasShape(root: Tree, { onlyWith }: Surface): boolean {
  return onlyWith === undefined || onlyWith.some((key) => field(root, key) !== undefined);
}

function formatOf(path: string): FileFormat {
  if (/\.ya?ml$/i.test(path)) return "yaml";
  if (/\.toml$/i.test(path)) return "toml";
  return /\.(?:md|mdc|prompty)$/i.test(path) ? "front-matter" : "json";
}
