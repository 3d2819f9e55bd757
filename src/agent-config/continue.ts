import { type Client, secretsAt, standardServer } from "./client.ts";
import { doubleBraces } from "./slot/grammar.ts";

/** continuedev/continue: `${{ secrets.X }}` and `${{ inputs.X }}`; everything else is literal. */
export const continueDev: Client = {
  id: "continue",
  agent: "Continue",
  home: [
    "~/.continue/*.{json,yaml,yml}",
    "~/.continue/.env",
    "~/.continue/{agents,models,mcpServers,assistants}/**",
    "~/.continue/sessions/*.json",
  ],
  surfaces: [
    {
      paths: ["**/.continue/**/*.{yaml,yml}", "**/.continue/config.json"],
      grammar: [doubleBraces],
      servers: ["/mcpServers/*", "/experimental/modelContextProtocolServers/*"],
      serverName: "name",
      server: [
        ...standardServer,
        ...secretsAt("/apiKey"),
        { at: "/requestOptions/headers/*", as: "header" },
        { at: "/transport/env/*", as: "variable" },
        { at: "/transport/args", as: "arguments" },
        { at: "/transport/url", as: "url" },
      ],
      slots: [
        ...secretsAt(
          "/models/*/apiKey",
          "/data/*/apiKey",
          "/tabAutocompleteModel/apiKey",
          "/embeddingsProvider/apiKey",
          "/reranker/params/apiKey",
        ),
        ...secretsAt("/models/*/requestOptions/clientCertificate/passphrase"),
        { at: "/models/*/requestOptions/headers/*", as: "header" },
        { at: "/models/*/env/*", as: "variable" },
        { at: "/models/*/apiBase", as: "url" },
        { at: "/env/*", as: "variable" },
      ],
    },
  ],
};
