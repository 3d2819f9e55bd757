/** A file as people write it, with one value under one name. `write` gets the name in snake case. */
export interface Host {
  readonly path: string;
  write(name: string, value: string): string;
}

const camel = (name: string) => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const upper = (name: string) => name.toUpperCase();
const title = (name: string) => camel(name).replace(/^./, (letter) => letter.toUpperCase());
/** `mistral` of `mistral_api_key`, and what stands behind it. */
const vendor = (name: string) => name.replace(tailPattern, "") || name;
const tail = (name: string) => tailPattern.exec(name)?.[0].slice(1) ?? "key";
const tailPattern = /_(?:api_key|access_key|secret_key|client_secret|secret|token|pat|password|key)$/;
const kebab = (name: string) => name.replaceAll("_", "-");

export const hosts: readonly Host[] = [
  {
    path: ".env",
    write: (name, value) => `NODE_ENV=production\nPORT=8080\n${upper(name)}=${value}\nLOG_LEVEL=info\n`,
  },
  { path: ".env.local", write: (name, value) => `# local only\nexport ${upper(name)}="${value}"\n` },
  {
    path: "config/default.json",
    write: (name, value) => `${JSON.stringify({ server: { port: 8080 }, [camel(name)]: value, retries: 3 }, null, 2)}\n`,
  },
  {
    path: "docker-compose.yml",
    write: (name, value) =>
      `services:\n  api:\n    image: acme/api:1.4.2\n    environment:\n      - TZ=UTC\n      - ${upper(name)}=${value}\n    ports: ["8080:8080"]\n`,
  },
  {
    path: "deploy/values.yaml",
    write: (name, value) => `replicas: 2\nenv:\n  ${upper(name)}: "${value}"\nresources:\n  memory: 512Mi\n`,
  },
  {
    path: "settings.toml",
    write: (name, value) => `[server]\nport = 8080\n\n[credentials]\n${name} = "${value}"\n`,
  },
  {
    path: "src/client.ts",
    write: (name, value) =>
      `import { createClient } from "./http";\n\nconst ${camel(name)} = "${value}";\nexport const client = createClient({ retries: 3 });\n`,
  },
  {
    path: "app/settings.py",
    write: (name, value) => `import os\n\nDEBUG = False\n${upper(name)} = os.environ.get("${upper(name)}", "${value}")\nTIMEOUT = 30\n`,
  },
  {
    path: "notebook.ipynb",
    write: (name, value) =>
      JSON.stringify(
        {
          cells: [{ cell_type: "code", source: ["import os\n", `os.environ["${upper(name)}"] = "${value}"\n`], outputs: [] }],
          nbformat: 4,
        },
        null,
        1,
      ),
  },
  {
    path: ".mcp.json",
    write: (name, value) =>
      JSON.stringify({ mcpServers: { search: { command: "npx", args: ["-y", "server"], env: { [upper(name)]: value } } } }, null, 2),
  },
  {
    path: "session.jsonl",
    write: (name, value) =>
      `${JSON.stringify({ type: "user", message: { role: "user", content: `set it up:\nexport ${upper(name)}='${value}'\nthen run make` } })}\n`,
  },
  {
    path: "build.log",
    write: (name, value) =>
      `2026-11-02T10:00:00Z INFO start\n2026-11-02T10:00:01Z DEBUG env ${upper(name)}=${value}\n2026-11-02T10:00:02Z INFO ready\n`,
  },
  { path: "deploy.sh", write: (name, value) => `#!/bin/sh\nset -e\n./run --${name.replaceAll("_", "-")} ${value} --region eu\n` },
  {
    path: "Program.cs",
    write: (name, value) => `public static class Keys\n{\n    public const string ${title(name)} = "${value}";\n}\n`,
  },
  {
    path: "config/services.yml",
    write: (name, value) =>
      `services:\n  ${name.replace(/_api_key$/, "")}:\n    url: https://api.acme.io/v1\n    timeout: 30\n    ${/_api_key$/.test(name) ? "api_key" : name}: ${value}\n`,
  },
  {
    path: "worker.log",
    write: (name, value) =>
      `${JSON.stringify({ level: "debug", msg: `request ${JSON.stringify({ [camel(name)]: value, retries: 2 })}`, time: 1762000000 })}\n`,
  },
  {
    path: "README.md",
    write: (name, value) =>
      `# Run it\n\n| variable | value |\n|---|---|\n| region | eu |\n\n    docker run -e ${upper(name)}=${value} -p 8080:8080 acme/api\n`,
  },
  {
    path: "k8s/deployment.yaml",
    write: (name, value) =>
      `    spec:\n      containers:\n        - env:\n            - name: ${upper(name)}\n              value: "${value}"\n`,
  },
  {
    path: "k8s/secret.yaml",
    write: (name, value) =>
      `apiVersion: v1\nkind: Secret\nmetadata:\n  name: api\ndata:\n  ${upper(name)}: ${Buffer.from(value).toString("base64")}\n`,
  },
  {
    path: ".github/workflows/ci.yml",
    write: (name, value) => `jobs:\n  test:\n    env:\n      ${upper(name)}: ${value}\n    steps:\n      - run: npm test\n`,
  },
  {
    path: "config/services.json",
    write: (name, value) =>
      `${JSON.stringify({ services: { [vendor(name)]: { url: "https://x.acme.io/v1", timeout: 30, [camel(tail(name))]: value } } }, null, 2)}\n`,
  },
  {
    path: "conf/app.toml",
    write: (name, value) => `[${vendor(name)}]\nurl = "https://x.acme.io"\n${tail(name)} = "${value}"\n`,
  },
  { path: "main.tf", write: (name, value) => `provider "${vendor(name)}" {\n  ${tail(name)} = "${value}"\n}\n` },
  { path: "Dockerfile", write: (name, value) => `FROM node:24\nENV ${upper(name)}=${value}\nRUN npm ci\n` },
  { path: "src/sdk.ts", write: (name, value) => `const client = new ${title(vendor(name))}({ apiKey: "${value}" });\n` },
  { path: "src/sdk.py", write: (name, value) => `import ${vendor(name)}\n\nclient = ${vendor(name)}.Client(api_key="${value}")\n` },
  {
    path: "call.sh",
    write: (name, value) =>
      `curl -sS https://api.${vendor(name).replaceAll("_", "")}.com/v1/items \\\n  -H "Authorization: Bearer ${value}" \\\n  -H "Accept: application/json"\n`,
  },
  {
    path: "docs/api.md",
    write: (name, value) => `    curl -H "X-Api-Key: ${value}" https://api.${vendor(name).replaceAll("_", "")}.com/v1/items\n`,
  },
  {
    path: "notes.txt",
    write: (name, value) => `https://api.${vendor(name).replaceAll("_", "")}.com/v1/items?api_key=${encodeURIComponent(value)}&limit=3\n`,
  },
  {
    path: "prompt.md",
    write: (name, value) =>
      `Please set up the integration.\nHere is my ${title(vendor(name))} ${tail(name).replaceAll("_", " ")}: ${value}\nThanks!\n`,
  },
  {
    path: "CLAUDE.md",
    write: (name, value) =>
      `## Access\n- the ${vendor(name).replaceAll("_", " ")} ${tail(name).replaceAll("_", " ")} is \`${value}\` (staging)\n`,
  },
  {
    path: "rollout-2026-11-02T10-00-00.jsonl",
    write: (name, value) =>
      `${JSON.stringify({ type: "response_item", payload: { type: "function_call", arguments: JSON.stringify({ command: ["bash", "-lc", `export ${upper(name)}="${value}" && npm test`] }) } })}\n`,
  },
  {
    path: ".cursor/mcp.json",
    write: (name, value) =>
      JSON.stringify(
        { mcpServers: { [vendor(name)]: { command: "npx", args: ["-y", `${kebab(vendor(name))}-mcp`, "--api-key", value] } } },
        null,
        2,
      ),
  },
  {
    path: ".vscode/mcp.json",
    write: (name, value) =>
      JSON.stringify(
        { servers: { [vendor(name)]: { type: "http", url: "https://mcp.acme.io", headers: { Authorization: `Bearer ${value}` } } } },
        null,
        2,
      ),
  },
];
