import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRouterKey } from "./finding.ts";

const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));
const key = openRouterKey();
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "rekey-identities-"));
  write(".git/config", '[remote "origin"]\n\turl = git@github.com:Acme/Triage.git\n');
  write(".mcp.json", JSON.stringify({ mcpServers: { openrouter: { command: "npx", env: { OPENROUTER_API_KEY: key } } } }, null, 2));
  write("CODEOWNERS", "/.mcp.json @mara\n");
  write("node_modules/x/.mcp.json", '{"mcpServers":{"other":{"command":"x"}}}');
  symlinkSync("/", join(folder, "loop"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("identities of a repository, as JSON", async () => {
  const { code, stdout, stderr } = await rekey("identities", folder, "--format", "json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).not.toContain(key);
  const { identities } = JSON.parse(stdout) as { identities: { id: string; owner: string }[] };
  expect(identities.map(({ id, owner }) => [id, owner])).toEqual([
    ["agent:github.com/acme/triage#.mcp.json#Claude Code", "@mara"],
    ["mcp-server:github.com/acme/triage#.mcp.json#openrouter", "@mara"],
  ]);
});

test("a scan says whose key it is", async () => {
  const { code, stdout } = await rekey("scan", folder, "--format", "json");
  expect(code).toBe(1);
  const { findings } = JSON.parse(stdout) as {
    findings: { location: { path: string }; slot: object; identities: { id: string; relation: string; grade: string }[] }[];
  };
  const finding = findings.find(({ location }) => location.path === ".mcp.json");
  expect(finding?.slot).toMatchObject({
    client: "claude-code",
    pointer: "/mcpServers/openrouter/env/OPENROUTER_API_KEY",
    kind: "literal",
    variable: "OPENROUTER_API_KEY",
  });
  expect(finding?.identities.map(({ id, relation, grade }) => `${id} ${relation} ${grade}`)).toEqual([
    "mcp-server:github.com/acme/triage#.mcp.json#openrouter used_by strong",
    "agent:github.com/acme/triage#.mcp.json#Claude Code used_by strong",
  ]);
});

test("the evidence of one identity", async () => {
  const { code, stdout } = await rekey("identities", folder, "--explain", "openrouter");
  expect(code).toBe(0);
  expect(stdout).toBe(`mcp-server  openrouter  owner @mara  .mcp.json:3
  id mcp-server:github.com/acme/triage#.mcp.json#openrouter
  credential OpenRouter API key used_by mcp-server openrouter  [strong, config-slot]
    The value stands in the slot OPENROUTER_API_KEY of MCP server openrouter. (.mcp.json:6)
  mcp-server openrouter owned_by owner @mara  [strong, codeowners]
    CODEOWNERS names @mara as the owner of .mcp.json. (CODEOWNERS:1)
  mcp-server openrouter used_by agent Claude Code  [strong, config-slot]
    Claude Code loads .mcp.json, which configures MCP server openrouter. (.mcp.json:3)
`);
});

test.each([
  [["--explain", "nobody"], "rekey: 'nobody' is no id or name here; rekey identities --format json lists all\n"],
  [["--format", "csv"], "error: option '--format <format>' argument 'csv' is invalid. Allowed choices are text, mermaid, json.\n"],
])("%j is exit code 2 with a sentence", async (options, message) => {
  const { code, stdout, stderr } = await rekey("identities", folder, ...options);
  expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: "", stderr: message });
});

test("a wrong declaration is named with its line, a wrong config of somebody else does not stop the list", async () => {
  write("sub/.cursor/mcp.json", "{ broken");
  write(".rekey/identities.yml", "version: 1\nidentities:\n  - kind: agent\n    nam: x\n");
  const wrong = await rekey("identities", folder);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain(".rekey/identities.yml:4: identities.0: unknown key 'nam'");
  write(".rekey/identities.yml", "version: 1\nidentities: []\n");
  const right = await rekey("identities", folder);
  expect(right.code).toBe(0);
  expect(right.stderr.split("\n")[0]).toBe("rekey identities: sub/.cursor/mcp.json:1: not valid JSON: InvalidSymbol");
});

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

async function rekey(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { PATH: process.env["PATH"], HOME: folder, CI: "true", NO_COLOR: "1" };
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [cli, ...args], { env })) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}
