import { oddsOf } from "./byte-frequency.ts";
import { type Gate, gateTables } from "./gate.ts";
import { pairTable } from "./pair-table.ts";
import { type Found, Search } from "./search.ts";

/** A literal of 3 bytes or more that a pattern's matches contain, or stand near. */
export interface Anchor {
  readonly text: string;
  /** Only as it is written; otherwise in upper and lower case. */
  readonly exact: boolean;
}

export interface AnchorFilter {
  /** Every occurrence of every anchor whose gate is open, once for each of its users, and what may be encoded. Valid until the next call. */
  search(bytes: Uint8Array): Found;
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

/**
 * Looks at the pairs of bytes at even addresses, one load each: a table says whether two pairs in a row may be four bytes of an
 * anchor. Each anchor is entered twice, once for each parity of its place, by its rarest five bytes. Of what passes a bitmap is asked
 * whether an anchor has just these four bytes, and what passes that is looked up and compared. Nothing is missed:
 * test/detector/prefilter.test.ts holds it against a plain search. `users`: the gate of each user of each anchor; hits have the
 * number of the user, counted through all anchors.
 */
export function buildFilter(
  anchors: readonly Anchor[],
  users: readonly (readonly (Gate | undefined)[])[] = anchors.map(() => [undefined]),
): AnchorFilter {
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
  const firstUsers = new Int32Array(texts.length + 1);
  for (const [anchor, all] of users.entries()) firstUsers[anchor + 1] = (firstUsers[anchor] as number) + all.length;
  const gates = gateTables(users.flat());
  const own = {
    pairs: pairTable(windows),
    bitmap,
    slots,
    rows,
    texts: new Uint8Array(Buffer.concat(texts)),
    places,
    exact,
    heads: headsOf(texts, exact),
  };
  let search: Search | undefined;
  return {
    search(bytes) {
      search ??= new Search({ ...own, users: firstUsers, ...gates });
      return search.run(bytes);
    },
  };
}

const bitmapBits = 18;
const slotBits = 14;
const multiplier = 0x9e3779b1;
/** Sets the bit in which upper and lower case differ; other bytes fall together too, which costs a comparison at most. */
const caseless = 0x20202020;
/** Leave the last, or the first, of four bytes open. No key of four bytes is one of these: each of its bytes has the bit of `caseless`. */
const [lowThree, highThree] = [0x00ffffff, 0xffffff00];

export interface Tables {
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
  /** 32 bytes each: the first eight of an anchor, the bits of letters that make upper case lower, which of the eight count, and its length. */
  readonly heads: Uint8Array;
}

function headsOf(texts: readonly Buffer[], exact: Uint8Array): Uint8Array {
  const heads = Buffer.alloc(32 * texts.length);
  for (const [anchor, text] of texts.entries()) {
    const at = 32 * anchor;
    for (const [index, byte] of text.subarray(0, 8).entries()) {
      heads[at + index] = byte;
      heads[at + 8 + index] = exact[anchor] === 0 && byte >= 97 && byte <= 122 ? 32 : 0;
      heads[at + 16 + index] = 255;
    }
    heads.writeUInt32LE(text.length, at + 24);
  }
  return heads;
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
