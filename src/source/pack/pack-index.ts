import { readFileSync } from "node:fs";

/** A pack's index: its objects in the order in which they stand in the pack. */
export interface PackIndex {
  readonly count: number;
  /** Where each object begins, rising; the last entry is where the pack's trailer begins. */
  readonly offsets: Float64Array;
  /** Hexadecimal id of the n-th object. */
  id(position: number): string;
  /** The object that begins at this offset, or -1. */
  at(offset: number): number;
  /** The object of this binary id, or -1. */
  find(id: Buffer): number;
}

const idLength = 20;

/**
 * Reads a version 2 index of SHA-1 ids (gitformat-pack, "Version 2 pack-*.idx files"). Undefined where it is of another kind or
 * damaged: then git itself has to read the pack.
 */
export function openPackIndex(file: string, packSize: number): PackIndex | undefined {
  const bytes = readFileSync(file);
  if (bytes.length < 1072 || bytes.readUInt32BE(0) !== 0xff744f63 || bytes.readUInt32BE(4) !== 2) return undefined;
  const count = bytes.readUInt32BE(8 + 255 * 4);
  const ids = 8 + 256 * 4;
  const small = ids + count * (idLength + 4);
  const large = small + count * 4;
  if (large + 2 * idLength > bytes.length) return undefined;

  const byId = new Float64Array(count);
  for (let index = 0; index < count; index++) {
    const offset = bytes.readUInt32BE(small + index * 4);
    const place = large + (offset & 0x7fffffff) * 8;
    if (offset < 0x80000000) byId[index] = offset;
    else if (place + 8 <= bytes.length) byId[index] = Number(bytes.readBigUInt64BE(place));
    else return undefined;
  }
  const offsets = new Float64Array(new SharedArrayBuffer(8 * (count + 1)));
  offsets.set(byId);
  offsets[count] = packSize - idLength;
  offsets.sort();
  const at = (offset: number) => search(offsets, count, offset);
  const numbers = new Uint32Array(count);
  for (let index = 0; index < count; index++) numbers[at(byId[index] ?? 0)] = index;

  return {
    count,
    offsets,
    at,
    id: (position) => {
      const start = ids + (numbers[position] ?? 0) * idLength;
      return bytes.toString("hex", start, start + idLength);
    },
    find: (id) => {
      for (let low = 0, high = count; low < high; ) {
        const middle = (low + high) >>> 1;
        const order = bytes.compare(id, 0, idLength, ids + middle * idLength, ids + (middle + 1) * idLength);
        if (order === 0) return at(byId[middle] ?? 0);
        if (order < 0) low = middle + 1;
        else high = middle;
      }
      return -1;
    },
  };
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
