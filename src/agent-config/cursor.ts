import { type Client, standardServer } from "./client.ts";
import { editorVariables, envBraces, type Grammar } from "./slot/grammar.ts";

const grammar: Grammar = [envBraces, editorVariables];

/** https://cursor.com/docs/context/mcp: `${NAME}` without `env:` is sent as text. */
export const cursor: Client = {
  id: "cursor",
  agent: "Cursor",
  home: [
    "~/.cursor/*.json",
    "~/.cursor/plugins/**/*.json",
    "~/.cursor/chats/**",
    "/etc/cursor/hooks.json",
    "{config}/Cursor/User/settings.json",
    "{config}/Cursor/User/{globalStorage,workspaceStorage/*}/state.vscdb",
  ],
  surfaces: [
    {
      paths: ["**/.cursor/mcp.json", "**/.cursor/plugins/**/mcp.json"],
      grammar,
      servers: ["/mcpServers/*"],
      server: [...standardServer, { at: "/auth/CLIENT_SECRET", as: "value" }],
    },
    { paths: ["**/.cursor/hooks.json", "**/cursor/hooks.json"], grammar, slots: [{ at: "/hooks/*/*/command", as: "arguments" }] },
  ],
};
