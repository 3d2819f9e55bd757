import { at, type LineContext, readJsonLines, roleOf, textOf } from "./jsonl.ts";
import type { Role, TranscriptFormat } from "./leaf.ts";

/** `~/.codex/sessions/YYYY/MM/DD/rollout-*.jsonl`: `{timestamp, type, payload}`; the arguments of a call are JSON in a string. */
export const codex: TranscriptFormat = {
  id: "codex",
  takes: (path, head) =>
    /\.jsonl$/i.test(path) && (/(?:^|\/)rollout-[^/]+\.jsonl$/i.test(path) || /"type"\s*:\s*"session_meta"/.test(head)),
  read(text) {
    const state: State = { session: undefined, tools: new Map() };
    return readJsonLines(text, (line) => context(line, state));
  },
};

interface State {
  session: string | undefined;
  readonly tools: Map<string, string>;
}

const types = new Set(["session_meta", "turn_context", "response_item", "event_msg", "compacted"]);

function context(line: Readonly<Record<string, unknown>>, state: State): LineContext | undefined {
  if (!types.has(String(line["type"]))) return undefined;
  const payload = (...path: string[]) => at(line, ["payload", ...path]);
  if (line["type"] === "session_meta") state.session = textOf(payload("id")) ?? state.session;
  const call = textOf(payload("call_id"));
  const tool = textOf(payload("name")) ?? (call === undefined ? undefined : state.tools.get(call));
  if (call !== undefined && tool !== undefined && state.tools.size < 10_000) state.tools.set(call, tool);
  const role = roleOfItem(String(line["type"]), String(payload("type")), payload("role"));
  return {
    ...(state.session === undefined ? {} : { session: state.session }),
    about: (path) =>
      path[0] === "payload" ? { ...(role === undefined ? {} : { role }), ...(tool === undefined ? {} : { tool }) } : undefined,
  };
}

function roleOfItem(line: string, item: string, role: unknown): Role | undefined {
  if (line === "session_meta" || line === "turn_context" || line === "compacted") return "system";
  if (/_output$|_end$|output_delta$/.test(item)) return "tool";
  if (/_call$|^reasoning$|^agent_/.test(item)) return "assistant";
  if (item === "user_message") return "user";
  return roleOf(role);
}
