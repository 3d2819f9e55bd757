import { at, isObject, type LineContext, readJsonLines, roleOf, textOf } from "./jsonl.ts";
import type { TranscriptFormat } from "./leaf.ts";

/** `~/.claude/projects/<cwd>/<uuid>.jsonl`: an internal format of Claude Code, so everything in it is optional. */
export const claudeCode: TranscriptFormat = {
  id: "claude-code",
  takes: (path, head) =>
    /\.jsonl$/i.test(path) &&
    (/(?:^|\/)\.claude\/projects\//.test(path) || /"sessionId"\s*:\s*"/.test(head) || /"parentUuid"\s*:/.test(head)),
  read(text) {
    const tools = new Map<string, string>();
    return readJsonLines(text, (line) => context(line, tools));
  },
};

const types = new Set(["user", "assistant", "system", "summary", "attachment", "file-history-snapshot", "progress", "queue-operation"]);

function context(line: Readonly<Record<string, unknown>>, tools: Map<string, string>): LineContext | undefined {
  if (!types.has(String(line["type"]))) return undefined;
  const session = textOf(line["sessionId"]);
  const speaker = roleOf(at(line, ["message", "role"])) ?? roleOf(line["type"]);
  remember(at(line, ["message", "content"]), tools);
  return {
    ...(session === undefined ? {} : { session }),
    about(path) {
      if (path[0] === "toolUseResult") return { role: "tool" };
      if (path[0] !== "message" && !["summary", "content", "attachment"].includes(path[0] ?? "")) return undefined;
      const part = path[1] === "content" ? at(line, path.slice(0, 3)) : undefined;
      if (isObject(part) && part["type"] === "tool_result") {
        const tool = tools.get(String(part["tool_use_id"]));
        return { role: "tool", ...(tool === undefined ? {} : { tool }) };
      }
      const tool = isObject(part) && part["type"] === "tool_use" ? textOf(part["name"]) : undefined;
      return { ...(speaker === undefined ? {} : { role: speaker }), ...(tool === undefined ? {} : { tool }) };
    },
  };
}

/** Results name the call only by its id. */
function remember(content: unknown, tools: Map<string, string>): void {
  if (!Array.isArray(content) || tools.size > 10_000) return;
  for (const part of content) {
    const name = isObject(part) && part["type"] === "tool_use" ? textOf(part["name"]) : undefined;
    if (name !== undefined) tools.set(String(part["id"]), name);
  }
}
