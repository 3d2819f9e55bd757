import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { applyEdits, modify, type ParseError, parse } from "jsonc-parser";
import { ConfigError } from "../../errors.ts";
import type { Client } from "./agent-protocol.ts";

/** Where each client reads its hooks, below the project or the home folder, and the events that it lets a hook judge. */
const settings: Readonly<Record<Client, { file: string; events: readonly string[] }>> = {
  "claude-code": { file: ".claude/settings.json", events: ["UserPromptSubmit", "PreToolUse", "PostToolUse"] },
  codex: { file: ".codex/hooks.json", events: ["UserPromptSubmit", "PreToolUse", "PostToolUse"] },
  cursor: { file: ".cursor/hooks.json", events: ["beforeSubmitPrompt", "beforeShellExecution", "beforeMCPExecution", "beforeReadFile"] },
};

const script = fileURLToPath(new URL("./agent-client.js", import.meta.url));
const format = { formattingOptions: { insertSpaces: true, tabSize: 2 } };

export function installAgent(client: Client, user: boolean): void {
  const file = fileOf(client, user);
  let text = without(existsSync(file) ? readFileSync(file, "utf8") : client === "cursor" ? '{\n  "version": 1\n}\n' : "{}\n", file);
  for (const event of settings[client].events)
    text = applyEdits(text, modify(text, ["hooks", event, -1], entry(client, event), { ...format, isArrayInsertion: true }));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  process.stdout.write(`${file}: ${settings[client].events.join(", ")}\n`);
}

export function uninstallAgent(client: Client, user: boolean): void {
  const file = fileOf(client, user);
  if (!existsSync(file)) return void process.stdout.write(`${file}: no hook of rekey\n`);
  const text = without(readFileSync(file, "utf8"), file);
  const rest = Object.keys(parsed(text, file)).filter((key) => key !== "version");
  if (rest.length === 0) rmSync(file);
  else writeFileSync(file, text);
  process.stdout.write(`${file}: hooks of rekey removed\n`);
}

function entry(client: Client, event: string): object {
  const command = `${[process.execPath, script].map((part) => `'${part.replaceAll("'", "'\\''")}'`).join(" ")} ${client}`;
  if (client === "cursor") return { command };
  return { ...(event === "UserPromptSubmit" ? {} : { matcher: "*" }), hooks: [{ type: "command", command, timeout: 10 }] };
}

/** Everything but our entries, as it was written. */
function without(original: string, file: string): string {
  let text = original;
  const set = (path: (string | number)[]) => {
    text = applyEdits(text, modify(text, path, undefined, format));
  };
  const hooks = () => (parsed(text, file)["hooks"] ?? {}) as Record<string, unknown>;
  for (const [event, entries] of Object.entries(hooks())) {
    if (!Array.isArray(entries)) continue;
    const ours = entries.flatMap((one, at) => (JSON.stringify(one).includes("agent-client.js") ? [at] : []));
    if (ours.length > 0 && ours.length === entries.length) set(["hooks", event]);
    else for (const at of ours.toReversed()) set(["hooks", event, at]);
  }
  if (text !== original && Object.keys(hooks()).length === 0) set(["hooks"]);
  return text;
}

function parsed(text: string, file: string): Record<string, unknown> {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  const line = first === undefined ? 1 : text.slice(0, first.offset).split("\n").length;
  if (first !== undefined || typeof value !== "object" || value === null || Array.isArray(value))
    throw new ConfigError("expected a JSON object; nothing was changed", { file, line });
  return value as Record<string, unknown>;
}

function fileOf(client: Client, user: boolean): string {
  return user ? join(homedir(), settings[client].file) : resolve(settings[client].file);
}
