import { type AgentConfig, type ConfigSlot, readAgentConfig } from "../../agent-config/index.ts";
import { applied, isRewrite, type NoRewrite, type Rewrite, type Syntax, type Target } from "../syntax.ts";
import { nodeAt } from "../yaml.ts";
import { codexRewrite } from "./codex.ts";
import { inputRewrite } from "./vs-code.ts";

/** The reference that the client of a config file expands, in the slot that the value stands in. */
export const agentConfig: Syntax = {
  takes: ({ path, text, start, end }) => slotAt(readAgentConfig(path, text), text, start, end) !== undefined,
  rewrite(target) {
    const config = readAgentConfig(target.path, target.text);
    const slot = slotAt(config, target.text, target.start, target.end);
    if (config === undefined || slot === undefined) return { none: "no client of ours reads this place" };
    const repair = rewriteFor(target, config, slot);
    if (!isRewrite(repair)) return repair;
    return refersNow(target, slot, repair)
      ? repair
      : { none: `${config.agent} would not expand a reference at this place; take the value out by hand` };
  },
};

function rewriteFor(target: Target, config: AgentConfig, slot: ConfigSlot): Rewrite | NoRewrite {
  const { client, agent } = config;
  if (client === "codex") return codexRewrite(target, slot);
  if (client === "mcp") return { none: "which client reads this file is not known, and each has a syntax of its own" };
  if (client === "vs-code") {
    const asked = inputRewrite(target, config, slot);
    if (asked !== undefined) return asked;
  }
  const dialect = config.grammar.find(({ write }) => write !== undefined);
  const write = dialect?.write;
  if (dialect === undefined || write === undefined)
    return {
      none:
        byHand[client] ??
        `${agent} expands no references in this file; keep the file out of git, or give the value by the client's own store`,
    };
  const [from, to, name] = slot.kind === "default_literal" ? defaultAt(target, slot) : [target.start, target.end, target.variable];
  const node = nodeAt(config.root, from, to);
  const whole = node?.start === from && node.end === to;
  if (dialect.whole === true && !whole) return { none: `${agent} expands ${write(name)} as the whole value only; split the value by hand` };
  const reference = write(name);
  const plain: Rewrite = {
    edits: [{ start: from, end: to, text: reference }],
    reference,
    name: /COPILOT_MCP_\w+/.exec(reference)?.[0] ?? name,
    next: [nextFor(client, agent, /COPILOT_MCP_\w+/.exec(reference)?.[0] ?? name)],
  };
  if (!whole || refersNow(target, slot, plain)) return plain;
  return { ...plain, edits: [{ start: from, end: to, text: `"${reference}"` }] };
}

/** `${X:-value}`: the value goes, and what leads to it. */
function defaultAt({ start, end, variable, text }: Target, { reference }: ConfigSlot): [number, number, string] {
  const head = /\$\{([A-Za-z_]\w{0,127}):-$/.exec(text.slice(Math.max(0, start - 140), start));
  return head === null ? [start, end, variable] : [start - head[0].length, end + 1, reference ?? head[1] ?? variable];
}

/** Read again with the client's own grammar, one slot more of that server refers to what was written. */
function refersNow({ path, text }: Target, slot: ConfigSlot, { edits, name }: Rewrite): boolean {
  const [before, after] = [readAgentConfig(path, text), readAgentConfig(path, applied(text, edits))];
  if (before === undefined || after === undefined || after.problems.length > before.problems.length) return false;
  const referring = ({ slots }: AgentConfig) =>
    slots.filter(
      ({ server, kind, reference }) =>
        server === slot.server && (kind === "reference" || kind === "names_only") && reference?.replace(/^input:/, "") === name,
    ).length;
  return referring(after) > referring(before);
}

function slotAt(config: AgentConfig | undefined, text: string, start: number, end: number): ConfigSlot | undefined {
  if (config === undefined) return undefined;
  const [from, to] = [Buffer.byteLength(text.slice(0, start)), Buffer.byteLength(text.slice(0, end))];
  return config.slots.find(({ byteStart, byteEnd, kind }) => byteStart < to && from < byteEnd && kind !== "names_only");
}

/** Where each client takes the variable from. */
function nextFor(client: string, agent: string, name: string): string {
  if (client === "copilot-agent") return `Add ${name} to the secrets of the repository's copilot environment (Settings, Environments).`;
  if (client === "continue") return `Set ${name} in Continue's secrets, or in an .env that git does not track.`;
  return `${agent} takes ${name} from the environment that it is started in: set it there, from your secret manager.`;
}

const byHand: Readonly<Record<string, string>> = {
  "claude-code":
    "Claude Code expands no references in settings.json: set the variable in the shell that starts it, or name a command in apiKeyHelper",
  "claude-desktop": "Claude Desktop expands no references; start the server with a wrapper that reads the value from your secret manager",
  goose: "Goose expands no references: name the variable under env_keys instead of envs, and store the value with goose configure",
  aider: "Aider expands no references: delete the line, and set the variable in the environment or in an .env that git does not track",
  langgraph: 'LangGraph takes `env` as it is: write the path of an .env that git does not track, `"env": ".env"`',
  dify: "an app that is exported with its secrets has them: export it again without secrets, and set the variable in Dify",
  kagent: "kagent takes secrets by valueFrom with a Secret's name and key; a literal value has no reference syntax",
  zed: "Zed documents no references: take the value out, and start the server with a wrapper that reads it",
};
