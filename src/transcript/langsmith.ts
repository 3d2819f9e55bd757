import { at, isObject, type LineContext, readEither, textOf } from "./jsonl.ts";
import type { TranscriptFormat } from "./leaf.ts";
import { speakerOf } from "./speaker.ts";

/** Runs as LangSmith exports them, one a line or in one list: `inputs`, `outputs`, `run_type`, and the runs inside in `child_runs`. */
export const langSmith: TranscriptFormat = {
  id: "langsmith",
  takes: (path, head) => /\.(?:jsonl|ndjson|json)$/i.test(path) && /"(?:run_type|dotted_order)"\s*:/.test(head),
  read: (text, path) => readEither(text, path, context),
};

function context(value: unknown): LineContext {
  const session = isObject(value) ? (textOf(value["trace_id"]) ?? textOf(value["session_id"])) : undefined;
  return {
    ...(session === undefined ? {} : { session }),
    about(path) {
      const side = Math.max(path.lastIndexOf("inputs"), path.lastIndexOf("outputs"));
      if (side === -1) return {};
      const said = speakerOf(value, path, side + 1);
      if (said.role !== undefined) return said;
      const run = at(value, path.slice(0, side));
      const kind = isObject(run) ? run["run_type"] : undefined;
      const tool = isObject(run) && (kind === "tool" || kind === "retriever") ? textOf(run["name"]) : undefined;
      if (tool !== undefined) return { role: path[side] === "outputs" ? "tool" : "assistant", tool };
      return { role: path[side] === "outputs" ? "assistant" : "user" };
    },
    inside: (inner, path) => speakerOf(inner, path),
  };
}
