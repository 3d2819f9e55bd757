import { beforeAll, expect, test } from "vitest";
import { readAgentConfig } from "../../src/agent-config/index.ts";
import { loadRuleset } from "../../src/config/detectors.ts";
import type { Ruleset } from "../../src/detector/compile.ts";
import { scan } from "../../src/scan/scan.ts";
import { scopeSalt } from "../../src/secret.ts";

let ruleset: Ruleset;
beforeAll(async () => {
  ruleset = await loadRuleset();
});

/** Weak on purpose: only the file's own schema says that it is a secret. */
const weak = ["correct", "horse", "47"].join("-");

const files: [string, string, unknown, string][] = [
  [
    "the MCP registry",
    "server.json",
    { packages: [{ environmentVariables: [{ name: "ACME_CODE", isSecret: true, value: weak }] }] },
    "/packages/0/environmentVariables/0/value",
  ],
  [
    "its older schema",
    "server.json",
    { packages: [{ environment_variables: [{ name: "ACME_CODE", is_secret: true, default: weak }] }] },
    "/packages/0/environment_variables/0/default",
  ],
  [
    "a remote of the registry",
    "server.json",
    { remotes: [{ headers: [{ name: "X-Acme", isSecret: true, value: weak }] }] },
    "/remotes/0/headers/0/value",
  ],
  [
    "a variable of a remote's address",
    "server.json",
    { remotes: [{ url: "https://h/{code}", variables: { code: { isSecret: true, default: weak } } }] },
    "/remotes/0/variables/code/default",
  ],
  [
    "an MCP bundle",
    "manifest.json",
    { mcpb_version: "0.1", user_config: { code: { type: "string", sensitive: true, default: weak } } },
    "/user_config/code/default",
  ],
  [
    "a Gemini extension",
    "gemini-extension.json",
    { settings: [{ name: "Code", envVar: "ACME_CODE", sensitive: true, value: weak }] },
    "/settings/0/value",
  ],
  [
    "a Claude Code plugin",
    ".claude-plugin/plugin.json",
    { userConfig: { code: { sensitive: true, default: weak } } },
    "/userConfig/code/default",
  ],
  [
    "a prompt of VS Code",
    ".vscode/mcp.json",
    { servers: {}, inputs: [{ id: "code", type: "promptString", password: true, default: weak }] },
    "/inputs/0/default",
  ],
  [
    "a Dify app",
    "acme.dify.yml",
    { workflow: { environment_variables: [{ name: "CODE", value_type: "secret", value: weak }] } },
    "/workflow/environment_variables/0/value",
  ],
];

const pointers = (path: string, config: unknown) =>
  scan({ bytes: Buffer.from(JSON.stringify(config)), origin: { kind: "file", path } }, ruleset, {
    tenant: [],
    salts: [scopeSalt("a")],
  }).map(({ location }) => location.pointer);

test.each(files)("a weak literal in a slot that %s calls secret is a finding", (_, path, config, pointer) => {
  expect(pointers(path, config)).toEqual([pointer]);
});

test.each(files)("the same slot of %s that is not called secret is none", (_, path, config) => {
  const open = JSON.parse(
    JSON.stringify(config)
      .replace(/"(isSecret|is_secret|sensitive|password)":true/g, '"$1":false')
      .replace('"secret"', '"string"'),
  );
  expect(pointers(path, open)).toEqual([]);
});

test("a variable of the registry's own kind is a reference", () => {
  const config = { remotes: [{ headers: [{ name: "Authorization", isSecret: true, value: "Bearer {api_key}" }] }] };
  expect(readAgentConfig("server.json", JSON.stringify(config))?.slots).toMatchObject([{ kind: "reference", reference: "input:api_key" }]);
});
