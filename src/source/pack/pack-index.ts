import { existsSync, readFileSync } from "node:fs";

/** A pack's index: its objects in the order in which they stand in the pack. */
export interface PackIndex {
  readonly count: number;
  /** Where each object begins, rising; the last entry is where the pack's trailer begins. */
  readonly offsets: Float64Array;
  /** Hexadecimal id of the n-th object. */
  id(position: number): string;
  /** The first 32 bits of the n-th object's id. */
  prefix(position: number): number;
  /** The object that begins at this offset, or -1. */
  at(offset: number): number;
  /** The object whose binary id stands at `at`, or -1. */
  find(bytes: Uint8Array, at?: number): number;
}

const idLength = 20;

/**
 * Reads a version 2 index of SHA-1 ids (gitformat-pack, "Version 2 pack-*.idx files"). Undefined where it is of another kind or
 * damaged: then git itself has to read the pack.
 */
export function openPackIndex(file: string, packSize: number): PackIndex | undefined {
  const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  if (bytes.length < 1072 || bytes.readUInt32BE(0) !== 0xff744f63 || bytes.readUInt32BE(4) !== 2) return undefined;
  const count = bytes.readUInt32BE(8 + 255 * 4);
  const ids = 8 + 256 * 4;
  const small = ids + count * (idLength + 4);
  const large = small + count * 4;
  if (large + 2 * idLength > bytes.length) return undefined;

  const offsets = new Float64Array(new SharedArrayBuffer(8 * (count + 1)));
  for (let index = 0; index < count; index++) {
    const offset = bytes.readUInt32BE(small + index * 4);
    const place = large + (offset & 0x7fffffff) * 8;
    if (offset < 0x80000000) offsets[index] = offset;
    else if (place + 8 <= bytes.length) offsets[index] = Number(bytes.readBigUInt64BE(place));
    else return undefined;
  }
  const byId = offsets.slice(0, count);
  offsets[count] = packSize - idLength;
  offsets.sort();
  const at = (offset: number) => search(offsets, count, offset);
  /** From the order of ids to that of the pack, and back. */
  const positions = new Int32Array(count);
  const numbers = new Int32Array(count);
  for (let index = 0; index < count; index++) {
    const position = at(byId[index] as number);
    positions[index] = position;
    numbers[position] = index;
  }
  const starts = startsOf(bytes, ids, count);
  const words = new Uint32Array(count);
  for (let index = 0; index < count; index++) words[index] = bytes.readUInt32BE(ids + index * idLength + 2);

  return {
    count,
    offsets,
    at,
    id: (position) => {
      const start = ids + (numbers[position] ?? 0) * idLength;
      return bytes.toString("hex", start, start + idLength);
    },
    prefix: (position) => bytes.readUInt32BE(ids + (numbers[position] ?? 0) * idLength),
    find: (id, from = 0) => {
      const bucket = ((id[from] as number) << 8) | (id[from + 1] as number);
      const word =
        (((id[from + 2] as number) << 24) |
          ((id[from + 3] as number) << 16) |
          ((id[from + 4] as number) << 8) |
          (id[from + 5] as number)) >>>
        0;
      let low = starts[bucket] as number;
      const end = starts[bucket + 1] as number;
      for (let high = end; low < high; ) {
        const middle = (low + high) >>> 1;
        if ((words[middle] as number) < word) low = middle + 1;
        else high = middle;
      }
      for (; low < end && words[low] === word; low++) if (isSame(id, from, bytes, ids + low * idLength)) return positions[low] as number;
      return -1;
    },
  };
}

/** For each first two bytes the first id, in order, that begins with them or more. A damaged index is not in order: then ids are not found. */
function startsOf(bytes: Buffer, ids: number, count: number): Int32Array {
  const starts = new Int32Array(65_537).fill(count);
  for (let index = count - 1; index >= 0; index--) starts[bytes.readUInt16BE(ids + index * idLength)] = index;
  for (let bucket = 65_535; bucket >= 0; bucket--) starts[bucket] = Math.min(starts[bucket] as number, starts[bucket + 1] as number);
  return starts;
}

/** Behind the first six bytes of two ids. */
function isSame(a: Uint8Array, from: number, b: Uint8Array, at: number): boolean {
  for (let offset = 6; offset < idLength; offset++) if (a[from + offset] !== b[at + offset]) return false;
  return true;
}

function search(offsets: Float64Array, count: number, offset: number): number {
  for (let low = 0, high = count; low < high; ) {
    const middle = (low + high) >>> 1;
    const value = offsets[middle] ?? 0;
    if (value === offset) return middle;
    if (value < offset) low = middle + 1;
    else high = middle;
  }
  return -1;
}
