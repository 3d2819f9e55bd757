import type { Client, Place } from "./client.ts";
import { n8nExpression } from "./slot/grammar.ts";

const decrypted: readonly Place[] = ["/data/*", "/*/data/*"].flatMap((at) => [
  { at, as: "value" },
  { at, as: "url" },
]);

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
    // `export:credentials --decrypted`: every field of every credential, in the clear
    {
      paths: ["**/*n8n*/**/*credential*.json", "**/*n8n*credential*.json", "**/decrypted*credential*.json"],
      grammar: [n8nExpression],
      slots: decrypted,
    },
  ],
};
