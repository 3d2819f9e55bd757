import type { Client } from "./client.ts";
import { envBraces } from "./slot/grammar.ts";

/** RooCodeInc/Roo-Code-Docs: `${env:X}` in `args`, `env` and `headers`. */
export const rooCode: Client = {
  id: "roo-code",
  agent: "Roo Code",
  home: ["{config}/{Code,Code - Insiders,Cursor}/User/globalStorage/rooveterinaryinc.roo-cline/{settings/*.json,tasks/**}"],
  surfaces: [
    { paths: ["**/.roo/mcp.json", "**/rooveterinaryinc.roo-cline/settings/*.json"], grammar: [envBraces], servers: ["/mcpServers/*"] },
  ],
};
