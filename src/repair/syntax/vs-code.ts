import { modify } from "jsonc-parser";
import { field } from "../../agent-config/format/tree.ts";
import type { AgentConfig, ConfigSlot } from "../../agent-config/index.ts";
import { newlineOf, type Rewrite, type Target } from "../syntax.ts";

/**
 * `${input:id}` and a prompt that VS Code keeps in its own secret storage
 * (https://code.visualstudio.com/docs/copilot/reference/mcp-configuration). Undefined where the file has no place for prompts.
 */
export function inputRewrite(
  { text, start, end, variable, finding }: Target,
  { root }: AgentConfig,
  { pointer }: ConfigSlot,
): Rewrite | undefined {
  if (root === undefined || !/^\/(?:servers|mcpServers)\//.test(pointer)) return undefined;
  const inputs = field(root, "inputs");
  if (inputs !== undefined && inputs.kind !== "list") return undefined;
  const id = variable.toLowerCase().replaceAll("_", "-");
  const known = inputs?.items.some((item) => {
    const own = field(item, "id");
    return own?.kind === "text" && own.value === id;
  });
  const prompt = { type: "promptString", id, description: finding.title, password: true };
  const formattingOptions = { insertSpaces: !/^\t/m.test(text), tabSize: tabSize(text), eol: newlineOf(text) };
  const added =
    known === true
      ? []
      : modify(text, ["inputs", inputs?.items.length ?? 0], inputs === undefined ? prompt : prompt, {
          formattingOptions,
          isArrayInsertion: true,
        });
  const reference = `\${input:${id}}`;
  return {
    edits: [
      { start, end, text: reference },
      ...added.map(({ offset, length, content }) => ({ start: offset, end: offset + length, text: content })),
    ],
    reference,
    name: id,
    next: [`VS Code asks for the value when the server first starts, and keeps it in its own secret storage.`],
  };
}

function tabSize(text: string): number {
  return /^( {1,8})\S/m.exec(text)?.[1]?.length ?? 2;
}
