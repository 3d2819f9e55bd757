import { type Client, standardServer } from "./client.ts";
import { noReferences } from "./slot/grammar.ts";

/** No references are documented (unconfirmed, 2026-11). `command` was an object with `path`, `args` and `env` before. */
export const zed: Client = {
  id: "zed",
  agent: "Zed",
  home: ["~/.config/zed/settings.json", "{config}/Zed/settings.json"],
  surfaces: [
    {
      paths: ["**/.config/zed/settings.json", "**/.zed/settings.json"],
      grammar: noReferences,
      servers: ["/context_servers/*"],
      server: [...standardServer, { at: "/command/args", as: "arguments" }, { at: "/command/env/*", as: "variable" }],
    },
  ],
};
