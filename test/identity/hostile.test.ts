import { expect, test } from "vitest";
import { buildGraph } from "../../src/identity/graph.ts";
import { mermaid } from "../../src/identity/mermaid.ts";
import { explainText, identitiesText } from "../../src/identity/text.ts";

const mega = 1 << 20;
const fill = (part: string) => part.repeat(Math.ceil(mega / part.length)).slice(0, mega);
const imports = 'import OpenAI from "openai";\n';
const python = "from openai import OpenAI\n";

/** Each of a megabyte, made to be slow: nested, unclosed, or with as many starts of something as fit. */
test.each<[string, string, string]>([
  ["open calls", "a.ts", imports + fill("new OpenAI(")],
  ["open braces in a call", "a.ts", `${imports}new OpenAI(${fill("{")}`],
  ["many calls", "a.ts", imports + fill("new OpenAI({ apiKey: process.env.A_KEY });\n")],
  ["open templates", "a.ts", imports + fill("`${")],
  ["open comments", "a.ts", imports + fill("/*")],
  ["slashes", "a.ts", imports + fill("(/[")],
  ["open requests", "a.ts", `"https://api.openai.com"\n${fill("fetch(")}`],
  ["requests with long options", "a.py", `a = "https://api.openai.com"\n${fill('requests.post("https://api.openai.com/v1", a_b_c)\n')}`],
  ["many imports", "a.ts", fill('import { a as b, OpenAI } from "openai";\n')],
  ["an open import", "a.ts", `import ${fill("a, ")}from "openai"`],
  ["an open Python import", "a.py", `${fill("from openai import (\n")}`],
  ["triple quotes", "a.py", python + fill('"""\n')],
  ["f-strings", "a.py", python + fill('f"{')],
  ["many assignments", "a.py", python + fill("a = (\n")],
  ["settings classes", "a.py", fill("class A(BaseSettings):\n    a_b: str\n")],
  ["spaces", "a.py", `${python}x =${fill(" ")}`],
  ["Go imports", "a.go", fill('\ta "github.com/openai/openai-go"\n')],
  ["open blocks", "a.tf", fill('resource "aws_iam_role" "a" {\n')],
  ["open brackets", "a.tf", `resource "aws_ecs_task_definition" "a" {\n  container_definitions = jsonencode(${fill("[")}`],
  ["open objects", "a.tf", `resource "aws_iam_role_policy" "a" {\n  role = aws_iam_role.a.id\n  policy = jsonencode(${fill("{a=")}`],
  ["heredocs", "a.tf", fill("a = <<E\n")],
  ["open strings", "a.tf", fill('a = "${')],
  ["equal signs", "a.tf", fill("a = b ")],
  ["braces", "a.tf", fill("}")],
  ["agents", "config/agents.yaml", fill("a: { role: r, goal: g, llm: openai/x }\n")],
  ["graphs", "langgraph.json", `{"graphs":{${fill('"a":"./a.py:g",')}"z":"./z.py:g"},"env":"../../../../etc/passwd"}`],
  ["kagent", "a.yaml", fill("apiVersion: kagent.dev/v1alpha2\nkind: Agent\nmetadata: { name: a }\nspec: { tools: [] }\n---\n")],
  ["n8n", "n8n/a.json", `{"name":"a","nodes":[${fill('{"type":"@n8n/n8n-nodes-langchain.agent"},')}{}]}`],
  [
    "provider classes",
    "a.yaml",
    `apiVersion: v1\nkind: SecretProviderClass\nmetadata: { name: a }\nspec: { provider: vault, parameters: { objects: "${fill("- ")}" } }\n`,
  ],
  [
    "an alias bomb",
    "dify/a.yml",
    `kind: app\na: &a [x,x,x,x,x,x,x,x]\n${Array.from({ length: 12 }, (_, at) => `b${at}: &b${at} [${fill(`*${at === 0 ? "a" : `b${at - 1}`},`).slice(0, 60)}x]`).join("\n")}\nmodel_config: *b11\n`,
  ],
])("%s are read to their end", { timeout: 20_000 }, (_name, path, text) => {
  const graph = buildGraph({ scope: "h/o/r", files: [{ path, text: text.slice(0, mega) }], findings: [], storeMatches: [] });
  expect(graph.edges.length).toBeLessThan(6000);
  const known = new Set([...graph.identities, ...graph.nodes].map(({ id }) => id));
  expect(graph.edges.filter(({ from, to }) => !known.has(from) || !known.has(to))).toEqual([]);
});

test("names that code, crews and workflows give are text on every surface", () => {
  const name = 'x"] --> y\u001b[31m\u202e<img src=x>`';
  const files = [
    { path: "a.py", text: "from agents import Agent\na = Agent(name='x] --> y\\u001b[31m<img src=x>')\n" },
    { path: "agents.yaml", text: `${JSON.stringify(name)}: { role: r, goal: g, llm: openai/gpt }\n` },
    { path: "n8n/a.json", text: JSON.stringify({ name, nodes: [{ type: "@n8n/n8n-nodes-langchain.lmChatOpenAi" }] }) },
    { path: "langgraph.json", text: JSON.stringify({ graphs: { [name]: "./g.py:g" } }) },
  ];
  const graph = buildGraph({ scope: ".", files, findings: [], storeMatches: [] });
  expect(graph.identities.filter(({ kind, name: called }) => kind === "agent" && called.includes("<img")).length).toBe(4);
  const shown = identitiesText(graph) + graph.identities.map(({ id }) => explainText(id, graph) ?? "").join("");
  expect(shown).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/u);
  const drawn = mermaid(graph);
  expect(drawn).not.toMatch(/[<`\u001b\u202e]/u);
  expect(
    drawn
      .split("\n")
      .filter((line) => line.includes("img"))
      .every((line) => /^ {2}n\d+\(\["[^"\]]*"\]\)$/.test(line)),
  ).toBe(true);
});
