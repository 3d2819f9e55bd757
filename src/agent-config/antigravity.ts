import { type Client, standardServer } from "./client.ts";
import { dollarBraces } from "./slot/grammar.ts";

/** As Gemini CLI, with `serverUrl` (unconfirmed, 2026-11). */
export const antigravity: Client = {
  id: "antigravity",
  agent: "Antigravity",
  home: ["~/.gemini/{antigravity,config}/mcp_config.json"],
  surfaces: [
    {
      paths: ["**/.gemini/antigravity/mcp_config.json", "**/.gemini/config/mcp_config.json"],
      grammar: [dollarBraces],
      servers: ["/mcpServers/*"],
      server: [...standardServer, { at: "/serverUrl", as: "url" }],
    },
  ],
};
