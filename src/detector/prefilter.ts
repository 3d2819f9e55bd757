import { oddsOf } from "./byte-frequency.ts";
import { pairTable } from "./pair-table.ts";

/** A literal of 3 bytes or more that a pattern's matches contain, or stand near. */
export interface Anchor {
  readonly text: string;
  /** Only as it is written; otherwise in upper and lower case. */
  readonly exact: boolean;
}

/** Occurrences of anchors: `anchors[n]` (an index into what `buildFilter` was given) begins at byte `positions[n]`, for n < `count`. */
export interface AnchorHits {
  readonly anchors: Uint16Array;
  readonly positions: Uint32Array;
  readonly count: number;
}

export interface AnchorFilter {
  /** Every occurrence of every anchor, roughly in order of position. Valid until the next call. */
  hits(bytes: Uint8Array): AnchorHits;
}

/**
 * Four bytes of an anchor that lie at an even address where it stands; `undefined` where a short anchor leaves the first or the last
 * of them open. `delta`: from their place to the anchor's first byte.
 */
export interface AnchorWindow {
  readonly anchor: number;
  readonly bytes: readonly (number | undefined)[];
  readonly delta: number;
  readonly exact: boolean;
}

const fold = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));
const same = Uint8Array.from({ length: 256 }, (_, byte) => byte);

/**
 * Looks at the pairs of bytes at even addresses, one load each: a table says whether two pairs in a row may be four bytes of an
 * anchor. Each anchor is entered twice, once for each parity of its place, by its rarest five bytes. Of what passes a bitmap is asked
 * whether an anchor has just these four bytes, and what passes that is looked up and compared. Nothing is missed:
 * test/detector/prefilter.test.ts holds it against a plain search.
 */
export function buildFilter(anchors: readonly Anchor[]): AnchorFilter {
  const texts = anchors.map(({ text, exact }) => Buffer.from(exact ? text : text.toLowerCase(), "latin1"));
  for (const text of texts) if (text.length < 3) throw new RangeError(`the anchor '${text}' has fewer than 3 bytes`);
  const windows = texts.flatMap((text, anchor) => windowsOf(text, anchor, anchors[anchor]?.exact === true));
  const bitmap = new Int32Array(1 << (bitmapBits - 5));
  const slots = new Int16Array(1 << slotBits).fill(-1);
  const rows = new Int32Array(4 * windows.length);
  for (const [row, window] of windows.entries()) {
    const key = keyOf(window.bytes);
    const hash = Math.imul(key, multiplier);
    const bit = hash >>> (32 - bitmapBits);
    bitmap[bit >>> 5] = (bitmap[bit >>> 5] as number) | (1 << (bit & 31));
    const slot = hash >>> (32 - slotBits);
    rows.set([key, window.anchor, window.delta, slots[slot] as number], 4 * row);
    slots[slot] = row;
  }
  const places = new Int32Array(texts.length + 1);
  for (const [anchor, text] of texts.entries()) places[anchor + 1] = (places[anchor] as number) + text.length;
  const exact = Uint8Array.from(anchors, (anchor) => (anchor.exact ? 1 : 0));
  const tables = { pairs: pairTable(windows), bitmap, slots, rows, texts: new Uint8Array(Buffer.concat(texts)), places, exact };
  return { hits: (bytes) => collect(bytes, tables) };
}

const bitmapBits = 18;
const slotBits = 13;
const multiplier = 0x9e3779b1;
/** Sets the bit in which upper and lower case differ; other bytes fall together too, which costs a comparison at most. */
const caseless = 0x20202020;
/** Leave the last, or the first, of four bytes open. No key of four bytes is one of these: each of its bytes has the bit of `caseless`. */
const [lowThree, highThree] = [0x00ffffff, 0xffffff00];

interface Tables {
  /** Where two pairs in a row may be four bytes of an anchor, the low half of the first and the high half of the second share a bit. */
  readonly pairs: Int32Array;
  /** One bit for each hash of a key. */
  readonly bitmap: Int32Array;
  /** The first row of each shorter hash, or -1. */
  readonly slots: Int16Array;
  /** Four numbers each: the key, the anchor, where it begins from the key's place, the next row of this hash or -1. */
  readonly rows: Int32Array;
  /** The anchors one behind the other, and where each begins. */
  readonly texts: Uint8Array;
  readonly places: Int32Array;
  /** 1 for anchors that stand only as they are written. */
  readonly exact: Uint8Array;
}

function windowsOf(text: Buffer, anchor: number, exact: boolean): AnchorWindow[] {
  const window = (at: number) => ({ anchor, bytes: [0, 1, 2, 3].map((offset) => text[at + offset]), delta: -at, exact });
  if (text.length === 3) return [window(0), window(-1)];
  if (text.length === 4) return [window(0), commonness(text, 0, 3) < commonness(text, 1, 3) ? window(-1) : window(1)];
  let best = 0;
  for (let at = 1; at + 5 <= text.length; at++) if (commonness(text, at, 5) < commonness(text, best, 5)) best = at;
  return [window(best), window(best + 1)];
}

function keyOf([first, second = 0, third = 0, last]: AnchorWindow["bytes"]): number {
  const key = (first ?? 0) | (second << 8) | (third << 16) | ((last ?? 0) << 24) | caseless;
  return first === undefined ? key & highThree : last === undefined ? key & lowThree : key;
}

/** How often these bytes are to be expected; of five, the four at the one or the other parity. */
function commonness(text: Buffer, from: number, count: number): number {
  const part = [...text.subarray(from, from + count)].map((byte) => fold[byte] as number);
  return count < 5 ? oddsOf(part) : oddsOf(part.slice(0, 4)) + oddsOf(part.slice(1));
}

/** Grows with the number of hits of one document and is used for the next one. */
const found = { anchors: new Uint16Array(1 << 12), positions: new Uint32Array(1 << 12), count: 0 };
/** Pairs that are looked at in one go, so that what passes one test is still in the cache for the next. */
const blockPairs = 1 << 13;
const candidates = new Int32Array(blockPairs);
/**
 * The tables of the filter that was used last. V8 makes half as many instructions of a read from an array that is a constant of the
 * module: 0.6 instead of 1.2 ms for a megabyte.
 */
const pairsInUse = new Int32Array(1 << 16);
const bitmapInUse = new Int32Array(1 << (bitmapBits - 5));
let inUse: Tables | undefined;

function collect(bytes: Uint8Array, tables: Tables): AnchorHits {
  found.count = 0;
  if (inUse !== tables) {
    pairsInUse.set(tables.pairs);
    bitmapInUse.set(tables.bitmap);
    inUse = tables;
  }
  // pairs of bytes lie at even addresses
  const shift = bytes.byteOffset & 1;
  const pairs = new Uint16Array(bytes.buffer, bytes.byteOffset + shift, Math.max(bytes.length - shift, 0) >> 1);
  if (shift === 1) lookUp(-1, gramAt(bytes, -1), bytes, tables);
  for (let from = 1; from < pairs.length; from += blockPairs) {
    const count = narrow(pairs, passing(pairs, from, Math.min(from + blockPairs, pairs.length)));
    for (let index = 0; index < count; index++) {
      const at = candidates[index] as number;
      lookUp(2 * at - 2 + shift, gramEnding(pairs, at), bytes, tables);
    }
  }
  for (let at = Math.max(2 * pairs.length - 2, 0) + shift; at < bytes.length; at += 2) lookUp(at, gramAt(bytes, at), bytes, tables);
  return found;
}

/** Pairs of which, with the one before, the table says that they may belong to an anchor. Without a branch, which nobody could predict. */
function passing(pairs: Uint16Array, from: number, to: number): number {
  let count = 0;
  let before = pairsInUse[pairs[from - 1] as number] as number;
  for (let at = from; at < to; at++) {
    const now = pairsInUse[pairs[at] as number] as number;
    candidates[count] = at;
    count += ((before & (now >>> 16)) + 0xffff) >>> 16;
    before = now;
  }
  return count;
}

/** Keeps those of the candidates whose four bytes, or three of them, an anchor may have. */
function narrow(pairs: Uint16Array, count: number): number {
  let kept = 0;
  for (let index = 0; index < count; index++) {
    const at = candidates[index] as number;
    const gram = gramEnding(pairs, at);
    candidates[kept] = at;
    kept += (bitOf(gram) | bitOf(gram & lowThree) | bitOf(gram & highThree)) & 1;
  }
  return kept;
}

function bitOf(key: number): number {
  const bit = Math.imul(key, multiplier) >>> (32 - bitmapBits);
  return (bitmapInUse[bit >>> 5] as number) >>> bit;
}

function gramEnding(pairs: Uint16Array, at: number): number {
  return (pairs[at - 1] as number) | ((pairs[at] as number) << 16) | caseless;
}

/** The four bytes at a place near the edge; 0 for those beyond it. */
function gramAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24) | caseless;
}

function lookUp(at: number, gram: number, bytes: Uint8Array, tables: Tables): void {
  compare(at, gram, bytes, tables);
  compare(at, gram & lowThree, bytes, tables);
  compare(at, gram & highThree, bytes, tables);
}

function compare(at: number, key: number, bytes: Uint8Array, tables: Tables): void {
  const { slots, rows } = tables;
  const slot = Math.imul(key, multiplier) >>> (32 - slotBits);
  for (let row = slots[slot] as number; row !== -1; row = rows[4 * row + 3] as number) {
    if (rows[4 * row] !== key) continue;
    const anchor = rows[4 * row + 1] as number;
    const start = at + (rows[4 * row + 2] as number);
    if (stands(anchor, bytes, start, tables)) note(anchor, start);
  }
}

function stands(anchor: number, bytes: Uint8Array, start: number, { texts, places, exact }: Tables): boolean {
  const end = places[anchor + 1] as number;
  let at = places[anchor] as number;
  if (start < 0 || start + end - at > bytes.length) return false;
  const folded = exact[anchor] === 1 ? same : fold;
  for (let place = start; at < end; at++, place++) if (folded[bytes[place] as number] !== texts[at]) return false;
  return true;
}

function note(anchor: number, position: number): void {
  if (found.count === found.anchors.length) {
    const anchors = new Uint16Array(2 * found.count);
    const positions = new Uint32Array(2 * found.count);
    anchors.set(found.anchors);
    positions.set(found.positions);
    Object.assign(found, { anchors, positions });
  }
  found.anchors[found.count] = anchor;
  found.positions[found.count] = position;
  found.count++;
}
