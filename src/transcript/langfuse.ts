import { at, isObject, type LineContext, readEither, textOf } from "./jsonl.ts";
import type { TranscriptFormat } from "./leaf.ts";
import { speakerOf } from "./speaker.ts";

const kinds = "SPAN|GENERATION|EVENT|AGENT|TOOL|CHAIN|RETRIEVER|EVALUATOR|EMBEDDING|GUARDRAIL";

/** Traces and observations as Langfuse exports them, one a line or in one list: `input`, `output`, `metadata`. */
export const langfuse: TranscriptFormat = {
  id: "langfuse",
  takes: (path, head) =>
    /\.(?:jsonl|ndjson|json)$/i.test(path) &&
    (/"observations"\s*:\s*\[/.test(head) || (/"traceId"\s*:/.test(head) && new RegExp(`"type"\\s*:\\s*"(?:${kinds})"`).test(head))),
  read: (text, path) => readEither(text, path, context),
};

function context(value: unknown): LineContext {
  const session = isObject(value) ? (textOf(value["sessionId"]) ?? textOf(value["traceId"])) : undefined;
  return {
    ...(session === undefined ? {} : { session }),
    about(path) {
      const side = path.findLastIndex((part, index) => (part === "input" || part === "output") && isHolder(value, path.slice(0, index)));
      if (side === -1) return {};
      const said = speakerOf(value, path, side + 1);
      if (said.role !== undefined) return said;
      const holder = at(value, path.slice(0, side));
      const kind = isObject(holder) ? holder["type"] : undefined;
      const tool = isObject(holder) && (kind === "TOOL" || kind === "RETRIEVER") ? textOf(holder["name"]) : undefined;
      if (tool !== undefined) return { role: path[side] === "output" ? "tool" : "assistant", tool };
      return { role: path[side] === "output" ? "assistant" : "user" };
    },
    inside: (inner, path) => speakerOf(inner, path),
  };
}

/** A trace or an observation, not a value that has a field `input` of its own. */
function isHolder(value: unknown, path: readonly string[]): boolean {
  const holder = at(value, path);
  return isObject(holder) && ["observations", "traceId", "sessionId", "startTime", "timestamp"].some((key) => key in holder);
}
