import { type Client, secretsAt } from "./client.ts";
import { templateEnv } from "./slot/grammar.ts";

/** `apiKeyEnvar` is a name; `{{env.X}}` expands (unconfirmed, 2026-11). */
export const promptfoo: Client = {
  id: "promptfoo",
  agent: "promptfoo",
  kind: "workload",
  surfaces: [
    {
      paths: ["**/promptfooconfig.{yaml,yml,json}", "**/*.promptfoo.{yaml,yml}"],
      grammar: [templateEnv],
      slots: [
        ...secretsAt("/providers/*/config/apiKey", "/providers/*/*/config/apiKey"),
        { at: "/providers/*/config/headers/*", as: "header" },
        { at: "/providers/*/config/apiKeyEnvar", as: "name" },
        { at: "/env/*", as: "variable" },
      ],
    },
  ],
};
