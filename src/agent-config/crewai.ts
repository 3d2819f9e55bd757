import type { Client } from "./client.ts";
import { noReferences } from "./slot/grammar.ts";

/** No field is a secret by schema; addresses in `mcps` carry keys in their query. */
export const crewAi: Client = {
  id: "crewai",
  agent: "CrewAI",
  surfaces: [{ paths: ["**/agents.{yaml,yml}"], grammar: noReferences, slots: [{ at: "/*/mcps", as: "url" }] }],
};
