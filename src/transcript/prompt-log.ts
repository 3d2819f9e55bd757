import { at, isObject, type LineContext, readEither, roleOf, textOf } from "./jsonl.ts";
import type { Role, TranscriptFormat } from "./leaf.ts";
import type { Speaker } from "./speaker.ts";

/**
 * One request a line: OpenAI messages, request logs (`request`, `response`), batches in and out (`body`), fine-tuning files,
 * Anthropic messages with `system`, ShareGPT `conversations`, Helicone's `request_body` and `response_body`. Told by their keys, since
 * the path says nothing.
 */
export const promptLog: TranscriptFormat = {
  id: "prompt-log",
  takes: (path, head) =>
    /\.(?:jsonl|ndjson|json)$/i.test(path) &&
    /"(?:messages|conversations|custom_id|choices|prompt|completion|input_messages|request_body|response_body)"\s*:/.test(head),
  read: (text, path) => readEither(text, path, context),
};

/** Where the speech of a line stands. */
const speech = new Set([
  "messages",
  "conversations",
  "prompt",
  "completion",
  "system",
  "input",
  "instructions",
  "choices",
  "content",
  "output",
  "tools",
  "response",
  "request",
  "body",
  "request_body",
  "response_body",
  "text",
]);

function context(line: unknown): LineContext | undefined {
  const one = isObject(line) ? line : {};
  if (!Array.isArray(line) && !Object.keys(one).some((key) => speech.has(key))) return undefined;
  const session = textOf(one["session_id"]) ?? textOf(one["conversation_id"]) ?? textOf(one["custom_id"]);
  return {
    ...(session === undefined ? {} : { session }),
    about(path) {
      return path.some((part) => speech.has(part)) ? aboutPath(line, path) : undefined;
    },
    inside: aboutPath,
  };
}

function aboutPath(value: unknown, path: readonly string[]): Speaker {
  const [role, tool] = [speaker(value, path), toolOf(value, path)];
  return { ...(role === undefined ? {} : { role }), ...(tool === undefined ? {} : { tool }) };
}

/** The nearest object above a string that has a role; a result of a tool is the tool's, whoever sends it. */
function speaker(line: unknown, path: readonly string[]): Role | undefined {
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const holder = at(line, path.slice(0, depth));
    if (!isObject(holder)) continue;
    if (holder["type"] === "tool_result" || holder["type"] === "function_call_output") return "tool";
    const role = roleOf(holder["role"]) ?? roleOf(holder["from"]);
    if (role !== undefined) return role;
  }
  if (path.includes("system") || path.includes("instructions") || path.includes("tools")) return "system";
  if (path.includes("completion") || path.includes("choices") || path.includes("response") || path.includes("response_body"))
    return "assistant";
  return path.includes("prompt") || path.includes("input") ? "user" : undefined;
}

/** The name beside a call: `tool_use` blocks, `tool_calls[].function`, messages of the role `tool`. */
function toolOf(line: unknown, path: readonly string[]): string | undefined {
  for (let depth = path.length - 1; depth > 0; depth--) {
    const holder = at(line, path.slice(0, depth));
    if (!isObject(holder)) continue;
    if (holder["type"] === "tool_use" || path[depth - 1] === "function" || holder["role"] === "tool" || holder["role"] === "function")
      return textOf(holder["name"]);
  }
  return undefined;
}
