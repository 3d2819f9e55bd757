import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { loadRuleset } from "../../src/config/detectors.ts";
import { explainedDocument } from "../../src/identity/document.ts";
import { buildGraph, type SourceFile } from "../../src/identity/graph.ts";
import { blastRadius, reachOf } from "../../src/identity/reach.ts";
import { explainedPart, explainText } from "../../src/identity/text.ts";
import { findingAt, openRouterKey } from "./finding.ts";
import { readFixture } from "./fixture.ts";

const ruleset = await loadRuleset();
const scope = (name: string, place: string) => `github.com/acme/${name}#${place}`;
const reach = (name: string, identity: string) =>
  reachOf(identity, readFixture(name, ruleset).graph).map((one) => `${one.kind} ${one.name} ${one.access} ${one.grade}`);

test("a function reaches what its role may do, and inherits it", () => {
  expect(reach("terraform-lambda", `workload:${scope("terraform-lambda", "infra/main.tf#aws_lambda_function.bot")}`)).toEqual([
    "cloud-role aws_iam_role.bot standing strong",
    "resource arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole inherited strong",
    "resource arn:aws:s3:::acme-bot-docs/* inherited strong",
    "resource aws:bedrock/* inherited strong",
  ]);
});

test("a job that assumes a role has it for a time", () => {
  expect(reach("actions-oidc", `ci-job:${scope("actions-oidc", ".github/workflows/deploy.yml#deploy")}`)).toEqual([
    "cloud-role arn:aws:iam::123456789012:role/deploy temporary strong",
  ]);
});

test("an agent reaches its model, its tools, and what its tool server reaches", () => {
  expect(reach("kagent-cluster", `agent:${scope("kagent-cluster", "kagent/agent.yaml#triage")}`)).toEqual([
    "mcp-server tickets standing strong",
    "model-endpoint api.openai.com standing strong",
    "tool tickets/close_ticket standing strong",
    "tool tickets/list_tickets standing strong",
    "resource https://tickets.acme.example inherited strong",
  ]);
});

test("an agent that passes on its caller's key acts as the caller", () => {
  const file = (spec: string) => [
    {
      path: "m.yaml",
      text: `apiVersion: kagent.dev/v1alpha2\nkind: ModelConfig\nmetadata: { name: m }\nspec: { provider: OpenAI${spec} }\n`,
    },
    {
      path: "a.yaml",
      text: "apiVersion: kagent.dev/v1alpha2\nkind: Agent\nmetadata: { name: a }\nspec: { declarative: { modelConfig: m } }\n",
    },
  ];
  const access = (files: SourceFile[]) =>
    reachOf("agent:h/o/r#a.yaml#a", buildGraph({ scope: "h/o/r", files, findings: [], storeMatches: [] })).map((one) => one.access);
  expect(access(file(", apiKeyPassthrough: true"))).toEqual(["delegated"]);
  expect(access(file(", apiKeyPassthrough: false"))).toEqual(["standing"]);
});

test("a leaked key opens what the program's call hands it to, not all that the program can do", () => {
  const value = openRouterKey();
  const files = [
    { path: ".env", text: `LLM_KEY=${value}\n` },
    { path: "requirements.txt", text: "openai\n" },
    {
      path: "bot.py",
      text: 'import os\nimport boto3\nfrom openai import OpenAI\na = OpenAI(base_url="https://openrouter.ai/api/v1", api_key=os.environ["LLM_KEY"])\nb = OpenAI(api_key=os.environ["OTHER_KEY"])\ns3 = boto3.client("s3")\ns3.get_object(Bucket="acme-docs", Key="a")\n',
    },
  ];
  const finding = findingAt(".env", files[0]?.text ?? "", value);
  const { opens, users } = blastRadius(finding, buildGraph({ scope: "h/o/r", files, findings: [finding], storeMatches: [] }));
  expect(opens.map(({ name, access, grade }) => `${name} ${access} ${grade}`)).toEqual(["openrouter.ai standing moderate"]);
  expect(users.map(({ kind, name }) => `${kind} ${name}`)).toEqual(["workload r"]);
});

test("cycles end, and fans are bounded", () => {
  const servers = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`s${index}`, { url: `https://h${index}.example/mcp` }]));
  const files = [{ path: ".mcp.json", text: JSON.stringify({ mcpServers: servers }) }];
  const graph = buildGraph({ scope: ".", files, findings: [], storeMatches: [] });
  expect(reachOf("agent:.#.mcp.json#Claude Code", graph).length).toBe(200);
  const edge = (from: string, to: string) => ({
    from,
    to,
    relation: "can_access" as const,
    method: "m",
    grade: "strong" as const,
    evidence: [],
  });
  const identities = ["cloud-role:a", "cloud-role:b"].map((id) => ({ id, kind: "cloud-role" as const, name: id, locations: [] }));
  const cyclic = { ...graph, identities, nodes: [], edges: [edge("cloud-role:a", "cloud-role:b"), edge("cloud-role:b", "cloud-role:a")] };
  expect(reachOf("cloud-role:a", cyclic).map(({ id }) => id)).toEqual(["cloud-role:b"]);
});

test("the explanation says each step in a sentence with its place, and is of the published schema as JSON", () => {
  const { graph } = readFixture("terraform-lambda", ruleset);
  expect(explainText("aws_lambda_function.bot", graph)).toContain(
    "  reaches resource arn:aws:s3:::acme-bot-docs/*, inherited  [strong]\n" +
      "    aws_lambda_function.bot runs with aws_iam_role.bot. (infra/main.tf:36)\n" +
      "    aws_iam_role.bot may s3:GetObject on arn:aws:s3:::acme-bot-docs/*. (infra/main.tf:17)\n",
  );
  const schema: object = JSON.parse(readFileSync(new URL("../../docs/schema/identities.schema.json", import.meta.url), "utf8"));
  const validate = new Ajv2020({ strict: true, allErrors: true }).compile(schema);
  const part = explainedPart("aws_lambda_function.bot", graph);
  expect(part).toBeDefined();
  if (part !== undefined)
    expect(validate(JSON.parse(explainedDocument(part.graph, part.reach))), JSON.stringify(validate.errors)).toBe(true);
});
