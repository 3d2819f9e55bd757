import type { Client } from "./client.ts";
import { noReferences } from "./slot/grammar.ts";

/** No reference syntax is documented (unconfirmed, 2026-11): what stands in `env` or `args` is sent as it is. */
export const claudeDesktop: Client = {
  id: "claude-desktop",
  agent: "Claude Desktop",
  home: ["{config}/Claude/claude_desktop_config.json"],
  surfaces: [{ paths: ["**/claude_desktop_config.json"], grammar: noReferences, servers: ["/mcpServers/*"] }],
};
