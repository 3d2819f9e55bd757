import { type Client, standardServer } from "./client.ts";
import { envBraces } from "./slot/grammar.ts";

/** The address stands in `serverUrl`. That `${env:X}` expands is unconfirmed (2026-11). */
export const windsurf: Client = {
  id: "windsurf",
  agent: "Windsurf",
  home: ["~/.codeium/**/mcp_config.json"],
  surfaces: [
    {
      paths: ["**/.codeium/**/mcp_config.json", "**/.windsurf/mcp_config.json"],
      grammar: [envBraces],
      servers: ["/mcpServers/*"],
      server: [...standardServer, { at: "/serverUrl", as: "url" }],
    },
  ],
};
