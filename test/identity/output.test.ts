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

test("a key that stands where code, a cluster or Terraform has a name is in no output", () => {
  const run = openRouterKey().replace(/^sk-or-v1-/, "");
  const kagent = (kind: string, name: string, spec: string) =>
    `apiVersion: kagent.dev/v1alpha2\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n`;
  const files = [
    { path: "package.json", text: "{}" },
    {
      path: "a.ts",
      text: `import OpenAI from "openai";\nimport { Pinecone } from "@pinecone-database/pinecone";\nimport { GetObjectCommand } from "@aws-sdk/client-s3";\nimport { MultiServerMCPClient } from "@langchain/mcp-adapters";\nnew OpenAI({ baseURL: "https://${run}.example/v1", apiKey: process.env.K${run.toUpperCase()} });\nnew OpenAI({ apiKey: process.env.PLAIN_KEY });\nnew Pinecone().index("${run}");\nnew GetObjectCommand({ Bucket: "${run}" });\nnew MultiServerMCPClient({ mcpServers: { s${run}: { url: "https://x.example" }, t: { url: "https://${run}.example", env: { A: process.env.B${run.toUpperCase()} } } } });\n`,
    },
    {
      path: "a.py",
      text: `from agents import Agent\nfrom agents.mcp import MCPServerStdio\nimport boto3\ns = MCPServerStdio(name="m${run}", params={})\na = Agent(name="a ${run}", mcp_servers=[s])\nb = boto3.client("s3").get_object(Bucket="${run}")\n`,
    },
    {
      path: "kagent/a.yaml",
      text: [
        kagent("ModelConfig", `m${run}`, `{ provider: OpenAI, apiKeySecret: sk-${run}, apiKeySecretKey: k${run} }`),
        kagent("ModelConfig", "m", `{ provider: OpenAI, apiKeySecret: sk-${run} }`),
        kagent(
          "RemoteMCPServer",
          "s",
          `{ url: "https://${run}.example", headersFrom: [ { name: A, valueFrom: { type: Secret, name: ${run}, key: ${run} } } ] }`,
        ),
        kagent("Agent", "a", `{ declarative: { modelConfig: m${run}, tools: [ { mcpServer: { name: s, toolNames: [ t${run} ] } } ] } }`),
        kagent("Agent", "b", "{ declarative: { modelConfig: m, tools: [ { mcpServer: { name: s, toolNames: [ plain ] } } ] } }"),
      ].join("---\n"),
    },
    {
      path: "n8n/a.json",
      text: JSON.stringify({
        name: `w ${run}`,
        nodes: [
          {
            type: "@n8n/n8n-nodes-langchain.vectorStorePinecone",
            parameters: { pineconeIndex: run },
            credentials: { [`c${run}`]: { name: run } },
          },
          { type: "@n8n/n8n-nodes-langchain.lmChatOpenAi", credentials: { openAiApi: { name: `n ${run}` } } },
        ],
      }),
    },
    {
      path: "dify/a.yml",
      text: `kind: app\napp: { name: "a ${run}" }\nworkflow:\n  environment_variables: [ { name: V_${run}, value: "" } ]\n  graph: { nodes: [ { data: { dataset_ids: [ ${run} ], provider_name: p, tool_name: t${run}, model: { provider: openai } } } ] }\n`,
    },
    { path: "langgraph.json", text: JSON.stringify({ graphs: { [`g${run}`]: "./a.py:a" } }) },
    { path: "agents.yaml", text: `a${run}: { role: r, goal: g, llm: openai/x }\n` },
    { path: "config.yaml", text: `model_list: [ { litellm_params: { model: x/y, api_base: "https://${run}.example" } } ]\n` },
    {
      path: "a.tf",
      text: `resource "google_service_account" "a" {}\nresource "google_storage_bucket_iam_member" "a" {\n  bucket = "${run}"\n  role = "r${run}"\n  member = google_service_account.a.member\n}\nresource "aws_iam_role" "r" {}\nresource "aws_iam_role_policy" "p" {\n  role = aws_iam_role.r.id\n  policy = jsonencode({ Statement = [{ Effect = "Allow", Action = ["s3:${run}"], Resource = ["*", "arn:aws:s3:::${run}"] }] })\n}\nresource "aws_iam_role_policy_attachment" "p" {\n  role = aws_iam_role.r.name\n  policy_arn = "arn:aws:iam::123456789012:policy/${run}"\n}\nresource "aws_lambda_function" "f" {\n  role = "arn:aws:iam::123456789012:role/${run}"\n}\n`,
    },
    {
      path: ".github/workflows/a.yml",
      text: `jobs:\n  a:\n    environment: e-${run}\n    steps: [ { run: "x \${{ secrets.PLAIN }}" } ]\n`,
    },
    {
      path: "spc.yaml",
      text: `apiVersion: v1\nkind: SecretProviderClass\nmetadata: { name: c }\nspec: { provider: vault, parameters: { objects: "- { objectName: o, secretPath: secret/${run}, secretKey: k }" } }\n---\napiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec: { volumes: [ { csi: { volumeAttributes: { secretProviderClass: c } } } ] }\n`,
    },
  ];
  const made = buildGraph({ scope: ".", files, findings: [], storeMatches: [] });
  const explained = made.identities.map(({ id }) => explainText(id, made) ?? "").join("");
  for (const output of [identitiesDocument(made), mermaid(made), identitiesText(made), explained])
    expect(output.split("\n").filter((line) => line.toLowerCase().includes(run))).toEqual([]);
  expect(made.identities.length).toBeGreaterThan(15);
});
