import type { CompiledPattern } from "./compile.ts";

/** Where an anchor stands: `detector` indexes the ruleset, `position` is a 0-based byte offset. */
export interface AnchorHit {
  readonly detector: number;
  readonly pattern: CompiledPattern;
  readonly position: number;
}

export interface AnchorFilter {
  /** Every occurrence of every anchor, ASCII case-insensitively, in order of position. */
  hits(bytes: Uint8Array): AnchorHit[];
}

interface Anchor {
  readonly text: string;
  readonly index: number;
  readonly pattern: CompiledPattern;
}

const fold = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));

/**
 * One pass over the bytes: the folded 3-gram of every position goes through a bitmap (2 MiB), and only what passes is
 * compared with the anchors that begin so. It is exact: an anchor of 3 bytes or more can not be missed.
 */
export function buildFilter(anchors: readonly Anchor[]): AnchorFilter {
  const bitmap = new Uint8Array(1 << 21);
  const buckets = new Map<number, { text: Uint8Array; users: Anchor[] }[]>();
  for (const anchor of anchors) {
    const text = Buffer.from(anchor.text.toLowerCase(), "latin1");
    if (text.length < 3) throw new RangeError(`the anchor '${anchor.text}' has fewer than 3 bytes`);
    const gram = ((text[0] ?? 0) << 16) | ((text[1] ?? 0) << 8) | (text[2] ?? 0);
    bitmap[gram >>> 3] = (bitmap[gram >>> 3] ?? 0) | (1 << (gram & 7));
    const bucket = buckets.get(gram) ?? [];
    const same = bucket.find((entry) => Buffer.compare(entry.text, text) === 0);
    if (same === undefined) bucket.push({ text, users: [anchor] });
    else same.users.push(anchor);
    buckets.set(gram, bucket);
  }
  return { hits: (bytes) => collect(bytes, bitmap, buckets) };
}

function collect(
  bytes: Uint8Array,
  bitmap: Uint8Array,
  buckets: ReadonlyMap<number, { text: Uint8Array; users: Anchor[] }[]>,
): AnchorHit[] {
  const found: AnchorHit[] = [];
  const end = bytes.length;
  let gram = ((fold[bytes[0] ?? 0] ?? 0) << 8) | (fold[bytes[1] ?? 0] ?? 0);
  for (let at = 2; at < end; at++) {
    gram = ((gram << 8) | (fold[bytes[at] as number] as number)) & 0xffffff;
    if (((bitmap[gram >>> 3] as number) & (1 << (gram & 7))) === 0) continue;
    const start = at - 2;
    for (const { text, users } of buckets.get(gram) ?? []) {
      if (!matches(bytes, start, text)) continue;
      for (const { index, pattern } of users) found.push({ detector: index, pattern, position: start });
    }
  }
  return found;
}

function matches(bytes: Uint8Array, start: number, text: Uint8Array): boolean {
  if (start + text.length > bytes.length) return false;
  for (let offset = 3; offset < text.length; offset++) {
    if (fold[bytes[start + offset] as number] !== text[offset]) return false;
  }
  return true;
}
