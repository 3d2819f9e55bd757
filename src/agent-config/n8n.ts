import type { Client } from "./client.ts";
import { n8nExpression } from "./slot/grammar.ts";

/** Credentials are references by id; request nodes made from cURL carry literals. A decrypted export holds them all. */
export const n8n: Client = {
  id: "n8n",
  agent: "n8n",
  surfaces: [
    {
      paths: ["**/*n8n*/**/*.json", "**/*n8n*.json", "**/workflows/**/*.json"],
      grammar: [n8nExpression],
      onlyWith: ["nodes"],
      agentName: "/name",
      slots: [
        { at: "/nodes/*/parameters/headerParameters/parameters/*/value", as: "header", named: "name" },
        { at: "/nodes/*/parameters/queryParameters/parameters/*/value", as: "value", named: "name" },
        { at: "/nodes/*/parameters/url", as: "url" },
      ],
    },
  ],
};
