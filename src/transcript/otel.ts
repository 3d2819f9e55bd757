import { at, isObject, type LineContext, readEither, roleOf, textOf } from "./jsonl.ts";
import type { Role, TranscriptFormat } from "./leaf.ts";
import { speakerOf } from "./speaker.ts";

/**
 * Spans and logs of OpenTelemetry as OTLP/JSON, and spans of OpenInference: what was said stands in attributes, often as JSON in a
 * string (open-telemetry/semantic-conventions-genai v0.1.0, and the names before it).
 */
export const otel: TranscriptFormat = {
  id: "otel",
  takes: (path, head) =>
    /\.(?:jsonl|ndjson|json)$/i.test(path) &&
    /"(?:resource|scope)(?:Spans|Logs)"\s*:|"gen_ai\.[a-z_.]+"|"openinference\.span\.kind"|"llm\.(?:in|out)put_messages\b/.test(head),
  read: (text, path) => readEither(text, path, context),
};

function context(value: unknown): LineContext {
  return {
    about(path) {
      const { key, attributes } = attributeOf(value, path);
      if (key === undefined) return {};
      const named = (name: string) => textOf(attributes(name));
      const tool = /\btool\b/.test(key) ? named("gen_ai.tool.name") : undefined;
      const role = roleOf(named(key.replace(/\.content(?:$|\..*)/, ".role"))) ?? roleOfKey(key);
      return { ...(role === undefined ? {} : { role }), ...(tool === undefined ? {} : { tool }) };
    },
    inside: (inner, path) => speakerOf(inner, path),
  };
}

interface Attribute {
  readonly key: string | undefined;
  /** Another attribute beside it. */
  readonly attributes: (key: string) => unknown;
}

/** `{ key, value: { stringValue } }` in a list, or a member of a map of attributes. */
function attributeOf(value: unknown, path: readonly string[]): Attribute {
  const from = path.lastIndexOf("attributes");
  const holder = from === -1 ? undefined : at(value, path.slice(0, from + 1));
  if (Array.isArray(holder)) {
    const keyOf = (item: unknown) => (isObject(item) ? textOf(item["key"]) : undefined);
    const textIn = (item: unknown) => at(item, ["value", "stringValue"]);
    const attributes = (key: string) => textIn(holder.find((item) => keyOf(item) === key));
    return { key: path[from + 2] === "value" ? keyOf(holder[Number(path[from + 1])]) : undefined, attributes };
  }
  const parts = path.slice(from + 1);
  return {
    key: isObject(holder) ? parts.join(".") : undefined,
    attributes: (key) => (isObject(holder) ? (holder[key] ?? at(holder, key.split("."))) : undefined),
  };
}

function roleOfKey(key: string): Role | undefined {
  if (/tool\.(?:call\.)?(?:result|output)|retrieval\.documents/.test(key)) return "tool";
  if (/system_instructions|tool\.definitions/.test(key)) return "system";
  if (/\.output[._]|^output\.value|completion|tool\.(?:call\.arguments|parameters)/.test(key)) return "assistant";
  return /\.input[._]|^input\.value|prompt|query/.test(key) ? "user" : undefined;
}
