import type { Client } from "./client.ts";
import { dollarBraces } from "./slot/grammar.ts";

/** That `${VAR}` expands is unconfirmed (2026-11). */
export const amazonQ: Client = {
  id: "amazon-q",
  agent: "Amazon Q Developer",
  home: ["~/.aws/amazonq/**/*.json"],
  surfaces: [
    {
      paths: ["**/.aws/amazonq/**/*.json", "**/.amazonq/**/*.json"],
      grammar: [dollarBraces],
      servers: ["/mcpServers/*"],
      onlyWith: ["mcpServers"],
    },
  ],
};
