import { type Client, secretsAt, standardServer } from "./client.ts";
import { bareEnv, bareFile } from "./slot/grammar.ts";

/** anomalyco/opencode config.mdx @00d80fb: an unset `{env:X}` is the empty string. */
export const openCode: Client = {
  id: "opencode",
  agent: "opencode",
  home: [
    "~/.config/opencode/**/*.{json,jsonc}",
    "{data}/opencode/auth.json",
    "{data}/opencode/opencode.db",
    "/etc/opencode/*.{json,jsonc}",
  ],
  surfaces: [
    {
      paths: ["**/opencode.{json,jsonc}", "**/.opencode/**/*.{json,jsonc}"],
      grammar: [bareEnv, bareFile],
      servers: ["/mcp/*", "/mcp/servers/*"],
      server: [...standardServer, { at: "/environment/*", as: "variable" }, { at: "/oauth/clientSecret", as: "value" }],
      slots: [
        ...secretsAt("/provider/*/options/apiKey"),
        { at: "/provider/*/options/headers/*", as: "header" },
        { at: "/provider/*/options/baseURL", as: "url" },
      ],
    },
    {
      paths: ["**/opencode/auth.json"],
      grammar: [],
      slots: ["/*/key", "/*/access", "/*/refresh"].map((at) => ({ at, as: "value" as const, secret: true as const })),
    },
  ],
};
