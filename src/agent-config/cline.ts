import { type Client, secretsAt } from "./client.ts";
import { envBraces, noReferences } from "./slot/grammar.ts";

/** An unset `${env:X}` stays as text. */
export const cline: Client = {
  id: "cline",
  agent: "Cline",
  home: [
    "~/.cline/data/settings/*.json",
    "{config}/{Code,Code - Insiders,Cursor}/User/globalStorage/saoudrizwan.claude-dev/{settings/*.json,tasks/**}",
  ],
  surfaces: [
    { paths: ["**/cline_mcp_settings.json"], grammar: [envBraces], servers: ["/mcpServers/*"] },
    {
      paths: ["**/.cline/data/settings/providers.json"],
      grammar: noReferences,
      slots: secretsAt("/apiKey", "/*/apiKey", "/providers/*/apiKey", "/providers/*/settings/apiKey"),
    },
  ],
};
