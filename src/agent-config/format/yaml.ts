import type { Document, Node } from "yaml";
import { onDemand } from "../../on-demand.ts";
import { limits, type ReadTree } from "./read.ts";
import type { Tree } from "./tree.ts";

/** YAML, also of several documents: then the root is a list of them. `base` is where the text starts in its file. */
export function readYaml(text: string, base: number): ReadTree {
  if (tooDeep(text)) return { problems: [{ message: `the file is nested deeper than ${limits.depth} levels`, offset: base }] };
  const parsed = onDemand.yaml().parseAllDocuments(text, { uniqueKeys: false, prettyErrors: false, keepSourceTokens: false });
  const documents: Document[] = Array.isArray(parsed) ? parsed : [];
  const problems = documents
    .flatMap((document) => document.errors)
    .slice(0, 20)
    .map((error) => ({ message: `not valid YAML: ${error.code}`, offset: base + error.pos[0] }));
  const budget = { nodes: limits.nodes };
  const roots = documents.map((document) => treeOf(document.contents, { text, base, budget, anchors: new Map() }, 0));
  if (budget.nodes < 0) problems.push({ message: `the file expands to more than ${limits.nodes} values`, offset: base });
  const [first] = roots;
  if (first === undefined) return { problems };
  return { root: roots.length === 1 ? first : { kind: "list", items: roots, start: base, end: base + text.length }, problems };
}

/** Brackets, dashes and columns that only a file made to hurt has; the library recurses into each. */
function tooDeep(text: string): boolean {
  return (
    /(?:[[{][\s,]*){100}/.test(text) || /(?:[-?][ \t]+){100}/.test(text) || /\n[ ]{1000}/.test(text) || flowDepth(text) > limits.depth * 10
  );
}

function flowDepth(text: string): number {
  let depth = 0;
  let most = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === 0x5b || character === 0x7b) most = Math.max(most, ++depth);
    else if (character === 0x5d || character === 0x7d) depth = Math.max(0, depth - 1);
    else if (character === 0x0a && /[\w#-]/.test(text[at + 1] ?? "")) depth = 0;
  }
  return most;
}

interface Reading {
  readonly text: string;
  readonly base: number;
  readonly budget: { nodes: number };
  /** What an alias means is what its anchor last stood at, in the order of the file. */
  readonly anchors: Map<string, Node>;
}

function treeOf(node: unknown, reading: Reading, depth: number): Tree {
  const { isAlias, isMap, isNode, isPair, isScalar, isSeq } = onDemand.yaml();
  const { base, text, budget, anchors } = reading;
  const other: Tree = { kind: "other", start: base, end: base };
  if (--budget.nodes < 0 || depth > limits.depth) return other;
  if (isAlias(node)) {
    // An alias shows the anchor's places. The budget is what an alias bomb runs into.
    // (The library's own `resolve` walks the whole document for each alias.)
    const target = anchors.get(node.source);
    return target === undefined ? other : treeOf(target, reading, depth + 1);
  }
  if (isNode(node) && "anchor" in node && typeof node.anchor === "string") anchors.set(node.anchor, node);
  if (isMap(node)) {
    const [start, end] = placed(node.range, base);
    const entries = node.items.flatMap((pair) => {
      if (!isPair(pair)) return [];
      const key = isScalar(pair.key) ? String(pair.key.value) : undefined;
      if (key === undefined) return [];
      const value = treeOf(pair.value, reading, depth + 1);
      // `<<: *anchor` merges the anchor's entries.
      return key === "<<" && value.kind === "map" ? value.entries : [{ key, node: value }];
    });
    return { kind: "map", entries, start, end };
  }
  if (isSeq(node)) {
    const [start, end] = placed(node.range, base);
    return { kind: "list", items: node.items.map((item) => treeOf(item, reading, depth + 1)), start, end };
  }
  if (!isScalar(node)) return other;
  const [start, end] = placed(node.range, base);
  if (typeof node.value !== "string") return { kind: "other", start, end };
  return textOf(node.value, node.type, text, { start, end, base });
}

function textOf(
  value: string,
  type: string | undefined,
  text: string,
  { start, end, base }: { start: number; end: number; base: number },
): Tree {
  const quoted = type === "QUOTE_DOUBLE" || type === "QUOTE_SINGLE";
  const from = quoted ? start + 1 : start;
  const to = Math.max(from, quoted ? end - 1 : end);
  const raw = text.slice(from - base, to - base);
  if (raw === value) return { kind: "text", value, start: from, end: to, style: "raw" };
  const style = raw.includes("\n") || !quoted ? "opaque" : type === "QUOTE_DOUBLE" ? "escaped" : "doubled";
  // A block scalar of one line is its raw text with indentation around it.
  const inner = style === "opaque" ? raw.indexOf(value.trimEnd()) : -1;
  if (inner !== -1 && value.trim() !== "") {
    const trimmed = value.trimEnd();
    return { kind: "text", value: trimmed, start: from + inner, end: from + inner + trimmed.length, style: "raw" };
  }
  return { kind: "text", value, start: from, end: to, style };
}

function placed(range: readonly number[] | null | undefined, base: number): [number, number] {
  return [base + (range?.[0] ?? 0), base + (range?.[1] ?? 0)];
}
