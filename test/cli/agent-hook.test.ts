import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { answer } from "../../src/cli/hook/agent-protocol.ts";
import { serve } from "../../src/cli/hook/agent-server.ts";
import { loadRuleset } from "../../src/config/detectors.ts";
import { scan } from "../../src/scan/scan.ts";
import { scopeSalt } from "../../src/secret.ts";
import { temporaryFolder } from "../source/repository.ts";
import { openRouterKey, rekey } from "./rekey.ts";

const ruleset = await loadRuleset();
const keyring = { tenant: [], salts: [scopeSalt(".")] };
const scanText = (text: string) => scan({ bytes: Buffer.from(text), origin: { kind: "stdin" } }, ruleset, keyring);
const key = openRouterKey();
const ask = (client: "claude-code" | "cursor" | "codex", event: Record<string, unknown>, allow?: string) =>
  answer(client, event, scanText, allow);

test("a prompt with a key is stopped in each client's own words, and never repeated", () => {
  const claude = ask("claude-code", { hook_event_name: "UserPromptSubmit", prompt: `use ${key} please` });
  expect(claude).toMatchObject({ decision: "block", reason: expect.stringContaining("it holds OpenRouter API key") });
  const cursor = ask("cursor", { hook_event_name: "beforeSubmitPrompt", prompt: `use ${key} please` });
  expect(cursor).toMatchObject({ continue: false });
  expect(JSON.stringify([claude, cursor])).not.toContain(key);
  expect(ask("codex", { hook_event_name: "UserPromptSubmit", prompt: "explain sk-or-v1 keys" })).toBeUndefined();
});

test("a reason on the line lets a prompt through, but not a tool call, which a model writes", () => {
  const text = `curl -H 'x: ${key}' # rekey:allow sandbox key`;
  expect(ask("claude-code", { hook_event_name: "UserPromptSubmit", prompt: text })).not.toHaveProperty("decision");
  const call = { hook_event_name: "PreToolUse", tool_name: "Bash", tool_input: { command: text } };
  expect(ask("claude-code", call)).toMatchObject({ hookSpecificOutput: { permissionDecision: "deny" } });
  expect(ask("claude-code", call, "sandbox key")).toMatchObject({ systemMessage: expect.stringContaining("REKEY_ALLOW: sandbox key") });
  expect(ask("cursor", { hook_event_name: "beforeShellExecution", command: text })).toMatchObject({ permission: "deny" });
});

test("tool output is redacted in place for Claude Code and withheld for Codex", () => {
  const event = { hook_event_name: "PostToolUse", tool_response: { stdout: `é A=${key}\nB=${key} end`, code: 0 } };
  expect(ask("claude-code", event)).toMatchObject({
    hookSpecificOutput: {
      updatedToolOutput: {
        stdout: "é A=[OpenRouter API key, taken out by Rekey]\nB=[OpenRouter API key, taken out by Rekey] end",
        code: 0,
      },
    },
  });
  expect(ask("codex", event)).toMatchObject({ decision: "block" });
});

test("install keeps everything else in the settings, twice is once, and uninstall restores them", () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, ".claude"));
  const file = join(folder, ".claude/settings.json");
  const before = '{\n  // mine\n  "model": "x",\n  "hooks": {\n    "Stop": [\n      {\n        "hooks": []\n      }\n    ]\n  }\n}\n';
  writeFileSync(file, before);
  rekey(folder, ["hook", "install", "--agent", "claude-code"]);
  const once = readFileSync(file, "utf8");
  expect(once).toContain("// mine");
  expect(once.match(/agent-client\.js/g)).toHaveLength(3);
  rekey(folder, ["hook", "install", "--agent", "claude-code"]);
  expect(readFileSync(file, "utf8")).toBe(once);
  rekey(folder, ["hook", "uninstall", "--agent", "claude-code"]);
  expect(readFileSync(file, "utf8")).toBe(before);
  rekey(folder, ["hook", "install", "--agent", "cursor"]);
  expect(JSON.parse(readFileSync(join(folder, ".cursor/hooks.json"), "utf8"))).toMatchObject({
    version: 1,
    hooks: { beforeReadFile: [{}] },
  });
  rekey(folder, ["hook", "uninstall", "--agent", "cursor"]);
  expect(existsSync(join(folder, ".cursor/hooks.json"))).toBe(false);
  writeFileSync(file, "{ broken");
  expect(rekey(folder, ["hook", "install", "--agent", "claude-code"])).toMatchObject({ status: 2 });
  expect(readFileSync(file, "utf8")).toBe("{ broken");
}, 60_000);

test("the client asks the resident process, whose socket is its user's alone, and goes on visibly without one", async () => {
  const folder = temporaryFolder();
  const { spawn } = await import("node:child_process");
  const { fileURLToPath } = await import("node:url");
  const script = fileURLToPath(new URL("../../src/cli/hook/agent-client.js", import.meta.url));
  const server = fileURLToPath(new URL("../../src/cli/hook/agent-server.ts", import.meta.url));
  const version = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;
  mkdirSync(join(folder, `rekey-${process.getuid?.()}`), { mode: 0o700 });
  const path = join(folder, `rekey-${process.getuid?.()}`, `agent-${version}-${Math.floor(statSync(server).mtimeMs)}.sock`);
  const call = (input: string) =>
    new Promise<string>((resolve) => {
      const child = spawn(process.execPath, [script, "claude-code"], { env: { XDG_RUNTIME_DIR: folder } });
      let text = "";
      child.stdout.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      child.on("close", () => resolve(text));
      child.stdin.end(input);
    });
  const stop = await serve(path);
  try {
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const prompt = { hook_event_name: "UserPromptSubmit", prompt: `use ${key}` };
    expect(JSON.parse(await call(JSON.stringify(prompt)))).toMatchObject({ decision: "block" });
    expect(await call(JSON.stringify({ ...prompt, prompt: "hello" }))).toBe("");
    expect(JSON.parse(await call("nonsense"))).toEqual({ systemMessage: "rekey: not scanned, the event is not the JSON of a hook" });
  } finally {
    stop();
  }
  expect(existsSync(path)).toBe(false);
}, 60_000);
