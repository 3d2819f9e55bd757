import { at, isObject, readJson, roleOf, textOf } from "./jsonl.ts";
import type { TranscriptFormat } from "./leaf.ts";

/** One JSON file of messages: Cline and Roo Code tasks, Gemini CLI chats, Continue sessions, OpenHands events. */
export const messageArray: TranscriptFormat = {
  id: "message-array",
  takes: (path) =>
    /(?:^|\/)(?:api_conversation_history|ui_messages)\.json$/.test(path) ||
    /(?:^|\/)\.gemini\/tmp\/[^/]+\/chats\/[^/]+\.json$/.test(path) ||
    /(?:^|\/)\.continue\/sessions\/[^/]+\.json$/.test(path) ||
    /(?:^|\/)\.openhands\/conversations\/[^/]+\/events\/[^/]+\.json$/.test(path),
  read: (text) =>
    readJson(text, (value, path) => {
      for (let depth = path.length - 1; depth >= 0; depth--) {
        const holder = at(value, path.slice(0, depth));
        if (!isObject(holder)) continue;
        if (holder["type"] === "tool_result") return { role: "tool" };
        const tool = holder["type"] === "tool_use" ? textOf(holder["name"]) : undefined;
        if (tool !== undefined) return { role: "assistant", tool };
        const role = roleOf(holder["role"] ?? holder["source"] ?? holder["type"]);
        if (role !== undefined) return { role };
      }
      return {};
    }),
};
