import type { Client } from "./client.ts";
import type { Dialect, Grammar } from "./slot/grammar.ts";

const name = "(?<name>COPILOT_MCP_[A-Z0-9_]{1,100})";
const bare: Dialect = { pattern: new RegExp(`(?<![\\w$])\\$${name}(?![\\w{])`, "g") };
const braces: Dialect = {
  pattern: new RegExp(`\\$\\{${name}\\}`, "g"),
  write: (variable) => `\${COPILOT_MCP_${variable.replace(/^COPILOT_MCP_/, "")}}`,
};
const withDefault: Dialect = { pattern: new RegExp(`\\$\\{${name}:-(?<default>[^}]{0,1024})\\}`, "g") };
const secret: Dialect = { pattern: new RegExp(`\\$\\{\\{\\s{0,8}secrets\\.${name}\\s{0,8}\\}\\}`, "g") };
const grammar: Grammar = [bare, braces, withDefault, secret];

/** github/docs, extend-coding-agent-with-mcp: only names that start with `COPILOT_MCP_` reach the configuration; any other stays text. */
export const copilotAgent: Client = {
  id: "copilot-agent",
  agent: "Copilot coding agent",
  surfaces: [{ paths: ["**/.github/agents/*.md"], format: "front-matter", grammar, servers: ["/mcpServers/*", "/mcp-servers/*"] }],
};
