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

const fold = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));
const same = Uint8Array.from({ length: 256 }, (_, byte) => byte);

/**
 * Looks at the four bytes at every second place and asks a bitmap whether an anchor may have these four. Each anchor is entered
 * twice, once for each parity of its place, by its rarest five bytes; what is shorter is filled up with every possible byte. What
 * passes is looked up and compared. Nothing is missed: test/detector/prefilter.test.ts holds it against a plain search.
 */
export function buildFilter(anchors: readonly Anchor[]): AnchorFilter {
  const texts = anchors.map(({ text, exact }) => Buffer.from(exact ? text : text.toLowerCase(), "latin1"));
  for (const text of texts) if (text.length < 3) throw new RangeError(`the anchor '${text}' has fewer than 3 bytes`);
  const bitmap = new Int32Array(1 << (bitmapBits - 5));
  const slots = new Int32Array(1 << slotBits).fill(-1);
  const rows: number[] = [];
  const enter = (gram: number, anchor: number, delta: number) => {
    const hash = Math.imul(gram, multiplier);
    const bit = hash >>> (32 - bitmapBits);
    bitmap[bit >>> 5] = (bitmap[bit >>> 5] as number) | (1 << (bit & 31));
    const slot = hash >>> (32 - slotBits);
    rows.push(gram, anchor, delta, slots[slot] as number);
    slots[slot] = rows.length - 4;
  };
  for (const [anchor, text] of texts.entries()) enterGrams(text, (gram, delta) => enter(gram, anchor, delta));
  const tables = { bitmap, slots, rows: Int32Array.from(rows), texts, folds: anchors.map(({ exact }) => (exact ? same : fold)) };
  return { hits: (bytes) => collect(bytes, tables) };
}

/** 256 KiB: it has to stay in the second-level cache beside what is scanned. */
const bitmapBits = 21;
const slotBits = 16;
const multiplier = 0x9e3779b1;
/** Sets the bit in which upper and lower case differ; other bytes fall together too, which costs a comparison at most. */
const caseless = 0x20202020;

interface Tables {
  /** One bit for each hash of four bytes. */
  readonly bitmap: Int32Array;
  /** The first row of each shorter hash, or -1. */
  readonly slots: Int32Array;
  /** Four numbers each: the four bytes, the anchor, where it begins from their place, the next row of this hash or -1. */
  readonly rows: Int32Array;
  readonly texts: readonly Buffer[];
  /** How a byte of the document is taken before it is compared with an anchor's. */
  readonly folds: readonly Uint8Array[];
}

/** Every four bytes that may stand at an even place where an anchor stands, and from there (`delta`) to its first byte. */
function enterGrams(text: Buffer, enter: (gram: number, delta: number) => void): void {
  const byte = (at: number) => text[at] ?? 0;
  const three = (at: number) => byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16);
  const four = (at: number) => three(at) | (byte(at + 3) << 24) | caseless | 0;
  if (text.length > 4) {
    let best = 0;
    for (let place = 1; place + 5 <= text.length; place++) if (commonness(text, place) < commonness(text, best)) best = place;
    enter(four(best), -best);
    enter(four(best + 1), -best - 1);
    return;
  }
  if (text.length === 4) enter(four(0), 0);
  for (const any of every) {
    if (text.length === 4) enter(three(1) | (any << 24) | caseless | 0, -1);
    else {
      enter(three(0) | (any << 24) | caseless | 0, 0);
      enter((three(0) << 8) | any | caseless | 0, 1);
    }
  }
}

/** Every byte, as far as `caseless` leaves a difference. */
const every = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => (byte & caseless) !== 0);

/** The bytes of source text (JavaScript, JSON, Markdown, Python, YAML), the most frequent first; counted on 300 MB of packages. */
const frequent = " etrosinacl\npudmh\"/gf.:*b,;()y_v=w-{}k\tx`[]0?1|2>q'@jz34<&65+8$\\!9#7";
const frequency = Float64Array.from({ length: 256 }, (_, byte) => {
  const rank = frequent.indexOf(String.fromCharCode(byte));
  return rank === -1 ? 0.0005 : 0.2 / (rank + 2);
});

/** How often the five bytes from here are to be expected, in either half. */
function commonness(text: Buffer, at: number): number {
  const of = (offset: number) => frequency[text[at + offset] ?? 0] ?? 0;
  return of(1) * of(2) * of(3) * (of(0) + of(4));
}

/** Grows with the number of hits of one document and is used for the next one. */
const found = { anchors: new Uint16Array(1 << 12), positions: new Uint32Array(1 << 12), count: 0 };

function collect(bytes: Uint8Array, tables: Tables): AnchorHits {
  const { bitmap } = tables;
  found.count = 0;
  // pairs of bytes lie at even addresses
  const shift = bytes.byteOffset & 1;
  const pairs = new Uint16Array(bytes.buffer, bytes.byteOffset + shift, Math.max(bytes.length - shift, 0) >> 1);
  if (shift === 1) lookUp(-1, gramAt(bytes, -1), bytes, tables);
  const end = pairs.length - 1;
  let gram = (pairs[0] ?? 0) << 16;
  for (let at = 0; at < end; at++) {
    gram = (gram >>> 16) | ((pairs[at + 1] as number) << 16);
    const hash = Math.imul(gram | caseless, multiplier) >>> (32 - bitmapBits);
    if ((((bitmap[hash >>> 5] as number) >>> hash) & 1) !== 0) lookUp(2 * at + shift, gram | caseless, bytes, tables);
  }
  for (let at = Math.max(2 * end, 0) + shift; at < bytes.length; at += 2) lookUp(at, gramAt(bytes, at), bytes, tables);
  return found;
}

/** The four bytes at a place near the edge; 0 for those beyond it. */
function gramAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24) | caseless;
}

function lookUp(at: number, gram: number, bytes: Uint8Array, { slots, rows, texts, folds }: Tables): void {
  const slot = Math.imul(gram, multiplier) >>> (32 - slotBits);
  for (let row = slots[slot] as number; row !== -1; row = rows[row + 3] as number) {
    if (rows[row] !== gram) continue;
    const anchor = rows[row + 1] as number;
    const start = at + (rows[row + 2] as number);
    if (stands(texts[anchor] as Buffer, bytes, start, folds[anchor] as Uint8Array)) note(anchor, start);
  }
}

function stands(text: Buffer, bytes: Uint8Array, start: number, folded: Uint8Array): boolean {
  if (start < 0 || start + text.length > bytes.length) return false;
  for (let offset = 0; offset < text.length; offset++) if (folded[bytes[start + offset] as number] !== text[offset]) return false;
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
