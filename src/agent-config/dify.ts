import type { Client } from "./client.ts";
import { noReferences } from "./slot/grammar.ts";

/** An app exported with its secrets: `value` is blank otherwise. */
export const dify: Client = {
  id: "dify",
  agent: "Dify",
  surfaces: [
    {
      paths: ["**/*dify*/**/*.{yaml,yml}", "**/*dify*.{yaml,yml}", "**/*.dsl.{yaml,yml}"],
      grammar: noReferences,
      onlyWith: ["workflow", "model_config"],
      agentName: "/app/name",
      slots: [
        { at: "/workflow/environment_variables/*/value", as: "variable", named: "name" },
        {
          at: "/workflow/environment_variables/*/value",
          as: "variable",
          named: "name",
          secretIf: [{ field: "value_type", is: "secret" }],
        },
      ],
    },
  ],
};
