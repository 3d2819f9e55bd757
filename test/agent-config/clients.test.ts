import { expect, test } from "vitest";
import { clients, readAgentConfig } from "../../src/agent-config/index.ts";
import { slotLines } from "./slots.ts";

const json = (value: unknown) => JSON.stringify(value, null, 1);
const server = (more: object) => json({ mcpServers: { s: { command: "x", ...more } } });

/** For each client: a file as people write it, and every slot in it with this client's grammar. */
const cases: [client: string, path: string, text: string, slots: string[]][] = [
  [
    "claude-desktop",
    "Library/Application Support/Claude/claude_desktop_config.json",
    server({ env: { A: `\${A}`, B: "v1" } }),
    [`s /mcpServers/s/env/A dead_reference A [A] <A> = \${A}`, "s /mcpServers/s/env/B literal B [B] = v1"],
  ],
  [
    "cursor",
    ".cursor/mcp.json",
    server({ env: { A: `\${env:X}`, B: `\${X}` }, auth: { CLIENT_ID: "id", CLIENT_SECRET: "v1" } }),
    [
      `s /mcpServers/s/env/A reference A [A] <X> = \${env:X}`,
      `s /mcpServers/s/env/B dead_reference B [B] <X> = \${X}`,
      "s /mcpServers/s/auth/CLIENT_SECRET literal CLIENT_SECRET = v1",
    ],
  ],
  [
    "vs-code",
    ".vscode/mcp.json",
    `{ // comment\n "inputs": [{ "type": "promptString", "id": "k", "password": true, "default": "v1" }],\n "servers": { "s": { "url": "https://h/?api_key=\${input:k}", "headers": { "X-Key": "Bearer \${env:K}" }, } } }`,
    [
      "/inputs/0/default literal k = v1",
      `s /servers/s/url reference api_key <input:k> = \${input:k}`,
      `s /servers/s/headers/X-Key reference X-Key [K] <K> = \${env:K}`,
    ],
  ],
  [
    "vs-code",
    "x.code-workspace",
    json({ settings: { mcp: { servers: { s: { command: "x", env: { K: "v1" } } } } } }),
    ["s /settings/mcp/servers/s/env/K literal K [K] = v1"],
  ],
  [
    "codex",
    "home/.codex/config.toml",
    `[mcp_servers.s]\ncommand = "x"\nenv = { A = "v1", B = "$B" }\nbearer_token_env_var = "TOKEN"\nenv_vars = ["V", { name = "W", source = "local" }]\nbearer_token = "v2"\n[mcp_servers.s.http_headers]\nAuthorization = "Bearer v3"\n[mcp_servers.s.env_http_headers]\n"X-Key" = "H"\n[mcp_servers.s.headers]\nX-Dead = "v4"\n[model_providers.p]\nenv_key = "P_KEY"\nexperimental_bearer_token = 'v5'\n`,
    [
      "s /mcp_servers/s/env/A literal A [A] = v1",
      "s /mcp_servers/s/env/B dead_reference B [B] <B> = $B",
      "s /mcp_servers/s/bearer_token_env_var names_only bearer_token_env_var [TOKEN] <TOKEN> = TOKEN",
      "s /mcp_servers/s/env_vars/0 names_only env_vars [V] <V> = V",
      "s /mcp_servers/s/env_vars/1/name names_only name [W] <W> = W",
      "s /mcp_servers/s/bearer_token literal bearer_token = v2",
      "s /mcp_servers/s/http_headers/Authorization literal Authorization = v3",
      "s /mcp_servers/s/env_http_headers/X-Key names_only X-Key [H] <H> = H",
      "s /mcp_servers/s/headers/X-Dead literal X-Dead = v4",
      "/model_providers/p/env_key names_only env_key [P_KEY] <P_KEY> = P_KEY",
      "/model_providers/p/experimental_bearer_token literal experimental_bearer_token = v5",
    ],
  ],
  ["codex", ".codex/auth.json", json({ OPENAI_API_KEY: "v1" }), ["/OPENAI_API_KEY literal OPENAI_API_KEY [OPENAI_API_KEY] = v1"]],
  ["copilot-cli", "home/.copilot/mcp-config.json", server({ env: { A: `\${X}` } }), [`s /mcpServers/s/env/A reference A [A] <X> = \${X}`]],
  [
    "copilot-agent",
    ".github/agents/a.md",
    `---\nmcp-servers:\n  s:\n    command: x\n    env:\n      A: $COPILOT_MCP_A\n      B: \${{ secrets.COPILOT_MCP_B }}\n      C: \${{ secrets.OTHER }}\n---\n`,
    [
      "s /mcp-servers/s/env/A reference A [A] <COPILOT_MCP_A> = $COPILOT_MCP_A",
      `s /mcp-servers/s/env/B reference B [B] <COPILOT_MCP_B> = \${{ secrets.COPILOT_MCP_B }}`,
      `s /mcp-servers/s/env/C dead_reference C [C] <OTHER> = \${{ secrets.OTHER }}`,
    ],
  ],
  [
    "windsurf",
    ".codeium/windsurf/mcp_config.json",
    json({ mcpServers: { s: { serverUrl: "https://h/?token=v1", headers: { K: `\${env:X}` } } } }),
    ["s /mcpServers/s/serverUrl literal token = v1", `s /mcpServers/s/headers/K reference K [X] <X> = \${env:X}`],
  ],
  [
    "zed",
    ".zed/settings.json",
    json({ context_servers: { s: { command: { path: "x", args: ["--api-key", "v1"], env: { K: `\${X}` } } } } }),
    ["s /context_servers/s/command/args/1 literal api-key = v1", `s /context_servers/s/command/env/K dead_reference K [K] <X> = \${X}`],
  ],
  ["cline", "x/cline_mcp_settings.json", server({ env: { A: `\${env:X}` } }), [`s /mcpServers/s/env/A reference A [A] <X> = \${env:X}`]],
  ["roo-code", ".roo/mcp.json", server({ args: ["--token", `\${env:X}`] }), [`s /mcpServers/s/args/1 reference token [X] <X> = \${env:X}`]],
  [
    "continue",
    ".continue/config.yaml",
    `models:\n  - apiKey: \${{ secrets.A }}\n    requestOptions: { headers: { X-Key: v1 } }\n  - apiKey: "v2"\nmcpServers:\n  - name: S\n    command: x\n    env:\n      K: >-\n        v3\n`,
    [
      `/models/0/apiKey reference apiKey [A] <A> = \${{ secrets.A }}`,
      "/models/0/requestOptions/headers/X-Key literal X-Key = v1",
      "/models/1/apiKey literal apiKey = v2",
      "S /mcpServers/0/env/K literal K [K] = v3",
    ],
  ],
  [
    "gemini-cli",
    ".gemini/settings.json",
    json({ mcpServers: { s: { httpUrl: "https://h", headers: { A: "Bearer $X", B: `\${Y:-v1}`, C: "pa$$w0rd", D: "%Z%" } } } }),
    [
      "s /mcpServers/s/headers/A reference A [X] <X> = $X",
      "s /mcpServers/s/headers/B default_literal B [Y] <Y> = v1",
      "s /mcpServers/s/headers/C literal C = pa$$w0rd",
      "s /mcpServers/s/headers/D reference D [Z] <Z> = %Z%",
    ],
  ],
  ["antigravity", ".gemini/antigravity/mcp_config.json", server({ env: { A: "v1" } }), ["s /mcpServers/s/env/A literal A [A] = v1"]],
  [
    "goose",
    ".config/goose/config.yaml",
    "extensions:\n  s:\n    cmd: x\n    envs:\n      A: v1\n    env_keys:\n      - B\n",
    ["s /extensions/s/envs/A literal A [A] = v1", "s /extensions/s/env_keys/0 names_only env_keys [B] <B> = B"],
  ],
  [
    "aider",
    ".aider.conf.yml",
    "anthropic-api-key: v1\napi-key:\n  - gemini=v2\nset-env:\n  - A_KEY=v3\n",
    ["/anthropic-api-key literal anthropic-api-key = v1", "/api-key/0 literal api-key = v2", "/set-env/0 literal A_KEY [A_KEY] = v3"],
  ],
  [
    "openhands",
    "config.toml",
    "[llm]\napi_key = 'v1'\n[llm.eval]\napi_key = \"v2\"\n",
    ["/llm/api_key literal api_key = v1", "/llm/eval/api_key literal api_key = v2"],
  ],
  [
    "opencode",
    "opencode.jsonc",
    `{ "provider": { "p": { "options": { "apiKey": "{env:K}" } } }, "mcp": { "s": { "type": "local", "command": ["x", "--api-key=v1"], "environment": { "A": "{file:~/k}" } } } }`,
    [
      "/provider/p/options/apiKey reference apiKey [K] <K> = {env:K}",
      "s /mcp/s/command/1 literal api-key = v1",
      "s /mcp/s/environment/A reference A [A] <file:~/k> = {file:~/k}",
    ],
  ],
  ["kiro", ".kiro/settings/mcp.json", server({ env: { A: "v1" } }), ["s /mcpServers/s/env/A literal A [A] = v1"]],
  ["amazon-q", "home/.aws/amazonq/mcp.json", server({ env: { A: "v1" } }), ["s /mcpServers/s/env/A literal A [A] = v1"]],
  ["junie", ".junie/mcp/mcp.json", server({ env: { A: "v1" } }), ["s /mcpServers/s/env/A literal A [A] = v1"]],
  [
    "litellm",
    "litellm/config.yaml",
    "model_list:\n  - litellm_params: { model: m, api_key: os.environ/K }\n  - litellm_params:\n      api_key: v1\ngeneral_settings:\n  master_key: v2\n  database_url: postgresql://u:v3@h/d\n",
    [
      "/model_list/0/litellm_params/api_key reference api_key [K] <K> = os.environ/K",
      "/model_list/1/litellm_params/api_key literal api_key = v1",
      "/general_settings/master_key literal master_key = v2",
      "/general_settings/database_url literal password = v3",
    ],
  ],
  ["langgraph", "langgraph.json", json({ env: { A: "v1" } }), ["/env/A literal A [A] = v1"]],
  [
    "crewai",
    "src/agents.yaml",
    "researcher:\n  role: r\n  mcps: ['https://mcp.exa.ai/mcp?api_key=v1']\n",
    ["/researcher/mcps/0 literal api_key = v1"],
  ],
  ["autogen", "OAI_CONFIG_LIST", json([{ model: "m", api_key: "v1" }]), ["/0/api_key literal api_key = v1"]],
  [
    "n8n",
    "n8n/workflow.json",
    json({
      nodes: [
        {
          parameters: {
            headerParameters: {
              parameters: [
                { name: "Authorization", value: "Bearer v1" },
                { name: "K", value: "={{ $env.X }}" },
              ],
            },
          },
        },
      ],
    }),
    [
      "/nodes/0/parameters/headerParameters/parameters/0/value literal Authorization = v1",
      "/nodes/0/parameters/headerParameters/parameters/1/value reference K [X] <X> = ={{ $env.X }}",
    ],
  ],
  [
    "mcp-registry",
    "server.json",
    '{"remotes": [{"headers": [{"name": "X-Key", "isSecret": true, "value": "v1"}, {"name": "X-Tier", "value": "v2"}]}]}',
    ["/remotes/0/headers/0/value literal X-Key = v1"],
  ],
  [
    "mcp-bundle",
    "manifest.json",
    `{"server": {"mcp_config": {"command": "node", "env": {"K": "$\{user_config.k}"}}}, "user_config": {"k": {"sensitive": true, "default": "v1"}}}`,
    [
      `mcp_config /server/mcp_config/env/K reference K [K] <user_config:k> = $\{user_config.k}`,
      "/user_config/k/default literal default = v1",
    ],
  ],
  [
    "dify",
    "dify/app.yml",
    "kind: app\nworkflow:\n  environment_variables:\n    - name: A_KEY\n      value_type: secret\n      value: v1\n",
    ["/workflow/environment_variables/0/value literal A_KEY [A_KEY] = v1"],
  ],
  [
    "promptfoo",
    "promptfooconfig.yaml",
    "providers:\n  - id: p\n    config: { apiKey: '{{env.K}}', apiKeyEnvar: E }\nenv:\n  A: v1\n",
    [
      "/providers/0/config/apiKey reference apiKey [K] <K> = {{env.K}}",
      "/providers/0/config/apiKeyEnvar names_only apiKeyEnvar [E] <E> = E",
      "/env/A literal A [A] = v1",
    ],
  ],
  [
    "prompty",
    "x.prompty",
    `---\nmodel:\n  configuration:\n    api_key: \${env:K:v1}\n---\nhi\n`,
    ["/model/configuration/api_key default_literal api_key [K] <K> = v1"],
  ],
  ["semantic-kernel", "appsettings.Development.json", json({ OpenAI: { ApiKey: "v1" } }), ["/OpenAI/ApiKey literal ApiKey = v1"]],
  [
    "kagent",
    "deploy/kagent.yaml",
    "kind: ModelConfig\nspec:\n  defaultHeaders: { X-Key: v1 }\n---\nkind: RemoteMCPServer\nspec:\n  headersFrom:\n    - name: Authorization\n      value: Bearer v2\n",
    ["/0/spec/defaultHeaders/X-Key literal X-Key = v1", "/1/spec/headersFrom/0/value literal Authorization = v2"],
  ],
  [
    "envoy-ai-gateway",
    "gateway/mcproute.yaml",
    "kind: MCPRoute\nspec:\n  backendRefs:\n    - securityPolicy: { apiKey: { inline: v1 } }\n",
    ["/spec/backendRefs/0/securityPolicy/apiKey/inline literal inline = v1"],
  ],
  [
    "flowise",
    "exports/My Chatflow.json",
    json({
      nodes: [{ data: { credential: "8e1f", inputs: { openAIApiKey: "v1", apiKey: "{{$vars.K}}", baseURL: "https://h/?key=v2" } } }],
    }),
    [
      "/nodes/0/data/inputs/openAIApiKey literal openAIApiKey = v1",
      "/nodes/0/data/inputs/apiKey reference apiKey [K] <K> = {{$vars.K}}",
      "/nodes/0/data/inputs/baseURL literal baseURL = https://h/?key=v2",
      "/nodes/0/data/inputs/baseURL literal key = v2",
    ],
  ],
  [
    "a2a",
    ".well-known/agent-card.json",
    json({ name: "a", url: "https://h/?token=v1", securitySchemes: { k: { apiKeySecurityScheme: { name: "X-Key" } } } }),
    ["/url literal token = v1"],
  ],
  [
    "claude-code",
    "home/.claude/.credentials.json",
    json({ claudeAiOauth: { accessToken: "v1", refreshToken: "v2", expiresAt: 1 } }),
    ["/claudeAiOauth/accessToken literal accessToken = v1", "/claudeAiOauth/refreshToken literal refreshToken = v2"],
  ],
  [
    "goose",
    "recipes/review.yaml",
    "title: Review\nextensions:\n  - type: stdio\n    name: gh\n    cmd: npx\n    envs: { A: v1 }\n    env_keys: [B]\n",
    ["gh /extensions/0/envs/A literal A [A] = v1", "gh /extensions/0/env_keys/0 names_only env_keys [B] <B> = B"],
  ],
  [
    "openhands",
    "config.toml",
    '[llm]\nmodel = "x"\n[mcp]\nstdio_servers = [{ name = "s", command = "npx", env = { A = "v1" } }]\nsse_servers = [{ url = "https://h/?api_key=v2" }]\n',
    ["/mcp/stdio_servers/0/env/A literal A [A] = v1", "/mcp/sse_servers/0/url literal api_key = v2"],
  ],
  [
    "n8n",
    "backup/n8n/credentials.json",
    json([{ id: "1", name: "x", type: "openAiApi", data: { apiKey: "v1", url: "https://h/?token=v2" } }]),
    ["/0/data/apiKey literal apiKey = v1", "/0/data/url literal url = https://h/?token=v2", "/0/data/url literal token = v2"],
  ],
  [
    "semantic-kernel",
    "Microsoft/UserSecrets/1f/secrets.json",
    json({ "OpenAI:ApiKey": "v1", AzureOpenAI: { ApiKey: "v2" } }),
    ["/OpenAI:ApiKey literal OpenAI:ApiKey = v1", "/AzureOpenAI/ApiKey literal ApiKey = v2"],
  ],
  [
    "mcp",
    "configs/my-mcp-servers.json",
    json({ servers: { s: { url: "https://h", headers: { K: `\${env:X}` } } } }),
    [`s /servers/s/headers/K reference K [X] <X> = \${env:X}`],
  ],
];

test.each(cases)("%s reads %s", (client, path, text, slots) => {
  expect(readAgentConfig(path, text)).toMatchObject({ client, problems: [] });
  expect(slotLines(path, text)).toEqual(slots);
});

test("every client has a case", () => {
  const tested = new Set([...cases.map(([client]) => client), "claude-code"]);
  expect(clients.map(({ id }) => id).filter((id) => !tested.has(id))).toEqual([]);
});

test.each([
  ["config.toml", "[package]\nname = 'x'\n"],
  ["config.yaml", "name: x\n"],
  ["docs/mcp.json", '{"title":"about"}'],
  ["package.json", '{"mcpServers":{}}'],
  ["src/server.ts", "const mcpServers = {}"],
])("%s without a client's shape is no agent config", (path, text) => {
  expect(readAgentConfig(path, text)).toBeUndefined();
});
