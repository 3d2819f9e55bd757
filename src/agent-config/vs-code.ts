import type { Client } from "./client.ts";
import { editorVariables, envBraces, type Grammar, inputBraces } from "./slot/grammar.ts";

const secretIf = [{ field: "password", is: "true" }] as const;
const grammar: Grammar = [inputBraces, envBraces, editorVariables];

/** microsoft/vscode-docs mcp-configuration.md (2026-05-20). A default of a password prompt is a literal (unconfirmed). */
export const vsCode: Client = {
  id: "vs-code",
  agent: "VS Code",
  home: [
    "{config}/{Code,Code - Insiders}/User/{mcp,settings}.json",
    "{config}/{Code,Code - Insiders}/User/profiles/*/{mcp,settings}.json",
    "{config}/{Code,Code - Insiders}/User/workspaceStorage/*/chatSessions/*",
    "{config}/{Code,Code - Insiders}/User/globalStorage/emptyWindowChatSessions/*",
  ],
  surfaces: [
    {
      paths: ["**/.vscode/mcp.json", "**/Code/User/**/mcp.json", "**/Code - Insiders/User/**/mcp.json"],
      grammar,
      servers: ["/servers/*", "/mcpServers/*"],
      slots: [{ at: "/inputs/*/default", as: "value", named: "id", secretIf }],
    },
    {
      paths: [
        "**/.vscode/settings.json",
        "**/Code/User/settings.json",
        "**/*.code-workspace",
        "**/devcontainer.json",
        "**/.devcontainer.json",
      ],
      grammar,
      servers: [
        "/mcp/servers/*",
        "/settings/mcp/servers/*",
        "/customizations/vscode/mcp/servers/*",
        "/customizations/vscode/settings/mcp/servers/*",
      ],
      slots: [
        ...["", "/settings", "/customizations/vscode", "/customizations/vscode/settings"].map((at) => ({
          at: `${at}/mcp/inputs/*/default`,
          as: "value" as const,
          named: "id",
          secretIf,
        })),
      ],
    },
  ],
};
