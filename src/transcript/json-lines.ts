import { readJsonLines } from "./jsonl.ts";
import type { TranscriptFormat } from "./leaf.ts";

/** Any other file of one JSON object a line: application logs, traces, exports, where its strings hold text that is escaped. */
export const jsonLines: TranscriptFormat = {
  id: "json-lines",
  takes: (path, head) => /\.(?:jsonl|ndjson)$/i.test(path) && /^\s*\{.*\\["n]/s.test(head),
  read: (text) => readJsonLines(text, () => ({ about: () => ({}) })),
};
