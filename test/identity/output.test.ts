import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { identitiesDocument } from "../../src/identity/document.ts";
import { buildGraph } from "../../src/identity/graph.ts";
import { mermaid } from "../../src/identity/mermaid.ts";
import { explainText, identitiesText } from "../../src/identity/text.ts";
import { findingAt, openRouterKey } from "./finding.ts";

const schema: object = JSON.parse(readFileSync(new URL("../../docs/schema/identities.schema.json", import.meta.url), "utf8"));
const validate = new Ajv2020({ strict: true, allErrors: true }).compile(schema);

const key = openRouterKey();
const hostile = 'x"] --> y\u001b[31m\u202e<script>`';
const text = JSON.stringify({
  mcpServers: {
    openrouter: { command: "npx", env: { OPENROUTER_API_KEY: key, EXA_API_KEY: `\${EXA_API_KEY}` } },
    [hostile]: { url: `https://user:${key}@mcp.example.com/mcp?api_key=${key}` },
  },
});
const graph = buildGraph({
  scope: ".",
  files: [
    { path: ".mcp.json", text },
    { path: "CODEOWNERS", text: "* @acme/platform" },
  ],
  findings: [findingAt(".mcp.json", text, key)],
  storeMatches: [
    { fingerprint: findingAt(".mcp.json", text, key).fingerprint, connection: "prod", path: "kv/x", version: "1", grade: "confirmed" },
  ],
});

test("the JSON is of the published schema and never holds a value", () => {
  const document = identitiesDocument(graph);
  expect(validate(JSON.parse(document)), JSON.stringify(validate.errors)).toBe(true);
  expect(document).not.toContain(key);
  expect(Object.keys(JSON.parse(document))).toEqual(["version", "identities", "nodes", "edges"]);
});

test("the schema refuses a key that is not in it", () => {
  expect(validate({ version: 1, identities: [], nodes: [], edges: [], extra: 1 })).toBe(false);
});

test("every edge joins two things of the graph", () => {
  const known = new Set([...graph.identities, ...graph.nodes].map(({ id }) => id));
  expect(graph.edges.flatMap(({ from, to }) => [from, to]).filter((id) => !known.has(id))).toEqual([]);
});

test("Mermaid shows hostile names as text", () => {
  expect(mermaid(graph)).toBe(`flowchart LR
  n0(["agent: Claude Code #40;@acme/platform#41;"])
  n1(["mcp-server: openrouter #40;@acme/platform#41;"])
  n2(["mcp-server: x#34;#93; --#62; y#92;u#123;1b#125;#91;31m#92;u#123;202e#125;#60;script#62;#96; #40;@acme/platform#41;"])
  n3["credential: OpenRouter API key"]
  n4["file: .mcp.json"]
  n5["owner: @acme/platform"]
  n6["resource: https://mcp.example.com"]
  n7["store-entry: prod/kv/x"]
  n8["variable: EXA_API_KEY"]
  n9["variable: OPENROUTER_API_KEY"]
  n0 -->|"owned by, strong"| n5
  n3 -->|"stored in, strong"| n4
  n3 -->|"stored in, confirmed"| n7
  n3 -->|"stored in, strong"| n9
  n3 -->|"used by, strong"| n1
  n1 -->|"owned by, strong"| n5
  n1 -->|"used by, strong"| n0
  n2 -->|"can access, strong"| n6
  n2 -->|"owned by, strong"| n5
  n2 -->|"used by, strong"| n0
  n8 -->|"used by, strong"| n1
`);
});

test("the terminal gets no control characters", () => {
  const shown = identitiesText(graph) + (explainText("openrouter", graph) ?? "");
  expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/u);
  expect(identitiesText(graph)).toBe(`agent  Claude Code  owner @acme/platform  .mcp.json:1
  uses mcp-server openrouter  [strong]
  uses mcp-server x"] --> y\\u{1b}[31m\\u{202e}<script>\`  [strong]

mcp-server  openrouter  owner @acme/platform  .mcp.json:1
  uses credential OpenRouter API key  [strong]
  uses variable EXA_API_KEY  [strong]

mcp-server  x"] --> y\\u{1b}[31m\\u{202e}<script>\`  owner @acme/platform  .mcp.json:1

3 identities. rekey identities --explain ID shows the evidence.
`);
});

test("explaining what is not there says so", () => {
  expect(explainText("nobody", graph)).toBeUndefined();
});

test("a key that somebody took for a name is in no output", () => {
  const value = openRouterKey();
  const run = value.replace(/^sk-or-v1-/, "");
  const mcp = JSON.stringify({
    mcpServers: {
      [`s ${value}`]: {
        command: "x",
        env: { [`K_${run}`]: "v", A: `\${X${run}}`, B: `op://vault/${value}/field` },
        headers: { [`H-${run}`]: `\${Y_${run}}` },
      },
      t: { url: `https://${run}.example.com/x`, args: ["-e", `E_${run}`, `--token-${run}`, "v"] },
    },
  });
  const toml = `[mcp_servers.s]\ncommand = "x"\nbearer_token_env_var = "K${run}"\n`;
  const workflow = `jobs:\n  a${run}:\n    env: { K: '\${{ secrets.S_${run} }} \${{ secrets.PLAIN }}' }\n`;
  const files = [
    { path: ".mcp.json", text: mcp },
    { path: ".codex/config.toml", text: toml },
    { path: ".github/workflows/a.yml", text: workflow },
    { path: ".env", text: `K_${run}=v\n` },
  ];
  const made = buildGraph({ scope: ".", files, findings: [findingAt(".mcp.json", mcp, value)], storeMatches: [] });
  for (const output of [identitiesDocument(made), mermaid(made), identitiesText(made)]) expect(output).not.toContain(run);
  expect(made.identities.length).toBeGreaterThan(3);
});
