import type { Finding } from "../../finding.ts";
import type { Judged } from "./report.ts";

export type Client = "claude-code" | "cursor" | "codex";

/** What a client's hook prints; `undefined` where there is nothing to say. */
export type Reply = Record<string, unknown> | undefined;

/** Findings of one text. Their `locator` counts bytes of that text. */
export type ScanText = (text: string) => readonly Finding[];

/**
 * The answer to one hook call. Credentials of high confidence block it, or are redacted where the client lets a hook replace a tool's
 * output; the rest warns. `onJudged` hears of the former. A prompt may carry `rekey:allow <reason>` on the line; a tool call may not, since a model writes it.
 */
export function answer(
  client: Client,
  event: Readonly<Record<string, unknown>>,
  scan: ScanText,
  allow: string | undefined,
  onJudged: (judged: Judged) => void = () => undefined,
): Reply {
  const name = String(event["hook_event_name"] ?? "");
  const input = subject(client, name, event);
  if (input === undefined) return undefined;
  const isPrompt = /prompt/i.test(name);
  const found = strings(input).flatMap((text) => scan(text));
  const counted = found.filter(({ allowed }) => !isPrompt || allowed === undefined || allowed === "");
  const sure = counted.filter(({ confidence }) => confidence === "high");
  if (found.length === 0) return undefined;
  if (sure.length === 0) return warning(client, `Rekey: perhaps a credential in this ${noun(name)}: ${titles(found)}`);
  const masked = name === "PostToolUse" && client === "claude-code";
  onJudged({
    client,
    where: noun(name),
    action: allow !== undefined ? "allowed" : masked ? "masked" : "blocked",
    findings: sure,
    ...named("session", event["session_id"] ?? event["conversation_id"]),
    ...named("tool", event["tool_name"]),
  });
  if (allow !== undefined) return warning(client, `Rekey: let through (REKEY_ALLOW: ${allow}): ${titles(sure)}`);
  return client === "cursor" ? cursor(name, sure) : claude(client, name, sure, () => redacted(input, scan));
}

function named<N extends "session" | "tool">(name: N, value: unknown): { readonly [key in N]?: string } {
  return (typeof value === "string" && value !== "" ? { [name]: value } : {}) as { readonly [key in N]?: string };
}

/** The part of the event that is about to leave, or that the model is about to read. */
function subject(client: Client, name: string, event: Readonly<Record<string, unknown>>): unknown {
  const fields: Readonly<Record<string, readonly string[]>> =
    client === "cursor"
      ? {
          beforeSubmitPrompt: ["prompt"],
          beforeShellExecution: ["command"],
          beforeMCPExecution: ["tool_input"],
          beforeReadFile: ["content"],
        }
      : { UserPromptSubmit: ["prompt"], PreToolUse: ["tool_input"], PostToolUse: ["tool_response"] };
  return fields[name]?.map((field) => event[field])[0];
}

function claude(client: Client, name: string, sure: readonly Finding[], redact: () => unknown): Reply {
  const reason = blocked(name, sure);
  if (name === "PreToolUse")
    return { hookSpecificOutput: { hookEventName: name, permissionDecision: "deny", permissionDecisionReason: reason } };
  if (name !== "PostToolUse" || client === "codex") return { decision: "block", reason };
  const told = `Rekey took ${titles(sure)} out of this tool's output.`;
  return { systemMessage: told, hookSpecificOutput: { hookEventName: name, updatedToolOutput: redact(), additionalContext: told } };
}

function cursor(name: string, sure: readonly Finding[]): Reply {
  const reason = blocked(name, sure);
  return name === "beforeSubmitPrompt"
    ? { continue: false, user_message: reason }
    : { permission: "deny", user_message: reason, agent_message: reason };
}

function warning(client: Client, text: string): Reply {
  return client === "cursor" ? { continue: true, permission: "allow", user_message: text } : { systemMessage: text };
}

function blocked(name: string, sure: readonly Finding[]): string {
  const once = /prompt/i.test(name)
    ? "write rekey:allow <reason> on its line"
    : 'start the client with REKEY_ALLOW="<reason>" in its environment';
  return `Rekey stopped this ${noun(name)}: it holds ${titles(sure)}. Take the value out and refer to a variable instead. If it must go: ${once}.`;
}

function noun(name: string): string {
  if (/prompt/i.test(name)) return "prompt";
  return name === "PostToolUse" ? "tool output" : name === "beforeReadFile" ? "file" : "tool call";
}

function titles(findings: readonly Finding[]): string {
  return [...new Set(findings.map(({ title }) => title))].slice(0, 5).join(", ");
}

function strings(value: unknown, depth = 0): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null || depth > 50) return [];
  return Object.values(value).flatMap((child) => strings(child, depth + 1));
}

/** The same structure, every credential of high confidence replaced by its name. */
function redacted(value: unknown, scan: ScanText, depth = 0): unknown {
  if (typeof value === "string") return withoutValues(value, scan);
  if (typeof value !== "object" || value === null) return value;
  if (depth > 50) return "[left out by Rekey: nested too deep]";
  if (Array.isArray(value)) return value.map((child) => redacted(child, scan, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, redacted(child, scan, depth + 1)]));
}

function withoutValues(text: string, scan: ScanText): string {
  const bytes = Buffer.from(text);
  let end = bytes.length;
  const parts: string[] = [];
  const sure = scan(text).filter(({ confidence }) => confidence === "high");
  for (const { locator, title } of sure.toSorted((a, b) => b.locator.byteEnd - a.locator.byteEnd)) {
    parts.unshift(`[${title}, taken out by Rekey]`, bytes.toString("utf8", Math.min(locator.byteEnd, end), end));
    end = Math.min(end, locator.byteStart);
  }
  return bytes.toString("utf8", 0, end) + parts.join("");
}
