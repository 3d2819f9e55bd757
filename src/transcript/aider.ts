import type { Leaf, Reading, Role, TranscriptFormat } from "./leaf.ts";

/** `.aider.chat.history.md` in the top of a repository: `#### ` is the user, `> ` a tool, the rest the assistant. */
export const aider: TranscriptFormat = {
  id: "aider",
  takes: (path) => /\.aider\.(?:chat\.history\.md|input\.history|llm\.history)$/i.test(path),
  read,
};

/** Lines of one speaker in a row are one leaf, of at most this many characters. */
const longest = 1 << 16;

function read(text: string): Reading {
  function* leaves(): Generator<Leaf> {
    let [start, byte, turn, session] = [0, 0, 0, ""];
    let block: { role: Role; start: number; end: number; byte: number } | undefined;
    const done = function* (): Generator<Leaf> {
      if (block === undefined) return;
      const said = text.slice(block.start, block.end);
      if (said.trim() === "") return;
      const place = { byteStart: block.byte, byteEnd: block.byte + Buffer.byteLength(said) };
      yield { text: said, ...place, escaped: false, role: block.role, turn: turn++, ...(session === "" ? {} : { session }) };
    };
    while (start < text.length) {
      const newline = text.indexOf("\n", start);
      const end = newline === -1 ? text.length : newline + 1;
      const line = text.slice(start, end);
      const begun = /^# aider chat started at (.{1,40})/.exec(line)?.[1];
      const role = roleOfLine(line);
      if (begun !== undefined || block === undefined || block.role !== role || block.end - block.start > longest) {
        yield* done();
        if (begun !== undefined) session = begun.trim();
        block = { role, start, end, byte };
      } else block.end = end;
      byte += Buffer.byteLength(line);
      start = end;
    }
    yield* done();
  }
  return { leaves: { [Symbol.iterator]: leaves }, unparsed: () => 0 };
}

function roleOfLine(line: string): Role {
  if (line.startsWith("#### ") || /^\+/.test(line) || line.startsWith("USER ")) return "user";
  if (line.startsWith("> ") || line.startsWith("# ")) return "tool";
  return line.startsWith("SYSTEM ") ? "system" : "assistant";
}
