import { expect, test } from "vitest";
import { buildGraph } from "../../src/identity/graph.ts";
import { lintDeclared } from "../../src/identity/lint.ts";

const mcp = { path: ".mcp.json", text: JSON.stringify({ mcpServers: { search: { command: "x", env: { A_KEY: "$" + "{A_KEY}" } } } }) };
const terraform = (secret: string) => ({
  path: "main.tf",
  text: `data "aws_secretsmanager_secret_version" "k" {\n  secret_id = "${secret}"\n}\nresource "aws_lambda_function" "bot" {\n  environment {\n    variables = {\n      B_KEY = data.aws_secretsmanager_secret_version.k.secret_string\n    }\n  }\n}\n`,
});
const stored = (connection: string, path: string, field: string) =>
  `, credentials: [ { detector: openrouter-api-key, stored_in: [ { connection: ${connection}, path: ${path}, field: ${field} } ] } ]`;

test.each<[string, string, string[]]>([
  ["an MCP server that a file configures", "{ kind: mcp-server, name: search }", []],
  ["an identity whose field a file reads", `{ kind: agent, name: elsewhere${stored("vault", "secret/a", "A_KEY")} }`, []],
  ["an inferred id", '{ kind: mcp-server, name: any, id: "mcp-server:h/o/r#.mcp.json#search" }', []],
  ["the entry that the repository takes it from", `{ kind: workload, name: bot${stored("aws-secrets-manager", "prod/b", "B_KEY")} }`, []],
  [
    "the same entry by another connection's name and without its mount",
    `{ kind: workload, name: bot${stored("aws-eu", "b", "B_KEY")} }`,
    [],
  ],
  [
    "an id of nothing",
    '{ kind: mcp-server, name: search, id: "mcp-server:h/o/r#.mcp.json#serch" }',
    [
      "mcp-server 'search' is declared with the id 'mcp-server:h/o/r#.mcp.json#serch', which nothing in the repository has; correct the id or remove it",
    ],
  ],
  [
    "an identity that nothing uses",
    `{ kind: agent, name: gone${stored("vault", "secret/a", "GONE_KEY")} }`,
    [
      "agent 'gone' is declared, but no file of the repository names it or reads one of its credentials; remove it, or declare the field that it is stored in",
    ],
  ],
  [
    "another entry than the repository takes it from",
    `{ kind: workload, name: bot${stored("aws-secrets-manager", "prod/old", "B_KEY")} }`,
    [
      "workload 'bot' is declared to keep B_KEY elsewhere than the repository takes it from, aws-secrets-manager/prod/b (main.tf:7); correct one of them",
    ],
  ],
])("%s", (_name, entry, expected) => {
  const text = `version: 1\nidentities:\n  - ${entry}\n`;
  const files = [mcp, terraform("prod/b"), { path: ".rekey/identities.yml", text }];
  const graph = buildGraph({ scope: "h/o/r", files, findings: [], storeMatches: [] });
  expect(graph.problems).toEqual([]);
  expect(lintDeclared(graph, "h/o/r").map(({ line, message }) => [line, message])).toEqual(expected.map((message) => [3, message]));
});
