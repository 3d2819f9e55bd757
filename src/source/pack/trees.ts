import { type PackMap, packedBlobs } from "./read-pack.ts";
import type { Unpacker } from "./unpack.ts";

/** One entry of a tree object. */
export interface TreeEntry {
  readonly kind: "blob" | "tree" | "submodule";
  /** Where the name begins and ends in the tree, and where the binary id begins. */
  readonly name: number;
  readonly nameEnd: number;
  readonly id: number;
}

export const treeType = 2;

/** The entries of a tree object (SHA-1), as far as it is whole. With `fresh`, those only that a base does not have in this form. */
export function readTree(bytes: Uint8Array, fresh: Uint32Array | undefined, visit: (entry: TreeEntry) => void): void {
  const entry = { kind: "blob" as TreeEntry["kind"], name: 0, nameEnd: 0, id: 0 };
  let stretch = 0;
  for (let start = 0; start < bytes.length; start = entry.id + 20) {
    let at = start + 5;
    while (bytes[at] !== 32 && at < bytes.length) at++;
    entry.name = at + 1;
    while (bytes[at] !== 0 && at < bytes.length) at++;
    entry.nameEnd = at;
    entry.id = at + 1;
    const end = entry.id + 20;
    if (end > bytes.length) return;
    if (fresh !== undefined) {
      // a stretch without length is a joint: it touches what stands on both its sides
      while (stretch < fresh.length && (fresh[stretch + 1] as number) <= start) stretch += 2;
      if (stretch >= fresh.length) return;
      if ((fresh[stretch] as number) >= end) continue;
    }
    // 40000 tree, 160000 submodule, everything else is a blob
    entry.kind = bytes[start] === 52 ? "tree" : bytes[start + 1] === 54 ? "submodule" : "blob";
    visit(entry);
  }
}

export interface PackedTree {
  readonly position: number;
  /** Valid until the next tree is asked for, as `fresh`. */
  readonly bytes: Buffer;
  /** Start and end of each stretch that its base does not have in this form; undefined where there is no base. */
  readonly fresh: Uint32Array | undefined;
}

/** The trees of a pack, deltas after their bases; those of `wanted` only, where it is given, which has 1 at their positions. */
export function* packedTrees(map: PackMap, unpacker: Unpacker, wanted?: Uint8Array): Generator<PackedTree> {
  const roots: number[] = [];
  for (let position = 0; position < map.count; position++) if (map.type[position] === treeType) roots.push(position);
  const needed = wanted?.slice();
  const needs = needed === undefined ? roots : roots.filter((root) => withDeltas(root, map, needed));
  for (const { position, bytes, place } of packedBlobs(map, needs, unpacker, needed)) {
    if (wanted?.[position] === 0) continue;
    yield { position, bytes, fresh: "fresh" in place ? unpacker.stretches(place.fresh) : undefined };
  }
}

/** Marks also what those that are marked are built on; says whether the root is among them. */
function withDeltas(root: number, { firstChild, nextChild }: PackMap, needed: Uint8Array): boolean {
  // every delta with all below it before its base: a delta's number in this order is higher than its base's
  const order = [root];
  const bases = [-1];
  for (let index = 0; index < order.length; index++) {
    for (let child = firstChild[order[index] as number] as number; child !== -1; child = nextChild[child] as number) {
      order.push(child);
      bases.push(index);
    }
  }
  for (let index = order.length - 1; index > 0; index--)
    if (needed[order[index] as number] === 1) needed[order[bases[index] as number] as number] = 1;
  return needed[root] === 1;
}
