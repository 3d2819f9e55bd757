import type { Client, Place } from "./client.ts";
import type { Dialect } from "./slot/grammar.ts";

/** `Bearer {api_key}`: filled in by whoever installs the server. */
const variable: Dialect = { pattern: /(?<![$\w{])\{(?<name>[A-Za-z_]\w{0,127})\}/g, prefix: "input:" };

/** camelCase since 2025-09-29, snake_case before. */
const secretIf = [
  { field: "isSecret", is: "true" },
  { field: "is_secret", is: "true" },
] as const;

const inputs = ["environmentVariables", "environment_variables"].flatMap((list): Place[] =>
  ["value", "default"].map((at) => ({ at: `/packages/*/${list}/*/${at}`, as: "variable", named: "name", secretIf })),
);

const others = [
  "/packages/*/packageArguments/*",
  "/packages/*/runtimeArguments/*",
  "/packages/*/package_arguments/*",
  "/packages/*/runtime_arguments/*",
  "/remotes/*/headers/*",
  "/packages/*/transport/headers/*",
].flatMap((place): Place[] => ["value", "default"].map((at) => ({ at: `${place}/${at}`, as: "header", named: "name", secretIf })));

/** Parts of a header or an address, under their own names. */
const variables = ["/remotes/*/variables/*", "/remotes/*/headers/*/variables/*", "/packages/*/environmentVariables/*/variables/*"].flatMap(
  (place): Place[] => ["value", "default"].map((at) => ({ at: `${place}/${at}`, as: "value", secretIf })),
);

/** A server's entry for the MCP registry: it says which of its inputs are secrets, and no such input may have a value in it. */
export const mcpRegistry: Client = {
  id: "mcp-registry",
  agent: "MCP registry entry",
  kind: "mcp-server",
  surfaces: [
    {
      paths: ["**/server.json"],
      grammar: [variable],
      onlyWith: ["packages", "remotes"],
      slots: [...inputs, ...others, ...variables],
    },
  ],
};
