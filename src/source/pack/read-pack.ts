import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { openPackIndex, type PackIndex } from "./pack-index.ts";
import { aligned, type Patched, type Place, Unpacker } from "./unpack.ts";

/** A blob of a pack. Deltas come after their base. */
export interface PackedBlob {
  /** Place in the pack, from 0; `base` is that of the object it is a delta of. */
  readonly position: number;
  readonly base: number | undefined;
  /** Valid until the next blob is asked for. */
  readonly bytes: Buffer;
  /** Where the unpacker has it; with what its base does not have, where there is one. */
  readonly place: Place | Patched;
}

/** Where everything in a pack is: plain data in shared memory, so that every worker can use it. Numbers are places in the pack. */
export interface PackMap {
  /** The path without `.pack` and `.idx`. */
  readonly file: string;
  readonly count: number;
  /** Where each object begins, rising; the last entry is where the pack's trailer begins. */
  readonly offsets: Float64Array;
  readonly type: Uint8Array;
  readonly size: Float64Array;
  /** Where the deflated data begins, from the object's offset. */
  readonly skip: Uint8Array;
  /** Deltas of each object as linked lists; -1 ends one. */
  readonly firstChild: Int32Array;
  readonly nextChild: Int32Array;
}

const [blob, offsetDelta, idDelta] = [3, 6, 7];
/** Larger objects, and what builds on them, are left to git. Bytes. */
const largest = 24 << 20;
/** A longer chain of large objects is left to git too. Bytes. */
const mostHeld = 64 << 20;
/** Where more than this is held, an object takes the place of a base that is not needed any more. Bytes. */
const crowded = 4 << 20;

/** Undefined where the pack or its index is damaged or of another kind: then git itself has to read it. */
export function openPack(file: string): { index: PackIndex; map: PackMap } | undefined {
  const pack = opened(`${file}.pack`);
  if (pack === undefined) return undefined;
  try {
    const index = openPackIndex(`${file}.idx`, fstatSync(pack).size);
    const map = index === undefined ? undefined : readHeaders(file, pack, index);
    return index === undefined || map === undefined ? undefined : { index, map };
  } finally {
    closeSync(pack);
  }
}

/** The objects of a type in a pack that are no deltas. */
export function rootsOf({ type, count }: PackMap, wanted = blob): Int32Array {
  const roots: number[] = [];
  for (let position = 0; position < count; position++) if (type[position] === wanted) roots.push(position);
  return Int32Array.from(roots);
}

/**
 * Every blob that is built on these roots, base by base, depth first, so that memory holds one chain of deltas. What cannot be read
 * here (large, damaged, its base in another pack) is left out: git has to read it.
 */
export function* packedBlobs(
  map: PackMap,
  roots: Iterable<number> = rootsOf(map),
  unpacker: Unpacker = new Unpacker(),
  needed?: Uint8Array,
): Generator<PackedBlob> {
  const pack = opened(`${map.file}.pack`);
  if (pack === undefined) return;
  unpacker.readFrom((buffer, position) => readSync(pack, buffer, 0, buffer.length, position));
  try {
    for (const root of roots) yield* readFamily(root, map, unpacker, needed);
  } finally {
    closeSync(pack);
  }
}

/** Undefined where the file is gone: somebody repacks the repository. */
function opened(file: string): number | undefined {
  try {
    return openSync(file, "r");
  } catch {
    return undefined;
  }
}

/** An object whose deltas are not all done. */
interface Base extends Place {
  readonly position: number;
  /** The next of its deltas. */
  child: number;
}

/** One root and all that is built on it. */
function* readFamily(root: number, map: PackMap, unpacker: Unpacker, needed: Uint8Array | undefined): Generator<PackedBlob> {
  const first = inflated(root, map, unpacker, unpacker.start);
  if (first === undefined) return;
  yield { position: root, base: undefined, place: first, bytes: unpacker.bytes(first) };
  const stack: Base[] = [{ position: root, ...first, child: map.firstChild[root] ?? -1 }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const position = top.child;
    if (position === -1) {
      stack.pop();
      continue;
    }
    top.child = map.nextChild[position] ?? -1;
    if (needed?.[position] === 0) continue;
    const delta = inflated(position, map, unpacker, aligned(top.at + top.size));
    if (delta === undefined) continue;
    const made = unpacker.patched(top, delta, aligned(delta.at + delta.size), largest);
    if (made === undefined) continue;
    yield { position, base: top.position, place: made, bytes: unpacker.bytes(made) };
    const child = map.firstChild[position] ?? -1;
    if (child === -1) continue;
    const isLast = top.child === -1;
    if (isLast) stack.pop();
    const { at, size } = isLast && made.at - unpacker.start > crowded ? unpacker.moved(made, top.at) : made;
    if (at + size - unpacker.start < mostHeld) stack.push({ position, at, size, child });
  }
}

/** The inflated data of one object. Its deflated form ends where the next object begins. */
function inflated(position: number, { offsets, size, skip }: PackMap, unpacker: Unpacker, at: number): Place | undefined {
  const start = (offsets[position] ?? 0) + (skip[position] ?? 0);
  const length = (offsets[position + 1] ?? 0) - start;
  const expected = size[position] ?? 0;
  if (expected > largest || length > 2 * largest || length < 0) return undefined;
  return unpacker.inflated(at, expected, start, length);
}

/** Types, sizes and bases in one pass over the pack. Undefined where it is not a pack of version 2 or 3. */
function readHeaders(file: string, pack: number, index: PackIndex): PackMap | undefined {
  const { count, offsets } = index;
  const block = blockReader(pack);
  const magic = block(0);
  if (magic.readUInt32BE(0) !== 0x5041434b || ![2, 3].includes(magic.readUInt32BE(4))) return undefined;
  const shared = (bytes: number) => new SharedArrayBuffer(bytes * count);
  const map: PackMap = {
    file,
    count,
    offsets,
    type: new Uint8Array(shared(1)),
    size: new Float64Array(shared(8)),
    skip: new Uint8Array(shared(1)),
    firstChild: new Int32Array(shared(4)).fill(-1),
    nextChild: new Int32Array(shared(4)).fill(-1),
  };
  for (let position = count - 1; position >= 0; position--) {
    const offset = offsets[position] ?? 0;
    const header = parseHeader(block(offset), offset, index);
    map.type[position] = header.type;
    map.size[position] = header.size;
    map.skip[position] = header.skip;
    if (header.base === -1) continue;
    map.nextChild[position] = map.firstChild[header.base] ?? -1;
    map.firstChild[header.base] = position;
  }
  return map;
}

/** gitformat-pack: type and size, then for a delta its base, by offset or by id. */
function parseHeader(bytes: Buffer, offset: number, index: PackIndex): { type: number; size: number; skip: number; base: number } {
  let byte = bytes[0] ?? 0;
  let skip = 1;
  const type = (byte >> 4) & 7;
  let size = byte & 15;
  for (let factor = 16; byte >= 0x80 && skip < 10; factor *= 128) {
    byte = bytes[skip++] ?? 0;
    size += (byte & 0x7f) * factor;
  }
  if (type === idDelta) return { type, size, skip: skip + 20, base: index.find(bytes, skip) };
  if (type !== offsetDelta) return { type, size, skip, base: -1 };
  byte = bytes[skip++] ?? 0;
  let back = byte & 0x7f;
  while (byte >= 0x80 && skip < 20) {
    byte = bytes[skip++] ?? 0;
    back = (back + 1) * 128 + (byte & 0x7f);
  }
  return { type, size, skip, base: index.at(offset - back) };
}

const headerLength = 48;
const blockSize = 1 << 18;

/** At least a header's length of bytes at a falling offset, with few reads. */
function blockReader(pack: number): (offset: number) => Buffer {
  const buffer = Buffer.alloc(blockSize);
  let start = 0;
  let length = 0;
  return (offset) => {
    if (offset < start || offset + headerLength > start + length) {
      start = Math.max(offset + headerLength - blockSize, 0);
      length = readSync(pack, buffer, 0, blockSize, start);
    }
    return buffer.subarray(offset - start, offset - start + headerLength);
  };
}
