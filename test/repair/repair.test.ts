import { execFileSync, spawnSync } from "node:child_process";
import { stripTypeScriptTypes } from "node:module";
import { describe, expect, test } from "vitest";
import { repaired } from "./world.ts";

const server = (env: string) => `{\n  "mcpServers": {\n    "search": {\n      "command": "npx",\n      ${env}\n    }\n  }\n}\n`;
const env = server(`"env": { "OPENROUTER_API_KEY": "VALUE" }`);
const header = server(`"url": "https://h.example/mcp", "headers": { "Authorization": "Bearer VALUE" }`);

/** For each syntax: the file, the line or lines that change, and who is then seen to use the variable. */
const cases: [title: string, path: string, before: string, after: string, edge?: string][] = [
  ["Claude Code, env", ".mcp.json", env, env.replace("VALUE", `\${OPENROUTER_API_KEY}`), "OPENROUTER_API_KEY -> search"],
  ["Claude Code, header", ".mcp.json", header, header.replace("VALUE", `\${OPENROUTER_API_KEY}`), "OPENROUTER_API_KEY -> search"],
  [
    "Claude Code, default of a reference",
    ".mcp.json",
    server(`"env": { "K": "\${OPENROUTER_API_KEY:-VALUE}" }`),
    server(`"env": { "K": "\${OPENROUTER_API_KEY}" }`),
    "OPENROUTER_API_KEY -> search",
  ],
  ["Cursor", ".cursor/mcp.json", env, env.replace("VALUE", `\${env:OPENROUTER_API_KEY}`), "OPENROUTER_API_KEY -> search"],
  [
    "Cursor, query of a URL",
    ".cursor/mcp.json",
    server(`"url": "https://h.example/mcp?key=VALUE"`),
    server(`"url": "https://h.example/mcp?key=\${env:OPENROUTER_API_KEY}"`),
  ],
  ["Windsurf", ".codeium/windsurf/mcp_config.json", env, env.replace("VALUE", `\${env:OPENROUTER_API_KEY}`)],
  ["Gemini CLI", ".gemini/settings.json", env, env.replace("VALUE", `\${OPENROUTER_API_KEY}`)],
  [
    "opencode",
    "opencode.json",
    `{ "provider": { "p": { "options": { "apiKey": "VALUE" } } } }`,
    `{ "provider": { "p": { "options": { "apiKey": "{env:OPENROUTER_API_KEY}" } } } }`,
  ],
  [
    "Copilot coding agent",
    ".github/agents/a.md",
    `---\nmcp-servers:\n  s:\n    command: x\n    env:\n      OPENROUTER_API_KEY: VALUE\n---\n`,
    `---\nmcp-servers:\n  s:\n    command: x\n    env:\n      OPENROUTER_API_KEY: \${COPILOT_MCP_OPENROUTER_API_KEY}\n---\n`,
  ],
  [
    "Continue",
    ".continue/config.yaml",
    `models:\n  - name: m\n    apiKey: VALUE\n`,
    `models:\n  - name: m\n    apiKey: \${{ secrets.OPENROUTER_API_KEY }}\n`,
  ],
  [
    "LiteLLM",
    "litellm_config.yaml",
    `model_list:\n  - model_name: m\n    litellm_params:\n      api_key: "VALUE"\n`,
    `model_list:\n  - model_name: m\n    litellm_params:\n      api_key: "os.environ/OPENROUTER_API_KEY"\n`,
    "OPENROUTER_API_KEY -> LiteLLM proxy",
  ],
  [
    "n8n",
    "n8n/flow.json",
    `{ "name": "f", "nodes": [ { "parameters": { "queryParameters": { "parameters": [ { "name": "key", "value": "VALUE" } ] } } } ] }`,
    `{ "name": "f", "nodes": [ { "parameters": { "queryParameters": { "parameters": [ { "name": "key", "value": "={{ $env.OPENROUTER_API_KEY }}" } ] } } } ] }`,
  ],
  [
    "promptfoo, where YAML needs quotes",
    "promptfooconfig.yaml",
    `providers:\n  - id: p\n    config:\n      apiKey: VALUE\n`,
    `providers:\n  - id: p\n    config:\n      apiKey: "{{env.OPENROUTER_API_KEY}}"\n`,
  ],
  [
    "Codex, env in a line",
    ".codex/config.toml",
    `[mcp_servers.s]\ncommand = "x"\nenv = { OPENROUTER_API_KEY = "VALUE" }\n`,
    `[mcp_servers.s]\ncommand = "x"\nenv_vars = ["OPENROUTER_API_KEY"]\n`,
    "OPENROUTER_API_KEY -> s",
  ],
  [
    "Codex, env as a table",
    ".codex/config.toml",
    `[mcp_servers.s]\ncommand = "x"\n\n[mcp_servers.s.env]\nOPENROUTER_API_KEY = "VALUE"\n\n[other]\na = 1\n`,
    `[mcp_servers.s]\nenv_vars = ["OPENROUTER_API_KEY"]\ncommand = "x"\n\n\n[other]\na = 1\n`,
    "OPENROUTER_API_KEY -> s",
  ],
  [
    "Codex, bearer token",
    ".codex/config.toml",
    `[mcp_servers.s]\nurl = "https://h"\nbearer_token = "VALUE"\n`,
    `[mcp_servers.s]\nurl = "https://h"\nbearer_token_env_var = "OPENROUTER_API_KEY"\n`,
    "OPENROUTER_API_KEY -> s",
  ],
  [
    "Codex, header table",
    ".codex/config.toml",
    `[mcp_servers.s]\nurl = "https://h"\n[mcp_servers.s.http_headers]\nX-Key = "VALUE"\n`,
    `[mcp_servers.s]\nenv_http_headers = { X-Key = "OPENROUTER_API_KEY" }\nurl = "https://h"\n`,
    "OPENROUTER_API_KEY -> s",
  ],
  [
    "Codex, a header beside others, and a table of names",
    ".codex/config.toml",
    `[mcp_servers.s]\nurl = "https://h"\n[mcp_servers.s.http_headers]\nX-Region = "eu"\nX-Key = "VALUE"\n[mcp_servers.s.env_http_headers]\nX-Org = "ORG"\n`,
    `[mcp_servers.s]\nurl = "https://h"\n[mcp_servers.s.http_headers]\nX-Region = "eu"\n[mcp_servers.s.env_http_headers]\nX-Key = "OPENROUTER_API_KEY"\nX-Org = "ORG"\n`,
    "OPENROUTER_API_KEY -> s",
  ],
  [
    "Codex, env among others, and names that are passed already",
    ".codex/config.toml",
    `[mcp_servers.s]\ncommand = "x"\nenv_vars = ["HOME"]\n[mcp_servers.s.env]\nLEVEL = "info"\nOPENROUTER_API_KEY = "VALUE"\n`,
    `[mcp_servers.s]\ncommand = "x"\nenv_vars = ["HOME", "OPENROUTER_API_KEY"]\n[mcp_servers.s.env]\nLEVEL = "info"\n`,
    "OPENROUTER_API_KEY -> s",
  ],
  [
    "Codex, env among others in a line",
    ".codex/config.toml",
    `[mcp_servers.s]\nenv = { LEVEL = "info", OPENROUTER_API_KEY = "VALUE", N = 1 }\ncommand = "x"\n`,
    `[mcp_servers.s]\nenv = { LEVEL = "info", N = 1 }\nenv_vars = ["OPENROUTER_API_KEY"]\ncommand = "x"\n`,
    "OPENROUTER_API_KEY -> s",
  ],
  [
    "Codex, env of a server that has no other table",
    ".codex/config.toml",
    `[mcp_servers.s.env]\nLEVEL = "info"\nOPENROUTER_API_KEY = "VALUE"\n`,
    `[mcp_servers.s]\nenv_vars = ["OPENROUTER_API_KEY"]\n\n[mcp_servers.s.env]\nLEVEL = "info"\n`,
    "OPENROUTER_API_KEY -> s",
  ],
  [
    "Codex, model provider",
    ".codex/config.toml",
    `[model_providers.p]\nexperimental_bearer_token = 'VALUE'\n`,
    `[model_providers.p]\nenv_key = "OPENROUTER_API_KEY"\n`,
  ],
  [
    "GitHub Actions, env",
    ".github/workflows/ci.yml",
    `on: push\njobs:\n  build:\n    runs-on: x\n    env:\n      OPENROUTER_API_KEY: VALUE\n    steps: []\n`,
    `on: push\njobs:\n  build:\n    runs-on: x\n    env:\n      OPENROUTER_API_KEY: \${{ secrets.OPENROUTER_API_KEY }}\n    steps: []\n`,
    "OPENROUTER_API_KEY -> build",
  ],
  [
    "GitHub Actions, script",
    ".github/workflows/ci.yml",
    `on: push\njobs:\n  build:\n    steps:\n      - run: |\n          curl -H 'Authorization: Bearer VALUE' https://h\n`,
    `on: push\njobs:\n  build:\n    steps:\n      - run: |\n          curl -H 'Authorization: Bearer \${{ secrets.OPENROUTER_API_KEY }}' https://h\n`,
    "OPENROUTER_API_KEY -> build",
  ],
  [
    "Compose, map",
    "compose.yaml",
    `services:\n  bot:\n    environment:\n      OPENROUTER_API_KEY: "VALUE"\n`,
    `services:\n  bot:\n    environment:\n      OPENROUTER_API_KEY: "\${OPENROUTER_API_KEY}"\n`,
    "OPENROUTER_API_KEY -> bot",
  ],
  [
    "Compose, list",
    "docker-compose.yml",
    `services:\n  bot:\n    environment:\n      - OPENROUTER_API_KEY=VALUE\n`,
    `services:\n  bot:\n    environment:\n      - OPENROUTER_API_KEY=\${OPENROUTER_API_KEY}\n`,
    "OPENROUTER_API_KEY -> bot",
  ],
  [
    "Compose, flow map",
    "compose.yaml",
    `services: { bot: { environment: { OPENROUTER_API_KEY: VALUE } } }\n`,
    `services: { bot: { environment: { OPENROUTER_API_KEY: "\${OPENROUTER_API_KEY}" } } }\n`,
    "OPENROUTER_API_KEY -> bot",
  ],
  [
    "Kubernetes",
    "k8s/bot.yaml",
    `apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: bot\nspec:\n  template:\n    spec:\n      containers:\n        - name: bot\n          env:\n            - name: OPENROUTER_API_KEY\n              value: "VALUE"\n            - name: B\n              value: c\n`,
    `apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: bot\nspec:\n  template:\n    spec:\n      containers:\n        - name: bot\n          env:\n            - name: OPENROUTER_API_KEY\n              valueFrom:\n                secretKeyRef:\n                  name: bot-secrets\n                  key: OPENROUTER_API_KEY\n            - name: B\n              value: c\n`,
    "kubernetes/default/bot-secrets OPENROUTER_API_KEY -> Deployment/bot",
  ],
  [
    "Kubernetes, in flow style",
    "k8s/bot.yaml",
    `apiVersion: v1\nkind: Pod\nmetadata: { name: bot }\nspec:\n  containers:\n    - name: bot\n      env: [{ name: OPENROUTER_API_KEY, value: VALUE }]\n`,
    `apiVersion: v1\nkind: Pod\nmetadata: { name: bot }\nspec:\n  containers:\n    - name: bot\n      env: [{ name: OPENROUTER_API_KEY, valueFrom: { secretKeyRef: { name: bot-secrets, key: OPENROUTER_API_KEY } } }]\n`,
    "kubernetes/default/bot-secrets OPENROUTER_API_KEY -> Pod/bot",
  ],
  [
    "Helm, values",
    "charts/bot/values.yaml",
    `replicas: 1\nenv:\n  - name: OPENROUTER_API_KEY\n    value: VALUE\n`,
    `replicas: 1\nenv:\n  - name: OPENROUTER_API_KEY\n    valueFrom:\n      secretKeyRef:\n        name: bot-secrets\n        key: OPENROUTER_API_KEY\n`,
    "OPENROUTER_API_KEY -> chart bot",
  ],
  [
    "Helm, template",
    "charts/bot/templates/deployment.yaml",
    `apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ .Release.Name }}-bot\nspec:\n  template:\n    spec:\n      containers:\n        - name: bot\n          env:\n            - name: OPENROUTER_API_KEY\n              value: VALUE\n          {{- with .Values.more }}\n          {{- end }}\n`,
    `apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ .Release.Name }}-bot\nspec:\n  template:\n    spec:\n      containers:\n        - name: bot\n          env:\n            - name: OPENROUTER_API_KEY\n              valueFrom:\n                secretKeyRef:\n                  name: bot-secrets\n                  key: OPENROUTER_API_KEY\n          {{- with .Values.more }}\n          {{- end }}\n`,
  ],
  [
    "Terraform",
    "main.tf",
    `resource "aws_lambda_function" "bot" {\n  environment {\n    variables = {\n      OPENROUTER_API_KEY = "VALUE"\n    }\n  }\n}\n`,
    `resource "aws_lambda_function" "bot" {\n  environment {\n    variables = {\n      OPENROUTER_API_KEY = var.openrouter_api_key\n    }\n  }\n}\n\nvariable "openrouter_api_key" {\n  type      = string\n  sensitive = true\n}\n`,
    "OPENROUTER_API_KEY -> aws_lambda_function.bot",
  ],
  [
    "Terraform, part of a string",
    "main.tf",
    `locals {\n  header = "Bearer VALUE"\n}\nvariable "openrouter_api_key" {}\n`,
    `locals {\n  header = "Bearer \${var.openrouter_api_key}"\n}\nvariable "openrouter_api_key" {}\n`,
  ],
  [
    "Terraform, values",
    "prod.tfvars",
    `region = "eu"\nrouter_key = "VALUE"\n`,
    `region = "eu"\n# router_key: set TF_VAR_router_key where Terraform runs\n`,
  ],
  [".env", ".env", `A=1\nOPENROUTER_API_KEY="VALUE"\nB=2\n`, `A=1\nOPENROUTER_API_KEY=\nB=2\n`],
  [
    ".envrc",
    ".envrc",
    `export OPENROUTER_API_KEY=VALUE\n`,
    `export OPENROUTER_API_KEY="\${OPENROUTER_API_KEY:?set OPENROUTER_API_KEY in the environment}"\n`,
  ],
  [
    "shell, in double quotes",
    "run.sh",
    `#!/bin/sh\ncurl -H "Authorization: Bearer VALUE" https://h\n`,
    `#!/bin/sh\ncurl -H "Authorization: Bearer \${OPENROUTER_API_KEY}" https://h\n`,
  ],
  [
    "shell, in single quotes",
    "run.sh",
    `curl -H 'Authorization: Bearer VALUE' https://h\n`,
    `curl -H 'Authorization: Bearer '"\${OPENROUTER_API_KEY}"'' https://h\n`,
  ],
  [
    "Python",
    "bot.py",
    `"""Doc."""\nfrom openai import OpenAI\n\nclient = OpenAI(api_key="VALUE")\n`,
    `"""Doc."""\nimport os\nfrom openai import OpenAI\n\nclient = OpenAI(api_key=os.environ["OPENROUTER_API_KEY"])\n`,
  ],
  [
    "Python, part of a string",
    "bot.py",
    `import os\nheaders = {"Authorization": "Bearer VALUE"}\n`,
    `import os\nheaders = {"Authorization": f"Bearer {os.environ['OPENROUTER_API_KEY']}"}\n`,
  ],
  [
    "Python, the default of a variable",
    "bot.py",
    `import os\nkey = os.getenv("ROUTER_KEY", "VALUE")\n`,
    `import os\nkey = os.environ["ROUTER_KEY"]\n`,
  ],
  [
    "TypeScript",
    "bot.ts",
    `const client = new OpenAI({ apiKey: "VALUE" });\n`,
    `const client = new OpenAI({ apiKey: process.env.OPENROUTER_API_KEY });\n`,
  ],
  [
    "JavaScript, part of a string",
    "bot.mjs",
    `const h = { authorization: 'Bearer VALUE' };\n`,
    `const h = { authorization: \`Bearer \${process.env.OPENROUTER_API_KEY}\` };\n`,
  ],
  [
    "JavaScript, a template",
    "bot.mjs",
    `const h = \`Bearer VALUE \${x}\`;\n`,
    `const h = \`Bearer \${process.env.OPENROUTER_API_KEY} \${x}\`;\n`,
  ],
  [
    "TypeScript, the default of a variable",
    "bot.ts",
    `const key = process.env.ROUTER_KEY ?? "VALUE";\n`,
    `const key = process.env.ROUTER_KEY;\n`,
  ],
  [
    "JSX, an attribute",
    "a.tsx",
    `export const A = () => <Chat apiKey="VALUE" />;\n`,
    `export const A = () => <Chat apiKey={process.env.OPENROUTER_API_KEY} />;\n`,
  ],
  [
    "Go",
    "main.go",
    `package main\n\nimport (\n\t"fmt"\n)\n\nfunc main() { fmt.Println("Bearer VALUE") }\n`,
    `package main\n\nimport (\n\t"os"\n\t"fmt"\n)\n\nfunc main() { fmt.Println("Bearer " + os.Getenv("OPENROUTER_API_KEY")) }\n`,
  ],
  [
    "Go, a constant",
    "main.go",
    `package main\n\nimport "os"\n\nconst key = "VALUE"\n`,
    `package main\n\nimport "os"\n\nvar key = os.Getenv("OPENROUTER_API_KEY")\n`,
  ],
  ["Ruby", "a.rb", `key = "VALUE"\n`, `key = ENV.fetch("OPENROUTER_API_KEY")\n`],
  ["Java", "A.java", `class A { String key = "VALUE"; }\n`, `class A { String key = System.getenv("OPENROUTER_API_KEY"); }\n`],
];

test.each(cases)("%s", (_, path, before, after, edge) => {
  const { repair, text, left, edges } = repaired(path, before);
  expect(repair).not.toHaveProperty("none");
  expect(text).toBe(after);
  expect(left).toEqual([]);
  if (edge !== undefined) expect(edges).toContain(edge);
});

const python = spawnSync("python3", ["--version"]).status === 0;
const parses: readonly (readonly [RegExp, (text: string) => void])[] = [
  [
    /\.py$/,
    (text) =>
      void (python && execFileSync("python3", ["-c", "import ast, sys; ast.parse(sys.stdin.read())"], { input: text, stdio: "pipe" })),
  ],
  [/\.sh$|\.envrc$/, (text) => void execFileSync("sh", ["-n"], { input: text, stdio: "pipe" })],
  [/\.m?[jt]s$/, (text) => void stripTypeScriptTypes(text)],
];

test.each(
  cases.flatMap(([title, path, before]) =>
    parses.flatMap(([files, parse]) => (files.test(path) ? [[title, path, before, parse] as const] : [])),
  ),
)("%s: the language's own parser takes the result", (_, path, before, parse) => parse(repaired(path, before).text));

test.each(cases)("%s, with Windows line ends", (_, path, before, after) => {
  const crlf = (text: string) => text.replaceAll("\n", "\r\n");
  const { text, left } = repaired(path, crlf(before));
  expect(text).toBe(crlf(after));
  expect(left).toEqual([]);
});

test("VS Code: a prompt beside the servers, once for each", () => {
  const before = `{\n  // servers of the team\n  "servers": {\n    "s": { "command": "x", "env": { "OPENROUTER_API_KEY": "VALUE" } }\n  }\n}\n`;
  const { text, left } = repaired(".vscode/mcp.json", before);
  expect(left).toEqual([]);
  expect(text).toContain(`"OPENROUTER_API_KEY": "\${input:openrouter-api-key}"`);
  expect(text).toContain("// servers of the team");
  expect(text.match(/"password": true/g)).toHaveLength(1);
  const known = repaired(
    ".vscode/mcp.json",
    before.replace('"servers"', '"inputs": [{ "id": "openrouter-api-key", "type": "promptString", "password": true }],\n  "servers"'),
  );
  expect(known.text.match(/"password": true/g)).toHaveLength(1);
});

describe("where no safe rewrite is known it says so", () => {
  test.each([
    ["Claude Desktop", "claude_desktop_config.json", env, "expands no references"],
    ["a client that is not known", "tools/mcp-servers.json", env, "which client reads this file is not known"],
    ["Claude Code's settings", ".claude/settings.json", `{ "env": { "OPENROUTER_API_KEY": "VALUE" } }`, "apiKeyHelper"],
    [
      "LiteLLM, part of a value",
      "litellm_config.yaml",
      `model_list:\n  - litellm_params:\n      extra_headers:\n        X-Title: "a VALUE"\n`,
      "",
    ],
    [
      "Codex, a bearer header",
      ".codex/config.toml",
      `[mcp_servers.s]\n[mcp_servers.s.http_headers]\nAuthorization = "Bearer VALUE"\n`,
      "bearer_token_env_var",
    ],
    [
      "a condition of a workflow",
      ".github/workflows/ci.yml",
      `jobs:\n  a:\n    if: "'VALUE' != ''"\n    steps: []\n`,
      "gives no secrets to this key",
    ],
    ["a backend of Terraform", "main.tf", `terraform {\n  backend "http" {\n    password = "VALUE"\n  }\n}\n`, "backend"],
    ["a comment of a workflow", ".github/workflows/ci.yml", `jobs:\n  a:\n    steps: [] # VALUE\n`, "comment"],
    ["a comment of a program", "a.py", `x = 1  # VALUE\n`, "comment"],
    [
      "a Secret in git",
      "s.yaml",
      `apiVersion: v1\nkind: Secret\nmetadata: { name: s }\nstringData:\n  OPENROUTER_API_KEY: VALUE\n`,
      "ExternalSecret|Secret",
    ],
    ["adjacent strings", "a.py", `x = ("VALUE"\n     "more")\n`, "goes on in another"],
    ["a name of a property", "a.ts", `const a = { "VALUE": 1 };\n`, "name of a property"],
    ["code for browsers", "a.ts", `const base = import.meta.env.BASE;\nconst key = "VALUE";\n`, "browsers"],
    ["a block of constants", "a.go", `package a\n\nconst (\n\tkey = "VALUE"\n)\n`, "constant"],
    ["a quoted here-document", "a.sh", `cat <<'EOF'\nkey VALUE\nEOF\n`, "here-document"],
    ["an image", "Dockerfile", `FROM x\nENV OPENROUTER_API_KEY=VALUE\n`, "--mount=type=secret"],
    ["prose", "README.md", `Use VALUE as the key.\n`, "prose"],
    ["a file of nobody", "settings.ini", `key = VALUE\n`, "no reader of this file"],
  ])("%s", (_, path, before, said) => {
    const { repair, text, left } = repaired(path, before);
    expect(repair).toHaveProperty("none");
    if ("none" in repair) expect(repair.none).toMatch(new RegExp(said));
    expect(left).toHaveLength(1);
    expect(JSON.stringify(repair)).not.toContain("sk-or-v1-");
    expect(text).toContain("sk-or-v1-");
  });
});

test.each([
  ["a name that is an injection", `{ "mcpServers": { "s": { "command": "x", "env": { "A$(id)": "VALUE" } } } }`],
  ["a name with a line break", `{ "mcpServers": { "s": { "command": "x", "env": { "A\\nB": "VALUE" } } } }`],
  ["a server called like a place of the file", `{ "mcpServers": { "a/b~c": { "command": "x", "env": { "__proto__": "VALUE" } } } }`],
])("%s never reaches the new line", (_, before) => {
  const { repair, text } = repaired(".mcp.json", before);
  if ("edits" in repair) {
    expect(repair.name).toMatch(/^[A-Za-z_][A-Za-z0-9_]*$/);
    expect(text).toContain(`\${${repair.name}}`);
  } else expect(repair.none).not.toBe("");
});
