/** A parsed config file with places. Offsets are 0-based UTF-16 units of the file's text, ends exclusive. */
export type Tree = MapNode | ListNode | TextNode | OtherNode;

export interface MapNode {
  readonly kind: "map";
  readonly entries: readonly { readonly key: string; readonly node: Tree }[];
  readonly start: number;
  readonly end: number;
}

export interface ListNode {
  readonly kind: "list";
  readonly items: readonly Tree[];
  readonly start: number;
  readonly end: number;
}

export interface TextNode {
  readonly kind: "text";
  readonly value: string;
  /** Without the quotes. */
  readonly start: number;
  readonly end: number;
  /** How the raw text became the value: as it stands, backslash escapes, doubled single quotes, or in a way that has no places inside. */
  readonly style: "raw" | "escaped" | "doubled" | "opaque";
}

export interface OtherNode {
  readonly kind: "other";
  readonly start: number;
  readonly end: number;
}

export interface Selected {
  readonly node: Tree;
  readonly path: readonly string[];
}

/** Every node at a pointer pattern (`*` is any key or index), in the order of the file. */
export function select(root: Tree, pattern: string, from: readonly string[] = []): Selected[] {
  const parts = pattern.split("/").slice(1).map(unescapePointer);
  let found: Selected[] = [{ node: root, path: from }];
  for (const part of parts) {
    found = found.flatMap(({ node, path }) => children(node, part).map(([key, child]) => ({ node: child, path: [...path, key] })));
  }
  return found;
}

function children(node: Tree, part: string): [string, Tree][] {
  if (node.kind === "map") {
    return node.entries.filter(({ key }) => part === "*" || key === part).map(({ key, node: child }) => [key, child]);
  }
  if (node.kind === "list") {
    return node.items.flatMap((child, index): [string, Tree][] => (part === "*" || part === String(index) ? [[String(index), child]] : []));
  }
  return [];
}

/** The direct child of a map. */
export function field(node: Tree | undefined, key: string): Tree | undefined {
  return node?.kind === "map" ? node.entries.find((entry) => entry.key === key)?.node : undefined;
}

/** RFC 6901. */
export function pointerOf(path: readonly string[]): string {
  return path.map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

function unescapePointer(part: string): string {
  return part.replaceAll("~1", "/").replaceAll("~0", "~");
}

/**
 * Where a stretch of a text node's value stands in the file. Without places inside (folded YAML, a value that an escape
 * produced in part) it is the whole value.
 */
export function rangeOf(text: string, node: TextNode, start: number, end: number): { start: number; end: number } {
  if (node.style === "raw") return { start: node.start + start, end: node.start + end };
  if (node.style === "opaque") return { start: node.start, end: node.end };
  const offsets = rawOffsets(text.slice(node.start, node.end), node.style);
  const [from, to] = [offsets[start], offsets[end]];
  if (from === undefined || to === undefined || offsets.length !== node.value.length + 1) return { start: node.start, end: node.end };
  return { start: node.start + from, end: node.start + to };
}

/** For every UTF-16 unit of the value, and one past it, its offset in the raw text. */
function rawOffsets(raw: string, style: "escaped" | "doubled"): number[] {
  const offsets: number[] = [];
  let at = 0;
  while (at < raw.length) {
    offsets.push(at);
    if (style === "doubled") at += raw[at] === "'" ? 2 : 1;
    else if (raw[at] !== "\\") at += 1;
    else {
      const length = { u: 6, U: 10, x: 4 }[raw[at + 1] ?? ""] ?? 2;
      if (length === 10 && Number.parseInt(raw.slice(at + 2, at + 10), 16) > 0xffff) offsets.push(at);
      at += length;
    }
  }
  offsets.push(raw.length);
  return offsets;
}
