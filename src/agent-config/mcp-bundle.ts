import { type Client, standardServer } from "./client.ts";
import { dollarBraces, userConfig } from "./slot/grammar.ts";

/** The manifest of an MCP bundle (MCPB): what `user_config` calls sensitive goes to the system's keychain, so no value belongs here. */
export const mcpBundle: Client = {
  id: "mcp-bundle",
  agent: "MCP bundle",
  kind: "mcp-server",
  surfaces: [
    {
      paths: ["**/manifest.json"],
      grammar: [userConfig, dollarBraces],
      onlyWith: ["user_config", "mcpb_version", "dxt_version"],
      servers: ["/server/mcp_config"],
      server: standardServer,
      slots: [{ at: "/user_config/*/default", as: "value", secretIf: [{ field: "sensitive", is: "true" }] }],
    },
  ],
};
