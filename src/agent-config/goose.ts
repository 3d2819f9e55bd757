import type { Client, Place } from "./client.ts";
import { noReferences } from "./slot/grammar.ts";

const extension: readonly Place[] = [
  { at: "/envs/*", as: "variable" },
  { at: "/env_keys", as: "name" },
  { at: "/headers/*", as: "header" },
  { at: "/args", as: "arguments" },
  { at: "/cmd", as: "arguments" },
  { at: "/uri", as: "url" },
];

/** block/goose config-files.md: `envs` are literal, `env_keys` are names; `secrets.yaml` is plain text where the keyring is off. */
export const goose: Client = {
  id: "goose",
  agent: "Goose",
  home: ["~/.config/goose/*.yaml", "{config}/Block/goose/config/*.yaml", "{data}/goose/sessions/*", "~/.config/goose/recipes/*.yaml"],
  surfaces: [
    { paths: ["**/goose/config.yaml", "**/.goose/**/*.yaml"], grammar: noReferences, servers: ["/extensions/*"], server: extension },
    {
      // a recipe lists its extensions
      paths: ["**/*recipe*.{yaml,yml}", "**/recipes/**/*.{yaml,yml}"],
      grammar: noReferences,
      onlyWith: ["extensions"],
      servers: ["/extensions/*"],
      serverName: "name",
      server: extension,
    },
    { paths: ["**/goose/secrets.yaml"], grammar: noReferences, slots: [{ at: "/*", as: "variable" }] },
  ],
};
