import { type Client, secretsAt } from "./client.ts";
import { envBraces, envDefault, fileBraces } from "./slot/grammar.ts";

/** microsoft/prompty 75e4d0e: `${env:X:default}` holds a default. */
export const prompty: Client = {
  id: "prompty",
  agent: "Prompty",
  surfaces: [
    {
      paths: ["**/*.prompty"],
      format: "front-matter",
      grammar: [envBraces, envDefault, fileBraces],
      slots: secretsAt(
        "/model/connection/apiKey",
        "/model/connection/api_key",
        "/model/configuration/api_key",
        "/model/configuration/apiKey",
      ),
    },
  ],
};
