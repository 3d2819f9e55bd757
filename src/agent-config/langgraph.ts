import type { Client } from "./client.ts";
import { noReferences } from "./slot/grammar.ts";

/** `env` is an inline map, literal, or the path of a `.env` file. */
export const langGraph: Client = {
  id: "langgraph",
  agent: "LangGraph",
  surfaces: [{ paths: ["**/langgraph.json"], grammar: noReferences, slots: [{ at: "/env/*", as: "variable" }] }],
};
