import type { Client } from "./client.ts";
import { flowiseVariable } from "./slot/grammar.ts";

/** An exported chatflow or agentflow: `credential` is a reference by id, and a key typed into a node stands in its `inputs` (unconfirmed, 2026-11). */
export const flowise: Client = {
  id: "flowise",
  agent: "Flowise",
  surfaces: [
    {
      paths: ["**/*flowise*/**/*.json", "**/*flowise*.json", "**/*{chatflow,Chatflow,agentflow,Agentflow}*.json"],
      grammar: [flowiseVariable],
      onlyWith: ["nodes"],
      slots: [
        { at: "/nodes/*/data/inputs/*", as: "value" },
        ...["basePath", "baseURL", "baseUrl", "url", "mcpServerUrl"].map((name) => ({
          at: `/nodes/*/data/inputs/${name}`,
          as: "url" as const,
        })),
      ],
    },
  ],
};
