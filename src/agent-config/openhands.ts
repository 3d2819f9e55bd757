import { type Client, secretsAt } from "./client.ts";
import { noReferences } from "./slot/grammar.ts";

/** All-Hands-AI/OpenHands config.template.toml; `[llm.NAME]` are further models. */
export const openHands: Client = {
  id: "openhands",
  agent: "OpenHands",
  home: ["~/.openhands/*.{toml,json}", "~/.openhands/conversations/**"],
  surfaces: [
    {
      paths: ["**/config.toml", "**/.openhands/**/*.toml"],
      grammar: noReferences,
      onlyWith: ["llm"],
      slots: [
        ...secretsAt(
          ...["/llm", "/llm/*"].flatMap((model) => [`${model}/api_key`, `${model}/aws_access_key_id`, `${model}/aws_secret_access_key`]),
          "/core/e2b_api_key",
          "/core/jwt_secret",
          "/mcp/*/*/api_key",
        ),
        { at: "/mcp/*/*/url", as: "url" },
        { at: "/mcp/*/*/env/*", as: "variable" },
        { at: "/mcp/*/*/args", as: "arguments" },
      ],
    },
  ],
};
