import type { Client } from "./client.ts";
import { dollarBraces } from "./slot/grammar.ts";

/** `${VAR}` is what people write there; that it expands is unconfirmed (2026-11). */
export const copilotCli: Client = {
  id: "copilot-cli",
  agent: "Copilot CLI",
  home: ["~/.copilot/*.json", "~/.copilot/session-state/**"],
  surfaces: [{ paths: ["**/.copilot/mcp-config.json"], grammar: [dollarBraces], servers: ["/mcpServers/*"] }],
};
