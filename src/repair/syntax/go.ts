import { type Edit, lineStart, newlineOf, type Rewrite } from "../syntax.ts";
import { type Language, replaced } from "./literal.ts";

const os = '"os"';

export const go: Language = {
  files: /\.go$/i,
  quotes: '"`',
  rewrite({ text, start, end, variable }, literal, bare) {
    const from = lineStart(text, literal.start);
    const line = text.slice(from, literal.start);
    const constant = /^\s*const\s+(?=\w+(?:\s+string)?\s*=\s*$)/.exec(line);
    if (constant === null && insideConstants(bare, literal.start))
      return { none: `a constant cannot be read from the environment; make it a variable, os.Getenv("${variable}")` };
    const read = `os.Getenv("${variable}")`;
    const { quote, before, after } = literal;
    // only the value's own place changes: other values may stand in the same string
    const edit: Edit = {
      start: before === "" ? literal.start : start,
      end: after === "" ? literal.end : end,
      text: `${before === "" ? "" : `${quote} + `}${read}${after === "" ? "" : ` + ${quote}`}`,
    };
    const edits: Edit[] = [edit];
    if (constant !== null) edits.unshift({ start: from, end: from + constant[0].length, text: constant[0].replace("const", "var") });
    return withImport(text, bare, { ...replaced(literal, read, variable), edits });
  },
};

/** Inside `const ( … )`, or behind a `const` that is more than one name and a value. */
function insideConstants(bare: string, at: number): boolean {
  const open = bare.lastIndexOf("const (", at);
  if (open !== -1 && !bare.slice(open, at).includes(")")) return true;
  return /^\s*const\b/.test(bare.slice(lineStart(bare, at), at));
}

function withImport(text: string, bare: string, rewrite: Rewrite): Rewrite {
  const newline = newlineOf(text);
  if (/^import\s+"os"|^\s+"os"\s*$/m.test(text)) return rewrite;
  const block = /^import \(\r?\n/m.exec(bare);
  const clause = /^package \w+[^\n]*\n/m.exec(bare);
  const at = block === null ? clause && clause.index + clause[0].length : block.index + block[0].length;
  if (at === null) return rewrite;
  const added = block === null ? `${newline}import ${os}${newline}` : `\t${os}${newline}`;
  return { ...rewrite, edits: [{ start: at, end: at, text: added }, ...rewrite.edits] };
}
