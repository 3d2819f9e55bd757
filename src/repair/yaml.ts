import { readTree } from "../agent-config/format/read.ts";
import type { TextNode, Tree } from "../agent-config/format/tree.ts";
import { applied, type Edit, type Target } from "./syntax.ts";

/** The text node that a stretch of a file stands in; undefined for comments and keys. */
export function nodeAt(root: Tree | undefined, start: number, end: number): TextNode | undefined {
  return placeAt(root, start, end)?.node;
}

/** As `nodeAt`, with the keys and indexes that lead there. */
export function placeAt(root: Tree | undefined, start: number, end: number): { node: TextNode; path: readonly string[] } | undefined {
  const pending: { node: Tree; path: readonly string[] }[] = root === undefined ? [] : [{ node: root, path: [] }];
  for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
    const { node, path } = place;
    if (node.kind === "text" && node.start <= start && end <= node.end) return { node, path };
    if (node.kind === "map") pending.push(...node.entries.map((entry) => ({ node: entry.node, path: [...path, entry.key] })));
    if (node.kind === "list") pending.push(...node.items.map((item, index) => ({ node: item, path: [...path, String(index)] })));
  }
  return undefined;
}

/**
 * The edit that puts a reference for the value into a YAML file, quoted where it must be; undefined where the file would not say what it
 * should. `read` takes the template actions out of a chart's text, at the same places.
 */
export function yamlEdit(target: Target, reference: string, read: (text: string) => string = (text) => text): Edit | undefined {
  const { text, start, end } = target;
  const before = readTree(read(text), "yaml");
  const node = nodeAt(before.root, start, end);
  if (node === undefined || before.problems.length > 0) return undefined;
  const plain: Edit = { start, end, text: reference };
  const whole = node.start === start && node.end === end && !/["']/.test(text[start - 1] ?? "");
  const quoted: Edit = { start, end, text: `"${reference}"` };
  return [plain, ...(whole ? [quoted] : [])].find((edit) => saysReference(read(applied(text, [edit])), edit, reference));
}

function saysReference(text: string, edit: Edit, reference: string): boolean {
  const { root, problems } = readTree(text, "yaml");
  const at = edit.start + edit.text.indexOf(reference);
  const node = nodeAt(root, at, at + reference.length);
  return problems.length === 0 && node?.value.includes(reference) === true;
}
