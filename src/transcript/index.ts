import { aider } from "./aider.ts";
import { claudeCode } from "./claude-code.ts";
import { codex } from "./codex.ts";
import { jsonLines } from "./json-lines.ts";
import { langfuse } from "./langfuse.ts";
import { langSmith } from "./langsmith.ts";
import type { Leaf, Reading, TranscriptFormat } from "./leaf.ts";
import { messageArray } from "./message-array.ts";
import { notebook } from "./notebook.ts";
import { otel } from "./otel.ts";
import { promptLog } from "./prompt-log.ts";
import { vsCodeChat } from "./vs-code-chat.ts";

export type { Leaf, Reading, Role, TranscriptFormat } from "./leaf.ts";

/** Every transcript format that Rekey reads: one line each. The first that takes a file has it. */
export const formats: readonly TranscriptFormat[] = [
  claudeCode,
  codex,
  aider,
  messageArray,
  notebook,
  vsCodeChat,
  otel,
  langSmith,
  langfuse,
  promptLog,
  jsonLines,
];

/** A JSON file that could be an export says so in its name: a repository has too many others to open them all. */
const exported =
  "(?:^|[\\/._ -])(?:langsmith|langfuse|helicone|phoenix|openinference|otel|otlp|opentelemetry|traces?|spans?|runs?|observations|generations|chats?|conversations?|transcripts?|sessions?|threads?|prompt[_-]history|prompt[_-]?logs?|completions?|requests?)(?:[._ -][^\\/]*)?\\.json$";

/** Nothing else can be a transcript; asked before any text is decoded. */
const candidate = new RegExp(
  [
    "\\.(?:jsonl|ndjson|ipynb)$",
    "\\.aider\\.(?:chat\\.history\\.md|input\\.history|llm\\.history)$",
    "(?:api_conversation_history|ui_messages)\\.json$",
    "\\.(?:gemini|continue|openhands)[\\/].*\\.json$",
    "(?:amp[\\/]threads|chatSessions)[\\/][^\\/]*\\.json$",
    exported,
  ].join("|"),
  "i",
);

/** Whether a file of this path can be a transcript, whatever it holds. */
export function mayBeTranscript(path: string): boolean {
  return candidate.test(path);
}

/** How much of a file tells its format. */
const headLength = 4096;

/** The format of a file by its path, and its start where the path does not tell. */
export function transcriptFor(path: string, head: string): TranscriptFormat | undefined {
  if (!candidate.test(path)) return undefined;
  return formats.find((format) => format.takes(path.replaceAll("\\", "/"), head.slice(0, headLength)));
}

/** What was said in a transcript, in order, or undefined where the file is none. Never throws. */
export function readTranscript(path: string, text: string | (() => string), head?: () => string): Iterable<Leaf> | undefined {
  return openTranscript(path, text, head)?.leaves;
}

/** As `readTranscript`, with the number of lines that were not of the format. `head` spares the decoding of a file that is none. */
export function openTranscript(
  path: string,
  text: string | (() => string),
  head?: () => string,
): (Reading & { readonly format: string }) | undefined {
  if (!candidate.test(path)) return undefined;
  const whole = () => (typeof text === "string" ? text : text());
  const format = transcriptFor(path, head?.() ?? whole());
  return format === undefined ? undefined : { format: format.id, ...format.read(whole(), path) };
}
