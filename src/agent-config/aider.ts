import { type Client, secretsAt } from "./client.ts";
import { noReferences } from "./slot/grammar.ts";

/** Aider-AI/aider 5dc9490: `api-key` takes `provider=key`, `set-env` takes `NAME=value`; nothing expands. */
export const aider: Client = {
  id: "aider",
  agent: "Aider",
  home: ["~/.aider.conf.yml", "~/.aider*history*", "~/.aider/**"],
  surfaces: [
    {
      paths: ["**/.aider.conf.{yml,yaml}"],
      grammar: noReferences,
      slots: [
        ...secretsAt("/openai-api-key", "/anthropic-api-key"),
        { at: "/api-key", as: "assignment" },
        { at: "/set-env", as: "assignment" },
      ],
    },
  ],
};
