import { blank } from "../../identity/code/blank.ts";
import { type Edit, newlineOf, type Rewrite } from "../syntax.ts";
import { type Language, partOf, replaced } from "./literal.ts";

export const python: Language = {
  files: /\.pyi?$/i,
  quotes: `"'`,
  rewrite(target, literal) {
    const { text, start, end, variable } = target;
    const prefix = /(?<!\w)[rRbBuUfF]{1,2}$/.exec(text.slice(Math.max(0, literal.start - 2), literal.start))?.[0] ?? "";
    const whole = { ...literal, start: literal.start - prefix.length };
    const inner = literal.quote === '"' ? "'" : '"';
    const read = (name: string, quote = '"') => `os.environ[${quote}${name}${quote}]`;
    const given = /(?:os\.environ\.get|os\.getenv)\(\s{0,8}["']([A-Za-z_]\w{0,99})["']\s{0,8},\s{0,8}$/.exec(text.slice(0, whole.start));
    if (given !== null && literal.whole && text[whole.end] === ")") {
      const name = given[1] ?? variable;
      const start_ = whole.start - given[0].length;
      return withImport(text, replaced({ ...whole, start: start_, end: whole.end + 1 }, read(name), name));
    }
    if (literal.whole) return withImport(text, replaced(whole, `${read(variable)}${/b/i.test(prefix) ? ".encode()" : ""}`, variable));
    if (/[bB]/.test(prefix) || /[\\{}]/.test(literal.before + literal.after)) {
      if (!/[fF]/.test(prefix)) return partOf(variable);
    }
    const reference = `{${read(variable, inner)}}`;
    const edits: Edit[] = [{ start, end, text: reference }];
    if (!/[fF]/.test(prefix)) edits.push({ start: literal.start, end: literal.start, text: "f" });
    return withImport(text, { ...replaced(literal, reference, variable), edits });
  },
};

function withImport(text: string, rewrite: Rewrite): Rewrite {
  const { bare, code } = blank("x.py", text);
  if (/^(?:import os\b(?!\.)|import [\w, ]*\bos\b(?!\.))/m.test(bare)) return rewrite;
  const first = /^(?:import |from (?!__future__))/m.exec(bare);
  const future = [...bare.matchAll(/^from __future__ import [^\n]*\n/gm)].at(-1);
  const body = /^[^\s#]/m.exec(code);
  const at = first?.index ?? (future === undefined ? (body?.index ?? text.length) : future.index + future[0].length);
  return { ...rewrite, edits: [{ start: at, end: at, text: `import os${newlineOf(text)}` }, ...rewrite.edits] };
}
