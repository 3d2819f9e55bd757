import { type Client, standardServer } from "./client.ts";
import { noReferences } from "./slot/grammar.ts";

/**
 * TOML without any reference syntax: a field is literal, or by schema the name of a variable
 * (openai/codex `codex-rs/config/src/mcp_types.rs`). The key `headers` is ignored, so a secret under it leaks and is of no use.
 */
export const codex: Client = {
  id: "codex",
  agent: "Codex",
  home: ["{codex}/*.{toml,json,md}", "{codex}/history.jsonl", "{codex}/{sessions,archived_sessions}/**", "/etc/codex/*.toml"],
  surfaces: [
    {
      paths: ["**/.codex/*.toml", "**/codex/{config,requirements}.toml"],
      grammar: noReferences,
      servers: ["/mcp_servers/*"],
      server: [
        ...standardServer,
        { at: "/http_headers/*", as: "header" },
        { at: "/bearer_token", as: "value" },
        { at: "/bearer_token_env_var", as: "name" },
        { at: "/env_http_headers/*", as: "name" },
        { at: "/env_vars", as: "name" },
        { at: "/env_vars/*/name", as: "name" },
      ],
      slots: [
        { at: "/model_providers/*/http_headers/*", as: "header" },
        { at: "/model_providers/*/query_params/*", as: "value" },
        { at: "/model_providers/*/experimental_bearer_token", as: "value" },
        { at: "/model_providers/*/env_key", as: "name" },
        { at: "/model_providers/*/env_http_headers/*", as: "name" },
        { at: "/model_providers/*/base_url", as: "url" },
        { at: "/shell_environment_policy/set/*", as: "variable" },
      ],
    },
    {
      paths: ["**/.codex/auth.json"],
      grammar: noReferences,
      slots: [
        { at: "/OPENAI_API_KEY", as: "variable" },
        { at: "/tokens/*", as: "value" },
      ],
    },
    { paths: ["**/.codex/hooks.json"], grammar: noReferences, slots: [{ at: "/hooks/*/*/hooks/*/command", as: "arguments" }] },
  ],
};
