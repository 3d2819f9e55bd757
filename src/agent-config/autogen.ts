import { type Client, secretsAt } from "./client.ts";
import { noReferences } from "./slot/grammar.ts";

/** A list of models with their keys; nothing expands (unconfirmed, 2026-11). */
export const autoGen: Client = {
  id: "autogen",
  agent: "AutoGen",
  surfaces: [
    {
      paths: ["**/OAI_CONFIG_LIST", "**/OAI_CONFIG_LIST.json"],
      grammar: noReferences,
      slots: [...secretsAt("/*/api_key"), { at: "/*/base_url", as: "url" }],
    },
  ],
};
