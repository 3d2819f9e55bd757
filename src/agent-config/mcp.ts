import { type Client, standardServer } from "./client.ts";
import { bareEnv, dollarBraces, dollarDefault, doubleBraces, editorVariables, envBraces, inputBraces } from "./slot/grammar.ts";

/** A file that says MCP in its name and has a map of servers, of a client that we do not know: every braced reference counts as one. */
export const mcp: Client = {
  id: "mcp",
  agent: "MCP client",
  surfaces: [
    {
      paths: ["**/*mcp*.{json,jsonc,yaml,yml,toml}", "**/{mcp,.mcp}/**/*.{json,jsonc}"],
      grammar: [dollarBraces, dollarDefault, envBraces, inputBraces, editorVariables, doubleBraces, bareEnv],
      onlyWith: ["mcpServers", "servers", "mcp_servers", "context_servers", "mcp"],
      servers: ["/mcpServers/*", "/servers/*", "/mcp_servers/*", "/context_servers/*", "/mcp/servers/*"],
      server: [...standardServer, { at: "/httpUrl", as: "url" }, { at: "/serverUrl", as: "url" }, { at: "/uri", as: "url" }],
    },
  ],
};
