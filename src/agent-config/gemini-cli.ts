import { type Client, secretsAt, standardServer } from "./client.ts";
import { dollar, dollarBraces, dollarDefault, percent } from "./slot/grammar.ts";

/** google-gemini/gemini-cli 5411f11: an unset name stays as text; `%VAR%` only on Windows. */
export const geminiCli: Client = {
  id: "gemini-cli",
  agent: "Gemini CLI",
  home: [
    "~/.gemini/*.json",
    "~/.gemini/.env",
    "~/.gemini/GEMINI.md",
    "~/.gemini/extensions/*/{gemini-extension.json,.env}",
    "~/.gemini/tmp/*/chats/*.json",
    "~/.gemini/tmp/*/logs.json",
    "/etc/gemini-cli/settings.json",
  ],
  surfaces: [
    {
      paths: ["**/.gemini/settings.json", "**/gemini-extension.json", "/etc/gemini-cli/settings.json"],
      grammar: [dollarDefault, dollarBraces, dollar, percent],
      servers: ["/mcpServers/*"],
      server: [...standardServer, { at: "/httpUrl", as: "url" }],
      slots: ["value", "default"].map((at) => ({
        at: `/settings/*/${at}`,
        as: "variable" as const,
        named: "envVar",
        secretIf: [{ field: "sensitive", is: "true" }],
      })),
    },
    { paths: ["**/.gemini/mcp-oauth-tokens.json"], grammar: [], slots: secretsAt("/*/token/accessToken", "/*/token/refreshToken") },
  ],
};
