import { at, isObject, readJson, textOf } from "./jsonl.ts";
import type { TranscriptFormat } from "./leaf.ts";

/** VS Code's "Chat: Export" and its stored sessions: `requests[]` with `message` and `response` (unconfirmed, 2026-11). */
export const vsCodeChat: TranscriptFormat = {
  id: "vs-code-chat",
  takes: (path, head) => /\.json$/i.test(path) && /"(?:requesterUsername|responderUsername)"\s*:|"requests"\s*:\s*\[/.test(head),
  read: (text) =>
    readJson(text, (value, path) => {
      if (path[0] !== "requests") return {};
      if (path[2] !== "response") return { role: "user" };
      const part = at(value, path.slice(0, 4));
      const tool = isObject(part) ? textOf(part["toolId"]) : undefined;
      return tool === undefined ? { role: "assistant" } : { role: "tool", tool };
    }),
};
