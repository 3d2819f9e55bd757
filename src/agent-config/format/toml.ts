import { limits, type ReadTree } from "./read.ts";
import type { Tree } from "./tree.ts";

/**
 * TOML 1.0 with the place of every value, which the library at hand does not give. Lenient: it reads what it can, and after a
 * syntax error goes on with the next line, since a file that a client refuses still leaks what it holds.
 */
export function readToml(text: string): ReadTree {
  const state: State = { text, at: 0, problems: [] };
  const root: Table = newTable(0);
  let current = root;
  while (state.at < text.length) {
    skipBlank(state);
    if (state.at >= text.length) break;
    const start = state.at;
    try {
      if (text[state.at] === "[") current = header(state, root);
      else keyValue(state, current, 0);
      endOfLine(state);
    } catch (error) {
      if (!(error instanceof TomlError)) throw error;
      state.problems.push({ message: `not valid TOML: ${error.message}`, offset: state.at });
      if (state.problems.length === mostProblems) break;
      const next = text.indexOf("\n", Math.max(state.at, start));
      state.at = next === -1 ? text.length : next + 1;
    }
  }
  return { root: treeOf(root, text.length), problems: state.problems };
}

/** A file with more is no TOML; what came before them is kept. */
const mostProblems = 100;

interface State {
  readonly text: string;
  at: number;
  readonly problems: { message: string; offset: number }[];
}

/** Written to while the file is read: a later header adds to a table that an earlier one made. */
interface Table {
  readonly entries: Map<string, Table | Table[] | Tree>;
  readonly start: number;
  end: number;
}

class TomlError extends Error {}

function newTable(start: number): Table {
  return { entries: new Map(), start, end: start };
}

function header(state: State, root: Table): Table {
  const start = state.at;
  const list = state.text.startsWith("[[", state.at);
  state.at += list ? 2 : 1;
  const path = dottedKey(state);
  if (!state.text.startsWith(list ? "]]" : "]", state.at)) throw new TomlError(`expected '${list ? "]]" : "]"}'`);
  state.at += list ? 2 : 1;
  const last = path.at(-1) ?? "";
  const parent = descend(root, path.slice(0, -1), start);
  if (!list) return descend(parent, [last], start);
  const table = newTable(start);
  const known = parent.entries.get(last);
  if (Array.isArray(known)) known.push(table);
  else parent.entries.set(last, [table]);
  return table;
}

function descend(from: Table, path: readonly string[], start: number): Table {
  if (path.length > limits.depth) throw new TomlError("a key with too many parts");
  let table = from;
  for (const key of path) {
    const known = table.entries.get(key);
    const next = Array.isArray(known) ? known.at(-1) : known;
    if (next === undefined || !("entries" in next) || !(next.entries instanceof Map)) {
      const made = newTable(start);
      table.entries.set(key, made);
      table = made;
    } else table = next as Table;
  }
  return table;
}

function keyValue(state: State, into: Table, depth: number): void {
  const start = state.at;
  const path = dottedKey(state);
  if (state.text[state.at] !== "=") throw new TomlError("expected '='");
  state.at++;
  skipSpace(state);
  const table = descend(into, path.slice(0, -1), start);
  table.entries.set(path.at(-1) ?? "", value(state, depth));
  into.end = state.at;
  table.end = state.at;
}

function dottedKey(state: State): string[] {
  const path: string[] = [];
  for (;;) {
    skipSpace(state);
    const quote = state.text[state.at];
    if (quote === '"' || quote === "'") {
      const node = oneLineString(state, quote);
      path.push(node.kind === "text" ? node.value : "");
    } else {
      const bare = take(state, /[A-Za-z0-9_-]{1,1024}/y);
      if (bare === undefined) throw new TomlError("expected a key");
      path.push(bare);
    }
    skipSpace(state);
    if (state.text[state.at] !== ".") return path;
    state.at++;
  }
}

function value(state: State, depth: number): Table | Tree {
  if (depth > limits.depth) throw new TomlError(`nested deeper than ${limits.depth} levels`);
  const { text, at } = state;
  if (text.startsWith('"""', at)) return longString(state, '"""');
  if (text.startsWith("'''", at)) return longString(state, "'''");
  const first = text[at];
  if (first === '"' || first === "'") return oneLineString(state, first);
  if (first === "[") return array(state, depth);
  if (first === "{") return inlineTable(state, depth);
  const word = take(state, /[^\s,\]}#]{1,256}(?: \d\d:[\d:.+Z-]{1,30})?/y);
  if (word === undefined) throw new TomlError("expected a value");
  return { kind: "other", start: at, end: state.at };
}

function array(state: State, depth: number): Tree {
  const start = state.at++;
  const items: Tree[] = [];
  for (;;) {
    skipBlank(state);
    if (state.text[state.at] === "]") break;
    const item = value(state, depth + 1);
    items.push("entries" in item && item.entries instanceof Map ? treeOf(item as Table, state.at) : (item as Tree));
    skipBlank(state);
    if (state.text[state.at] === ",") state.at++;
    else if (state.text[state.at] !== "]") throw new TomlError("expected ',' or ']'");
  }
  state.at++;
  return { kind: "list", items, start, end: state.at };
}

function inlineTable(state: State, depth: number): Table {
  const table = newTable(state.at++);
  for (;;) {
    skipBlank(state);
    if (state.text[state.at] === "}") break;
    keyValue(state, table, depth + 1);
    skipBlank(state);
    if (state.text[state.at] === ",") state.at++;
    else if (state.text[state.at] !== "}") throw new TomlError("expected ',' or '}'");
  }
  table.end = ++state.at;
  return table;
}

function oneLineString(state: State, quote: '"' | "'"): Tree {
  const start = state.at + 1;
  let at = start;
  while (at < state.text.length && state.text[at] !== quote && state.text[at] !== "\n")
    at += quote === '"' && state.text[at] === "\\" ? 2 : 1;
  if (state.text[at] !== quote) throw new TomlError("a string without its end");
  state.at = at + 1;
  const raw = state.text.slice(start, at);
  if (quote === "'" || !raw.includes("\\")) return { kind: "text", value: raw, start, end: at, style: "raw" };
  return { kind: "text", value: unescaped(raw), start, end: at, style: "escaped" };
}

function longString(state: State, quotes: '"""' | "'''"): Tree {
  let start = state.at + 3;
  // A newline right after the quotes is no part of the value.
  if (state.text.startsWith("\r\n", start)) start += 2;
  else if (state.text[start] === "\n") start += 1;
  let end = state.text.indexOf(quotes, start);
  while (quotes === '"""' && end !== -1 && escapedAt(state.text, end)) end = state.text.indexOf(quotes, end + 1);
  if (end === -1) throw new TomlError("a string without its end");
  // Up to two quotes may stand before the closing three.
  while (state.text[end + 3] === quotes[0] && state.text[end + 3] !== undefined) end++;
  state.at = end + 3;
  const raw = state.text.slice(start, end);
  if (quotes === "'''" || !raw.includes("\\")) return { kind: "text", value: raw, start, end, style: "raw" };
  const value = unescaped(raw.replace(/\\[ \t]*\r?\n\s*/g, ""));
  return { kind: "text", value, start, end, style: /\\[ \t]*\r?\n/.test(raw) ? "opaque" : "escaped" };
}

function escapedAt(text: string, at: number): boolean {
  let slashes = 0;
  while (text[at - 1 - slashes] === "\\") slashes++;
  return slashes % 2 === 1;
}

const escapes: Readonly<Record<string, string>> = { b: "\b", t: "\t", n: "\n", f: "\f", r: "\r", e: "\u001b", '"': '"', "\\": "\\" };

function unescaped(raw: string): string {
  return raw.replace(/\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([\s\S]))/g, (all, four, eight, two, one) => {
    const code = Number.parseInt(four ?? eight ?? two ?? "", 16);
    if (!Number.isNaN(code)) return code <= 0x10ffff ? String.fromCodePoint(code) : all;
    return escapes[String(one)] ?? String(all);
  });
}

/** White space, comments and newlines. */
function skipBlank(state: State): void {
  while (take(state, /[\s]+|#[^\n]*/y) !== undefined) {
    // each turn moves on
  }
}

function skipSpace(state: State): void {
  take(state, /[ \t]+/y);
}

function endOfLine(state: State): void {
  take(state, /[ \t]*(?:#[^\n]*)?/y);
  if (state.at < state.text.length && take(state, /\r?\n/y) === undefined) throw new TomlError("expected the end of the line");
}

function take(state: State, pattern: RegExp): string | undefined {
  pattern.lastIndex = state.at;
  const match = pattern.exec(state.text)?.[0];
  if (match === undefined || match === "") return undefined;
  state.at += match.length;
  return match;
}

function treeOf(table: Table, end: number): Tree {
  const entries = [...table.entries].map(([key, entry]) => ({ key, node: nodeOf(entry) }));
  const last = Math.max(table.end, ...entries.map(({ node }) => node.end));
  return { kind: "map", entries, start: table.start, end: Math.min(last, end) };
}

function nodeOf(entry: Table | Table[] | Tree): Tree {
  if (Array.isArray(entry)) {
    const items = entry.map((table) => treeOf(table, Number.POSITIVE_INFINITY));
    return { kind: "list", items, start: items[0]?.start ?? 0, end: items.at(-1)?.end ?? 0 };
  }
  return "entries" in entry && entry.entries instanceof Map ? treeOf(entry as Table, Number.POSITIVE_INFINITY) : (entry as Tree);
}
