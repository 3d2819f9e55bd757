import { type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import { limits, problem, type ReadTree } from "./read.ts";
import type { Tree } from "./tree.ts";

/** JSON with comments and trailing commas, as most clients read it. What comes before a syntax error is kept. */
export function readJson(text: string): ReadTree {
  const deep = deeperThan(text, limits.depth);
  if (deep !== undefined) return problem(`the file is nested deeper than ${limits.depth} levels`, deep);
  const errors: ParseError[] = [];
  const node = parseTree(text, errors, { allowTrailingComma: true, disallowComments: false });
  const problems = errors.slice(0, 20).map(({ error, offset }) => ({ message: `not valid JSON: ${printParseErrorCode(error)}`, offset }));
  return node === undefined ? { problems } : { root: treeOf(node, text), problems };
}

/** The offset at which the brackets outside of strings and comments go too deep; the library recurses. */
function deeperThan(text: string, most: number): number | undefined {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      for (at++; at < text.length && text[at] !== '"' && text[at] !== "\n"; at++) if (text[at] === "\\") at++;
    } else if (character === "/" && text[at + 1] === "/") {
      const end = text.indexOf("\n", at);
      if (end === -1) return undefined;
      at = end;
    } else if (character === "{" || character === "[") {
      depth++;
      if (depth > most) return at;
    } else if (character === "}" || character === "]") depth--;
  }
  return undefined;
}

function treeOf(node: Node, text: string): Tree {
  const { offset: start, length } = node;
  const end = start + length;
  if (node.type === "string") {
    const [from, to] = [start + 1, Math.max(start + 1, text[end - 1] === '"' ? end - 1 : end)];
    const raw = text.slice(from, to);
    const value = String(node.value);
    return { kind: "text", value, start: from, end: to, style: raw === value ? "raw" : "escaped" };
  }
  if (node.type === "object") {
    const entries = (node.children ?? []).flatMap((property) => {
      const [key, value] = property.children ?? [];
      return key === undefined || value === undefined ? [] : [{ key: String(key.value), node: treeOf(value, text) }];
    });
    return { kind: "map", entries, start, end };
  }
  if (node.type === "array") return { kind: "list", items: (node.children ?? []).map((item) => treeOf(item, text)), start, end };
  return { kind: "other", start, end };
}
