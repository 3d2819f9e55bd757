import { ensure } from "./memory";

/** Runs of letters of base64, base64url and hex, those that may encode text, and whether there are escapes. */

/** Letters. */
const shortest: u32 = 16;
const shortestEncoded: u32 = 24;

/** Of start and end (two u32) of every run, in order of position; behind them those of what may be encoded, with its padding. */
export let runs: usize = 0;
export let runCount: u32 = 0;
export let encoded: usize = 0;
export let encodedCount: u32 = 0;
/** For each block of the text the number of the first run that ends in it or behind it (u32). */
export let firstRuns: usize = 0;
export const blockBits: u32 = 7;
/** Whether there is a `%41`, and whether there is a `\u` or `\x`. */
export let hasPercent: bool = false;
export let hasEscape: bool = false;
/** Where literals end that a program may join with the next one (u32), if a run begins or ends one of those. */
export let joints: usize = 0;
export let jointCount: u32 = 0;

/** Finds them in the text from `text`; what they need is written from `to`. Gives the first free place. */
export function findRuns(text: usize, size: u32, to: usize): usize {
  const blocks = (<usize>size >>> blockBits) + 2;
  ensure(to + (blocks << 2) + ((<usize>size / (shortest + 1) + 2) << 4) + 16);
  firstRuns = to;
  runs = (to + (blocks << 2) + 7) & ~7;
  hasPercent = false;
  hasEscape = false;
  const count = collect(text, size);
  runCount = count;
  encoded = runs + (count << 3);
  indexRuns(firstRuns + (blocks << 2));
  const isJoined = findJoined(text, size);
  encodedCount = collectEncoded(text, size);
  joints = encoded + (encodedCount << 3);
  jointCount = isJoined ? collectJoints(text, size) : 0;
  return (joints + (jointCount << 2) + 7) & ~7;
}

/** A run of 16 goes over, or up to, the end of a block of 16 bytes: what lies within a block is not looked at. The text is followed by zeros. */
// @ts-ignore: decorator
@inline
function collect(text: usize, size: u32): u32 {
  let at = runs;
  let open: u32 = 0; // letters of the run that goes up to the end of the last block
  let signs = i8x16.splat(0);
  for (let place: u32 = 0; place <= size; place += 16) {
    const bytes = v128.load(text + place);
    signs = v128.or(signs, i8x16.eq(bytes, i8x16.splat(37)));
    signs = v128.or(signs, i8x16.eq(bytes, i8x16.splat(92)));
    const others = ~lettersOf(bytes) | 0xffff0000;
    const leading = ctz(others);
    if (leading == 16) {
      open += 16;
      continue;
    }
    if (open + leading >= shortest) {
      store<u32>(at, place - open);
      store<u32>(at, place + leading, 4);
      at += 8;
    }
    open = clz(others << 16);
  }
  if (v128.any_true(signs)) findSigns(text, size);
  return <u32>(at - runs) >>> 3;
}

/** Bytes between two literals, at most. */
const between: usize = 160;

function findJoined(text: usize, size: u32): bool {
  for (let at = runs; at < encoded; at += 8) {
    const start = text + load<u32>(at);
    const end = text + load<u32>(at, 4);
    if (isQuote(load<u8>(end)) && goesOn(end + 1, text + size)) return true;
    if (start > text && isQuote(load<u8>(start - 1)) && goesBack(start - 2, text)) return true;
  }
  return false;
}

/** Of each plus and line end behind a quote the place of that quote, where another literal follows. */
function collectJoints(text: usize, size: u32): u32 {
  const end = text + size;
  ensure(joints + (<usize>size << 1) + 16);
  let to = joints;
  for (let block = text; block < end; block += 16) {
    const bytes = v128.load(block);
    let found = i8x16.bitmask(v128.or(i8x16.eq(bytes, i8x16.splat(10)), i8x16.eq(bytes, i8x16.splat(43))));
    for (; found != 0; found &= found - 1) {
      const joint = block + ctz(found);
      const least = max(text, joint - min(joint, between));
      let at = joint - 1;
      while (at > least && isBlank(load<u8>(at))) at--;
      if (at < text || !isQuote(load<u8>(at)) || !goesOn(at + 1, end)) continue;
      store<u32>(to, <u32>(at - text));
      to += 4;
    }
  }
  return <u32>(to - joints) >>> 2;
}

function goesOn(at: usize, size: usize): bool {
  const limit = min(size, at + between);
  let joins = false;
  for (; at < limit && isBetween(load<u8>(at)); at++) joins = joins || load<u8>(at) == 43 || load<u8>(at) == 10;
  if (!joins) return false;
  for (let prefix = 0; prefix < 2 && isPrefix(load<u8>(at)); prefix++) at++;
  return isQuote(load<u8>(at));
}

function goesBack(at: usize, text: usize): bool {
  for (let prefix = 0; prefix < 2 && at > text && isPrefix(load<u8>(at)); prefix++) at--;
  const limit = max(text, at - min(at, between));
  let joins = false;
  for (; at > limit && isBetween(load<u8>(at)); at--) joins = joins || load<u8>(at) == 43 || load<u8>(at) == 10;
  return joins && isQuote(load<u8>(at));
}

// @ts-ignore: decorator
@inline
function isQuote(byte: u32): bool {
  return byte == 34 || byte == 39 || byte == 96;
}

// @ts-ignore: decorator
@inline
function isBlank(byte: u32): bool {
  return byte == 32 || byte == 10 || byte == 9 || byte == 13;
}

/** White space and plus. */
// @ts-ignore: decorator
@inline
function isBetween(byte: u32): bool {
  return byte == 43 || isBlank(byte);
}

/** `f"…"`, `rb'…'` */
// @ts-ignore: decorator
@inline
function isPrefix(byte: u32): bool {
  const lower = byte | 32;
  return lower == 102 || lower == 98 || lower == 114 || lower == 117;
}

function indexRuns(end: usize): void {
  let block = firstRuns;
  for (let number: u32 = 0; number < runCount; number++) {
    const last = firstRuns + (<usize>(load<u32>(runs + (number << 3), 4) >>> blockBits) << 2);
    for (; block <= last; block += 4) store<u32>(block, number);
  }
  for (; block < end; block += 4) store<u32>(block, runCount);
}

/** A bit for each letter. Two halves of a byte have groups; letters are those bytes whose halves share one. */
// @ts-ignore: decorator
@inline
function lettersOf(bytes: v128): u32 {
  const low = i8x16.swizzle(i8x16(26, 30, 30, 30, 30, 30, 30, 30, 30, 30, 28, 5, 4, 5, 4, 13), v128.and(bytes, i8x16.splat(15)));
  const high = i8x16.swizzle(i8x16(0, 0, 1, 2, 4, 8, 4, 16, 0, 0, 0, 0, 0, 0, 0, 0), i8x16.shr_u(bytes, 4));
  return <u32>i8x16.bitmask(i8x16.ne(v128.and(low, high), i8x16.splat(0)));
}

function findSigns(text: usize, size: u32): void {
  for (let at = text; at < text + size; at += 16) {
    const bytes = v128.load(at);
    let found = i8x16.bitmask(v128.or(i8x16.eq(bytes, i8x16.splat(37)), i8x16.eq(bytes, i8x16.splat(92))));
    for (; found != 0; found &= found - 1) {
      const sign = at + ctz(found);
      const next: u32 = load<u8>(sign, 1);
      if (load<u8>(sign) == 92) hasEscape = hasEscape || next == 117 || next == 120;
      else hasPercent = hasPercent || (isHex(next) && isHex(load<u8>(sign, 2)));
    }
    if (hasPercent && hasEscape) return;
  }
}

function collectEncoded(text: usize, size: u32): u32 {
  let to = encoded;
  for (let at = runs; at < encoded; at += 8) {
    const start = load<u32>(at);
    let end = load<u32>(at, 4);
    if (end - start < shortestEncoded || !(beginsText(text + start) || beginsHex(text + start))) continue;
    if (end < size && load<u8>(text + end) == 61) end++;
    if (end < size && load<u8>(text + end) == 61 && load<u8>(text + end - 1) == 61) end++;
    store<u32>(to, start);
    store<u32>(to, end, 4);
    to += 8;
  }
  return <u32>(to - encoded) >>> 3;
}

/** Whether the first 24 letters of base64 give bytes that can begin a text in UTF-8. */
function beginsText(at: usize): bool {
  let following: u32 = 0;
  for (const end = at + shortestEncoded; at < end; at += 4) {
    const bits = (sextet(load<u8>(at)) << 18) | (sextet(load<u8>(at, 1)) << 12) | (sextet(load<u8>(at, 2)) << 6) | sextet(load<u8>(at, 3));
    for (let shift: i32 = 16; shift >= 0; shift -= 8) {
      const byte = (bits >>> shift) & 255;
      if (following > 0) {
        if ((byte & 0xc0) != 0x80) return false;
        following--;
      } else if (byte >= 0x80) {
        if (byte < 0xc2 || byte > 0xf4) return false;
        following = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
      }
    }
  }
  return true;
}

// @ts-ignore: decorator
@inline
function sextet(letter: u32): u32 {
  if (letter >= 97) return letter - 71;
  if (letter >= 65) return letter == 95 ? 63 : letter - 65;
  if (letter >= 48) return letter + 4;
  return letter == 43 || letter == 45 ? 62 : 63;
}

function beginsHex(at: usize): bool {
  for (const end = at + 16; at < end; at++) if (!isHex(load<u8>(at))) return false;
  return true;
}

// @ts-ignore: decorator
@inline
function isHex(byte: u32): bool {
  return byte - 48 < 10 || (byte | 32) - 97 < 6;
}
