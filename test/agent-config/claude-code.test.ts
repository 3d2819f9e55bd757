import { expect, test } from "vitest";
import { readAgentConfig } from "../../src/agent-config/index.ts";
import { slotLines } from "./slots.ts";

const servers = {
  github: {
    command: "/usr/bin/docker",
    args: ["run", "-i", "--rm", "-e", "GITHUB_TOKEN", "-e", "OTHER=v4lue", "-eTHIRD=th1rd", "image"],
    env: { GITHUB_TOKEN: `\${GH_TOKEN}`, PASSWORD: 'pa"$$w0rd', QUOTED: "$TOKEN", DEFAULTED: `\${KEY:-d3fault}` },
  },
  remote: {
    type: "http",
    url: `https://user:p%40ss@mcp.example.com/v1/s/Zk3tokentokentoken42x/mcp?api_key=k3y&mode=x&token=\${TOKEN}`,
    headers: { Authorization: "Bearer abc123", "X-Api-Key": "op://team/mcp/key" },
    headersHelper: "./helper.sh",
  },
  proxy: {
    command: "npx",
    args: [
      "mcp-remote",
      "https://h/sse",
      "--header",
      `Authorization: Bearer \${AUTH}`,
      "--api-key",
      "v1",
      "--token=v2",
      "-H",
      "X-Key: v3",
      "--port",
      "80",
    ],
  },
  shell: { command: "sh", args: ["-c", "API_KEY=v4 npx x --api-key v5 --header 'Authorization: Bearer v6' https://u:v7@h/"] },
};

const expected = [
  "github /mcpServers/github/args/4 names_only GITHUB_TOKEN [GITHUB_TOKEN] <GITHUB_TOKEN> = GITHUB_TOKEN",
  "github /mcpServers/github/args/6 literal OTHER [OTHER] = v4lue",
  "github /mcpServers/github/args/7 literal THIRD [THIRD] = th1rd",
  `github /mcpServers/github/env/GITHUB_TOKEN reference GITHUB_TOKEN [GITHUB_TOKEN] <GH_TOKEN> = \${GH_TOKEN}`,
  'github /mcpServers/github/env/PASSWORD literal PASSWORD [PASSWORD] = pa\\"$$w0rd',
  "github /mcpServers/github/env/QUOTED dead_reference QUOTED [QUOTED] <TOKEN> = $TOKEN",
  "github /mcpServers/github/env/DEFAULTED default_literal DEFAULTED [DEFAULTED] <KEY> = d3fault",
  "remote /mcpServers/remote/url literal password = p%40ss",
  "remote /mcpServers/remote/url literal path_token = Zk3tokentokentoken42x",
  "remote /mcpServers/remote/url literal api_key = k3y",
  `remote /mcpServers/remote/url reference token [TOKEN] <TOKEN> = \${TOKEN}`,
  "remote /mcpServers/remote/headers/Authorization literal Authorization = abc123",
  "remote /mcpServers/remote/headers/X-Api-Key reference X-Api-Key <op://team/mcp/key> = op://team/mcp/key",
  "remote /mcpServers/remote/headersHelper reference headersHelper <command:headersHelper> = ./helper.sh",
  `proxy /mcpServers/proxy/args/3 reference Authorization [AUTH] <AUTH> = \${AUTH}`,
  "proxy /mcpServers/proxy/args/5 literal api-key = v1",
  "proxy /mcpServers/proxy/args/6 literal token = v2",
  "proxy /mcpServers/proxy/args/8 literal X-Key = v3",
  "shell /mcpServers/shell/args/1 literal API_KEY [API_KEY] = v4",
  "shell /mcpServers/shell/args/1 literal api-key = v5",
  "shell /mcpServers/shell/args/1 literal Authorization = v6",
  "shell /mcpServers/shell/args/1 literal password = v7",
];

test("wrapped servers: every slot with its class and its place", () => {
  expect(slotLines(".mcp.json", JSON.stringify({ mcpServers: servers }, null, 2))).toEqual(expected);
});

test("the flat form has the same slots without the wrapper", () => {
  const flat = expected.map((line) => line.replace("/mcpServers/", "/"));
  expect(slotLines("sub/.mcp.json", JSON.stringify(servers))).toEqual(flat);
});

test("projects of ~/.claude.json", () => {
  const text = JSON.stringify({ projects: { "/home/me/x~y": { mcpServers: { s: { command: "x", env: { K: "v1" } } } } } });
  expect(slotLines("home/.claude.json", text)).toEqual(["s /projects/~1home~1me~1x~0y/mcpServers/s/env/K literal K [K] = v1"]);
});

test("env of settings.json is never expanded", () => {
  const text = JSON.stringify({
    apiKeyHelper: "/bin/key.sh",
    env: { ANTHROPIC_API_KEY: `\${KEY}`, ANTHROPIC_CUSTOM_HEADERS: "X-Key: v1" },
  });
  expect(slotLines(".claude/settings.local.json", text)).toEqual([
    "/apiKeyHelper reference apiKeyHelper <command:apiKeyHelper> = /bin/key.sh",
    `/env/ANTHROPIC_API_KEY dead_reference ANTHROPIC_API_KEY [ANTHROPIC_API_KEY] <KEY> = \${KEY}`,
    "/env/ANTHROPIC_CUSTOM_HEADERS literal ANTHROPIC_CUSTOM_HEADERS [ANTHROPIC_CUSTOM_HEADERS] = X-Key: v1",
  ]);
});

test("front matter of an agent file", () => {
  const text = "---\nname: é\nmcpServers:\n  s:\n    command: x\n    env:\n      K: 'it''s'\n      L: \"a\\u0062c\"\n---\nbody K: v\n";
  expect(slotLines(".claude/agents/a.md", text)).toEqual([
    "s /mcpServers/s/env/K literal K [K] = it''s",
    "s /mcpServers/s/env/L literal L [L] = a\\u0062c",
  ]);
});

test("servers have a place, a program and a host, and nothing that can hold a secret", () => {
  const config = readAgentConfig(".mcp.json", JSON.stringify({ mcpServers: servers }, null, 2));
  expect(
    config?.servers.map(({ name, pointer, startLine, endLine, command, url }) => ({ name, pointer, startLine, endLine, command, url })),
  ).toEqual([
    { name: "github", pointer: "/mcpServers/github", startLine: 3, endLine: 22, command: "docker", url: undefined },
    { name: "remote", pointer: "/mcpServers/remote", startLine: 23, endLine: 31, command: undefined, url: "https://mcp.example.com" },
    { name: "proxy", pointer: "/mcpServers/proxy", startLine: 32, endLine: 47, command: "npx", url: undefined },
    { name: "shell", pointer: "/mcpServers/shell", startLine: 48, endLine: 54, command: "sh", url: undefined },
  ]);
});

test("a file with a syntax error keeps what can be read, and says where it broke", () => {
  const text = '{\n "mcpServers": {\n  "s": { "command": "x", "env": { "K": "v1" } },\n  "t": { "env": { "L": oops } }\n';
  expect(slotLines(".mcp.json", text)).toEqual(["s /mcpServers/s/env/K literal K [K] = v1"]);
  expect(readAgentConfig(".mcp.json", text)?.problems[0]).toEqual({ message: "not valid JSON: InvalidSymbol", line: 4 });
});

test.each(["mcp.json.bak", ".mcp.jsonc", "src/mcp.ts", "claude/settings.json"])("%s is no file of this client", (path) => {
  expect(readAgentConfig(path, "{}")?.client).not.toBe("claude-code");
});
