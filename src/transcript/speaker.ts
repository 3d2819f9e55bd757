import { at, isObject, roleOf, textOf } from "./jsonl.ts";
import type { Role } from "./leaf.ts";

export interface Speaker {
  readonly role?: Role;
  readonly tool?: string;
}

/** Who the nearest object above a string says that it is of; a result of a tool is the tool's, whoever sends it. `top` objects do not count. */
export function speakerOf(value: unknown, path: readonly string[], top = 0): Speaker {
  for (let depth = path.length - 1; depth >= top; depth--) {
    const holder = at(value, path.slice(0, depth));
    if (!isObject(holder)) continue;
    if (holder["type"] === "tool_result" || holder["type"] === "tool_call_response") return { role: "tool" };
    const tool = ["tool_use", "tool_call"].includes(String(holder["type"])) ? textOf(holder["name"]) : undefined;
    if (tool !== undefined) return { role: "assistant", tool };
    const role = roleOf(holder["role"] ?? holder["source"] ?? holder["type"]) ?? ofClass(holder["id"]);
    if (role !== undefined) return { role };
  }
  return {};
}

/** LangChain writes a message as the class that it was: `["langchain_core", "messages", "HumanMessage"]`. */
function ofClass(id: unknown): Role | undefined {
  const name = Array.isArray(id) ? String(id.at(-1)) : "";
  return roleOf(/^(Human|AI|System|Tool|Function)Message(?:Chunk)?$/.exec(name)?.[1]?.toLowerCase());
}
