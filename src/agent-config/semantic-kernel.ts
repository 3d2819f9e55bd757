import { type Client, secretsAt } from "./client.ts";
import { noReferences } from "./slot/grammar.ts";

/** Empty in a repository means user secrets (unconfirmed, 2026-11). */
export const semanticKernel: Client = {
  id: "semantic-kernel",
  agent: "Semantic Kernel",
  surfaces: [
    {
      paths: ["**/appsettings*.json"],
      grammar: noReferences,
      slots: secretsAt("/*/ApiKey", "/SemanticKernel/*/ApiKey"),
    },
    // user secrets, whose keys are flat or nested
    {
      paths: ["**/{UserSecrets,usersecrets}/**/secrets.json"],
      grammar: noReferences,
      slots: secretsAt("/*", "/*/*"),
    },
  ],
};
