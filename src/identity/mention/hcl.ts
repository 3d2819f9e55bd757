import { readTree } from "../../agent-config/format/read.ts";
import type { Tree } from "../../agent-config/format/tree.ts";

/** A block of Terraform: `resource "aws_iam_role" "bot" { … }`. Offsets are 0-based UTF-16 units of the file's text. */
export interface Block {
  readonly type: string;
  readonly labels: readonly string[];
  readonly attributes: ReadonlyMap<string, Expression>;
  readonly blocks: readonly Block[];
  readonly start: number;
}

export interface Expression {
  readonly text: string;
  readonly start: number;
}

const mostDepth = 12;
const mostBlocks = 5000;

/** The blocks of a file, as far as it can be read; nothing is evaluated. Never throws. */
export function readHcl(text: string): Block[] {
  const reader = { text, at: 0, left: mostBlocks };
  const blocks: Block[] = [];
  while (reader.at < text.length && reader.left > 0) {
    const before = reader.at;
    const body = readBody(reader, 0);
    blocks.push(...body.blocks);
    // A brace too many at the top: go on behind it.
    reader.at = Math.max(reader.at, before + 1);
  }
  return blocks;
}

interface Reader {
  readonly text: string;
  at: number;
  left: number;
}

const item =
  /\s*(?:(?:#|\/\/)[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$)|(\})|"?([A-Za-z_][\w-]{0,99})"?[ \t]*(=(?!=)|(?:[ \t]*(?:"[^"\n]{0,200}"|[\w-]{1,100}))*[ \t]*\{))/y;

function readBody(reader: Reader, depth: number): Pick<Block, "attributes" | "blocks"> {
  const attributes = new Map<string, Expression>();
  const blocks: Block[] = [];
  while (reader.at < reader.text.length) {
    item.lastIndex = reader.at;
    const match = item.exec(reader.text);
    if (match === null || match[0] === "") {
      const next = reader.text.slice(reader.at).search(/\S/);
      if (next === -1) break;
      reader.at += next + 1;
      continue;
    }
    reader.at = item.lastIndex;
    const [, close, name, opener = ""] = match;
    if (close !== undefined) break;
    if (name === undefined) continue;
    if (opener === "=") attributes.set(name, readExpression(reader));
    else if (depth < mostDepth && reader.left-- > 0) {
      const start = match.index + match[0].search(/\S/);
      const labels = [...opener.matchAll(/"([^"]*)"|([\w-]+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
      blocks.push({ type: name, labels, start, ...readBody(reader, depth + 1) });
    } else skip(reader);
  }
  return { attributes, blocks };
}

/** To the end of the line at which every bracket is closed. */
function readExpression(reader: Reader): Expression {
  const { text } = reader;
  while (text[reader.at] === " " || text[reader.at] === "\t") reader.at++;
  const start = reader.at;
  let depth = 0;
  while (reader.at < text.length) {
    const character = text[reader.at] ?? "";
    if (character === '"') reader.at = stringEnd(text, reader.at);
    else if (character === "<" && text[reader.at + 1] === "<") reader.at = heredocEnd(text, reader.at);
    else if (character === "#" || (character === "/" && text[reader.at + 1] === "/")) {
      const end = text.indexOf("\n", reader.at);
      reader.at = end === -1 ? text.length : end;
    } else if ("([{".includes(character)) {
      depth++;
      reader.at++;
    } else if (")]}".includes(character)) {
      if (depth === 0) break;
      depth--;
      reader.at++;
    } else if (depth === 0 && (character === "\n" || character === ",")) break;
    else reader.at++;
  }
  return { text: text.slice(start, reader.at).trim(), start };
}

function skip(reader: Reader): void {
  for (let depth = 1; reader.at < reader.text.length && depth > 0; reader.at++) {
    const character = reader.text[reader.at];
    if (character === "{") depth++;
    else if (character === "}") depth--;
  }
}

function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "$" && text[at + 1] === "{") {
      const close = text.slice(at, at + 1000).indexOf("}");
      at = close === -1 ? at : at + close;
    } else if (text[at] === '"' || text[at] === "\n") return at + 1;
  }
  return text.length;
}

function heredocEnd(text: string, start: number): number {
  const [opener, name = ""] = /^<<[-~]?([A-Za-z_]\w{0,50})[ \t]*\n/.exec(text.slice(start, start + 80)) ?? [""];
  if (opener === "") return start + 2;
  const end = new RegExp(`^[ \\t]*${name}[ \\t]*$`, "gm");
  end.lastIndex = start + opener.length;
  const match = end.exec(text);
  return match === null ? text.length : match.index + match[0].length;
}

/**
 * An expression as data: objects, lists and plain strings; `jsonencode(…)` and a heredoc of JSON are what they hold. A reference
 * (`aws_iam_role.bot.arn`) stays text as it is written, and so does a string with one inside.
 */
export function hclValue({ text, start }: Expression): Tree {
  const encoded = /^jsonencode\(/.exec(text);
  if (encoded !== null) return hclValue(inner({ text: text.slice(encoded[0].length, -1), start: start + encoded[0].length }));
  if (text.startsWith("<<")) {
    const body = text.slice(text.indexOf("\n") + 1, text.lastIndexOf("\n"));
    return readTree(body, "json").root ?? { kind: "text", value: body, start, end: start + text.length, style: "opaque" };
  }
  return valueAt({ text, at: 0, left: mostBlocks }, start, 0);
}

function inner(expression: Expression): Expression {
  const lead = expression.text.search(/\S/);
  return lead <= 0 ? expression : { text: expression.text.slice(lead), start: expression.start + lead };
}

function valueAt(reader: Reader, offset: number, depth: number): Tree {
  space(reader);
  const start = reader.at;
  const character = reader.text[start];
  if (depth < 40 && reader.left-- > 0) {
    if (character === "{") return objectAt(reader, offset, depth);
    if (character === "[") return listAt(reader, offset, depth);
  }
  if (character === '"') reader.at = stringEnd(reader.text, start);
  // What follows a string or a reference (a function's arguments, an index, an operator) belongs to the same value.
  for (let open = 0; reader.at < reader.text.length; reader.at++) {
    const next = reader.text[reader.at] ?? "";
    if (next === '"') reader.at = stringEnd(reader.text, reader.at) - 1;
    else if ("([{".includes(next)) open++;
    else if (")]}".includes(next)) {
      if (open === 0) break;
      open--;
    } else if (open === 0 && (next === "," || next === "\n")) break;
  }
  const written = reader.text.slice(start, reader.at).trim();
  const plain = /^"((?:[^"\\]|\\.)*)"$/s.exec(written)?.[1];
  return { kind: "text", value: plain ?? written, start: offset + start, end: offset + reader.at, style: "opaque" };
}

function objectAt(reader: Reader, offset: number, depth: number): Tree {
  const start = reader.at++;
  const entries: { key: string; node: Tree }[] = [];
  while (reader.at < reader.text.length) {
    space(reader);
    if (reader.text[reader.at] === "}") break;
    const key = /^(?:"([^"\n]{1,200})"|\(?([\w.-]{1,200})\)?)\s*[=:]/.exec(reader.text.slice(reader.at, reader.at + 500));
    if (key === null) {
      reader.at++;
      continue;
    }
    reader.at += key[0].length;
    entries.push({ key: key[1] ?? key[2] ?? "", node: valueAt(reader, offset, depth + 1) });
  }
  reader.at++;
  return { kind: "map", entries, start: offset + start, end: offset + reader.at };
}

function listAt(reader: Reader, offset: number, depth: number): Tree {
  const start = reader.at++;
  const items: Tree[] = [];
  while (reader.at < reader.text.length) {
    space(reader);
    if (reader.text[reader.at] === "]") break;
    const before = reader.at;
    items.push(valueAt(reader, offset, depth + 1));
    reader.at = Math.max(reader.at, before + 1);
  }
  reader.at++;
  return { kind: "list", items, start: offset + start, end: offset + reader.at };
}

function space(reader: Reader): void {
  const blank = /(?:[\s,]|#[^\n]*|\/\/[^\n]*)*/y;
  blank.lastIndex = reader.at;
  blank.exec(reader.text);
  reader.at = Math.max(reader.at, blank.lastIndex);
}
