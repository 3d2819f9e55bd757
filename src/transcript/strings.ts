import { type Node, parseTree } from "jsonc-parser";

/** A string in a JSON text, with its path and where its raw form stands (UTF-16 units, without quotes). */
export interface JsonString {
  readonly path: readonly string[];
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** A log line can hold a whole file; what is longer, or nested deeper, is not parsed. */
const longest = 16 << 20;
const deepest = 64;

/** The JSON value of a text with all of its strings in order, or undefined where it is not JSON or too deep. */
export function jsonStrings(text: string): { readonly value: unknown; readonly strings: readonly JsonString[] } | undefined {
  if (text.length > longest || !/^\s*[[{]/.test(text) || isDeep(text)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const root = parseTree(text);
  if (root === undefined) return undefined;
  const strings: JsonString[] = [];
  collect(root, [], strings);
  return { value, strings };
}

function collect(node: Node, path: readonly string[], into: JsonString[]): void {
  if (node.type === "string") {
    into.push({ path, value: String(node.value), start: node.offset + 1, end: node.offset + node.length - 1 });
  } else if (node.type === "array") {
    for (const [index, item] of (node.children ?? []).entries()) collect(item, [...path, String(index)], into);
  } else if (node.type === "object") {
    for (const property of node.children ?? []) {
      const [key, value] = property.children ?? [];
      if (key !== undefined && value !== undefined) collect(value, [...path, String(key.value)], into);
    }
  }
}

function isDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 0x22) {
      for (at++; at < text.length && text.charCodeAt(at) !== 0x22; at++) if (text.charCodeAt(at) === 0x5c) at++;
    } else if (unit === 0x5b || unit === 0x7b) {
      if (++depth > deepest) return true;
    } else if (unit === 0x5d || unit === 0x7d) depth--;
  }
  return false;
}
