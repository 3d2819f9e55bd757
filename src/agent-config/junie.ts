import type { Client } from "./client.ts";
import { noReferences } from "./slot/grammar.ts";

/** Which references expand is not documented (unconfirmed, 2026-11). */
export const junie: Client = {
  id: "junie",
  agent: "Junie",
  home: ["~/.junie/mcp/mcp.json"],
  surfaces: [{ paths: ["**/.junie/mcp/mcp.json"], grammar: noReferences, servers: ["/mcpServers/*"] }],
};
