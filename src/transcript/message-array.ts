import { readJson } from "./jsonl.ts";
import type { TranscriptFormat } from "./leaf.ts";
import { speakerOf } from "./speaker.ts";

/** One JSON file of messages: Cline and Roo Code tasks, Gemini CLI chats, Continue sessions, OpenHands events, Amp threads, Cursor prompts. */
export const messageArray: TranscriptFormat = {
  id: "message-array",
  takes: (path) =>
    /(?:^|\/)(?:api_conversation_history|ui_messages)\.json$/.test(path) ||
    /(?:^|\/)\.gemini\/tmp\/[^/]+\/chats\/[^/]+\.json$/.test(path) ||
    /(?:^|\/)\.continue\/sessions\/[^/]+\.json$/.test(path) ||
    /(?:^|\/)\.openhands\/conversations\/[^/]+\/events\/[^/]+\.json$/.test(path) ||
    /(?:^|\/)amp\/threads\/[^/]+\.json$/.test(path) ||
    /(?:^|\/)\.cursor\/(?:.*\/)?prompt_history\.json$/.test(path),
  read: (text) => readJson(text, (value, path) => speakerOf(value, path)),
};
