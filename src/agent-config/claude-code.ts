import { type Client, secretsAt, standardServer } from "./client.ts";
import { dollarBraces, dollarDefault, type Grammar, noReferences, userConfig } from "./slot/grammar.ts";

/** `$VAR` is never expanded, and an unset `${VAR}` stays as text. */
const expanded: Grammar = [dollarBraces, dollarDefault, userConfig];

const helpers = ["apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "otelHeadersHelper"];

/** https://code.claude.com/docs/en/mcp and /settings; `env` of settings.json is literal (anthropics/claude-code issue 46889). */
export const claudeCode: Client = {
  id: "claude-code",
  agent: "Claude Code",
  home: [
    "{claude}/settings*.json",
    "{claude}/.credentials.json",
    "{claude}/.mcp.json",
    "{claude}/agents/**/*.md",
    "{claude}/plugins/**/{.mcp,plugin}.json",
    "{claude}/CLAUDE.md",
    "{claude}/history.jsonl",
    "{claude}/projects/**",
    "~/.claude.json",
    "/etc/claude-code/*.json",
    "/Library/Application Support/ClaudeCode/*.json",
    "C:/Program Files/ClaudeCode/*.json",
  ],
  surfaces: [
    {
      paths: ["**/.mcp.json", "**/.claude.json", "**/managed-mcp.json", "**/.claude-plugin/plugin.json"],
      grammar: expanded,
      servers: ["/mcpServers/*", "/projects/*/mcpServers/*"],
      onlyWith: ["mcpServers", "projects", "userConfig"],
      slots: [{ at: "/userConfig/*/default", as: "value", secretIf: [{ field: "sensitive", is: "true" }] }],
    },
    // The flat form: the file is the map of servers.
    { paths: ["**/.mcp.json"], grammar: expanded, servers: ["/*"] },
    {
      paths: ["**/.claude/settings.json", "**/.claude/settings.local.json", "**/managed-settings.json"],
      grammar: noReferences,
      slots: [
        { at: "/env/*", as: "variable" },
        { at: "/hooks/*/*/hooks/*/headers/*", as: "header" },
        { at: "/hooks/*/*/hooks/*/command", as: "arguments" },
        ...helpers.map((name) => ({ at: `/${name}`, as: "helper" as const })),
      ],
    },
    {
      paths: ["**/.claude/.credentials.json"],
      grammar: noReferences,
      slots: secretsAt(
        "/claudeAiOauth/accessToken",
        "/claudeAiOauth/refreshToken",
        "/mcpOAuth/*/accessToken",
        "/mcpOAuth/*/refreshToken",
        "/mcpOAuth/*/clientSecret",
      ),
    },
    {
      paths: ["**/.claude/agents/**/*.md"],
      format: "front-matter",
      grammar: expanded,
      servers: ["/mcpServers/*", "/mcpServers/*/*"],
      server: standardServer,
    },
  ],
};
