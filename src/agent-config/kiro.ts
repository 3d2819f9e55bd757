import type { Client } from "./client.ts";
import { dollarBraces } from "./slot/grammar.ts";

/** That `${VAR}` expands is unconfirmed (2026-11). */
export const kiro: Client = {
  id: "kiro",
  agent: "Kiro",
  home: ["~/.kiro/settings/mcp.json", "~/.kiro/agents/*.json"],
  surfaces: [{ paths: ["**/.kiro/settings/mcp.json", "**/.kiro/agents/*.json"], grammar: [dollarBraces], servers: ["/mcpServers/*"] }],
};
