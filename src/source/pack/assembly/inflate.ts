/** Inflates zlib streams (RFC 1950, RFC 1951) in linear memory. Reads up to 16 and writes up to 8 bytes past its ranges: leave them free. */

const litBits: u32 = 10;
const distBits: u32 = 8;

/** An entry: value in the upper half, then what it is (a byte), then how many bits it takes (a byte). */
const isLiteral: u32 = 0x4000;
const isEnd: u32 = 0x8000;
const isTable: u32 = 0x2000;
const isWrong: u32 = 0x1000;

// the longest codes of a litlen alphabet fill 286 second-level tables of 32 entries at most
const litTable: usize = memory.data(4 * (1024 + 286 * 32), 8);
const distTable: usize = memory.data(4 * (256 + 30 * 128), 8);
const fixedLit: usize = memory.data(4 * 1024, 8);
const fixedDist: usize = memory.data(4 * 256, 8);
const lengths: usize = memory.data(320, 8);
const counts: usize = memory.data(64, 8);
const sorted: usize = memory.data(2 * 320, 8);
let hasFixed: bool = false;

const lengthBase: usize = memory.data<u16>([
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
]);
const lengthExtra: usize = memory.data<u8>([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]);
const codeOrder: usize = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);

let next: usize = 0;
let bits: u64 = 0;
let count: u64 = 0;
let litMask: u32 = 0;
let distMask: u32 = 0;
/** Where the output begins: no match reaches further back. */
let begin: usize = 0;

// @ts-ignore: decorator
@inline
function refill(): void {
  bits |= load<u64>(next) << count;
  next += <usize>((63 - count) >> 3);
  count |= 56;
}

// @ts-ignore: decorator
@inline
function take(number: u64): u32 {
  const value = <u32>(bits & ((1 << number) - 1));
  bits >>= number;
  count -= number;
  return value;
}

/** Gives whether `from` inflates to exactly `size` bytes and their checksum is right. */
export function inflate(from: usize, length: u32, to: usize, size: u32): bool {
  const end = from + length;
  if (length < 8) return false;
  const head = (<u32>load<u8>(from) << 8) | load<u8>(from, 1);
  if ((head & 0x0f20) != 0x0800 || head % 31 != 0) return false;
  next = from + 2;
  bits = 0;
  count = 0;
  begin = to;
  let out = to;
  const outEnd = to + size;
  let last = false;
  while (!last) {
    if (next > end + 8) return false;
    refill();
    last = take(1) != 0;
    const kind = take(2);
    if (kind == 0) {
      out = stored(out, outEnd, end);
    } else if (kind == 1) {
      if (!hasFixed) buildFixed();
      litMask = 511;
      distMask = 31;
      out = block(out, outEnd, end, fixedLit, fixedDist);
    } else {
      if (kind == 3 || !readTables()) return false;
      out = block(out, outEnd, end, litTable, distTable);
    }
    if (out == 0) return false;
  }
  next -= <usize>(count >> 3);
  if (out != outEnd || next + 4 > end) return false;
  return bswap(load<u32>(next)) == adler(to, size);
}

function stored(out: usize, outEnd: usize, end: usize): usize {
  take(count & 7);
  next -= <usize>(count >> 3);
  bits = 0;
  count = 0;
  if (next + 4 > end) return 0;
  const length: u32 = load<u16>(next);
  if ((length ^ 0xffff) != load<u16>(next, 2)) return 0;
  next += 4;
  if (next + length > end || out + length > outEnd) return 0;
  memory.copy(out, next, length);
  next += length;
  return out + length;
}

/** Decodes symbols up to the end of the block; gives where it stopped writing, 0 where the data is wrong. */
function block(to: usize, outEnd: usize, end: usize, lit: usize, dist: usize): usize {
  let out = to;
  let from = next;
  let held = bits;
  let have = count;
  const lits = litMask;
  const dists = distMask;
  for (;;) {
    if (from > end + 8) return 0; // what is held was read ahead
    held |= load<u64>(from) << have;
    from += <usize>((63 - have) >> 3);
    have |= 56;
    let entry = load<u32>(lit + (<usize>(<u32>held & lits) << 2));
    if (entry & isLiteral) {
      // a second one and what follows fit into what is held
      if (out >= outEnd) return 0;
      store<u8>(out++, <u8>(entry >> 16));
      held >>= entry & 63;
      have -= entry & 63;
      entry = load<u32>(lit + (<usize>(<u32>held & lits) << 2));
      if (entry & isLiteral) {
        if (out >= outEnd) return 0;
        store<u8>(out++, <u8>(entry >> 16));
        held >>= entry & 63;
        have -= entry & 63;
        entry = load<u32>(lit + (<usize>(<u32>held & lits) << 2));
      }
    }
    if (entry & isTable) {
      const index = (entry >> 16) + ((<u32>(held >> (entry & 63))) & ((1 << ((entry >> 8) & 15)) - 1));
      entry = load<u32>(lit + (<usize>index << 2));
    }
    held >>= entry & 63;
    have -= entry & 63;
    if (entry & isLiteral) {
      if (out >= outEnd) return 0;
      store<u8>(out++, <u8>(entry >> 16));
      continue;
    }
    if (entry & (isEnd | isWrong)) {
      if (entry & isWrong) return 0;
      break;
    }
    let extra: u64 = (entry >> 8) & 15;
    const length = (entry >> 16) + (<u32>held & ((1 << (<u32>extra)) - 1));
    held >>= extra;
    have -= extra;
    if (have < 32) {
      held |= load<u64>(from) << have;
      from += <usize>((63 - have) >> 3);
      have |= 56;
    }
    entry = load<u32>(dist + (<usize>(<u32>held & dists) << 2));
    if (entry & isTable) {
      const index = (entry >> 16) + ((<u32>(held >> (entry & 63))) & ((1 << ((entry >> 8) & 15)) - 1));
      entry = load<u32>(dist + (<usize>index << 2));
    }
    if (entry & isWrong) return 0;
    held >>= entry & 63;
    have -= entry & 63;
    extra = (entry >> 8) & 15;
    const distance = (entry >> 16) + (<u32>held & ((1 << (<u32>extra)) - 1));
    held >>= extra;
    have -= extra;
    if (out - begin < <usize>distance || out + length > outEnd) return 0;
    out = copyMatch(out, distance, length);
  }
  next = from;
  bits = held;
  count = have;
  return out;
}

// @ts-ignore: decorator
@inline
function copyMatch(to: usize, distance: u32, length: u32): usize {
  const end = to + length;
  let from = to - distance;
  if (distance >= 8) {
    do {
      store<u64>(to, load<u64>(from));
      to += 8;
      from += 8;
    } while (to < end);
  } else {
    do store<u8>(to++, load<u8>(from++));
    while (to < end);
  }
  return end;
}

/** The code lengths of a dynamic block and their tables. */
function readTables(): bool {
  const lits = take(5) + 257;
  const dists = take(5) + 1;
  const codes = take(4) + 4;
  if (lits > 286 || dists > 30) return false;
  memory.fill(lengths, 0, 19);
  for (let index: u32 = 0; index < codes; index++) {
    if (count < 3) refill();
    store<u8>(lengths + load<u8>(codeOrder + index), <u8>take(3));
  }
  const mask = buildTable(lengths, 19, distTable, 7, 0);
  if (mask == 0) return false;
  let filled: u32 = 0;
  while (filled < lits + dists) {
    refill();
    const entry = load<u32>(distTable + (<usize>(<u32>bits & mask) << 2));
    if (entry & isWrong) return false;
    take(entry & 63);
    const symbol = entry >> 16;
    if (symbol < 16) {
      store<u8>(lengths + filled++, <u8>symbol);
      continue;
    }
    let length: u8 = 0;
    let repeat: u32;
    if (symbol == 16) {
      if (filled == 0) return false;
      length = load<u8>(lengths + filled - 1);
      repeat = 3 + take(2);
    } else {
      repeat = symbol == 17 ? 3 + take(3) : 11 + take(7);
    }
    if (filled + repeat > lits + dists) return false;
    memory.fill(lengths + filled, length, repeat);
    filled += repeat;
  }
  if (load<u8>(lengths + 256) == 0) return false;
  litMask = buildTable(lengths, lits, litTable, litBits, 1);
  distMask = buildTable(lengths + lits, dists, distTable, distBits, 2);
  return litMask != 0 && distMask != 0;
}

function buildFixed(): void {
  memory.fill(lengths, 8, 144);
  memory.fill(lengths + 144, 9, 112);
  memory.fill(lengths + 256, 7, 24);
  memory.fill(lengths + 280, 8, 8);
  buildTable(lengths, 288, fixedLit, 9, 1);
  memory.fill(lengths, 5, 32);
  buildTable(lengths, 32, fixedDist, 5, 2);
  hasFixed = true;
}

/** The table of a canonical code; gives the mask of its first level, 0 where the lengths are no code. `alphabet`: 0 code lengths, 1 litlen, 2 distances. */
function buildTable(codeLengths: usize, symbols: u32, table: usize, most: u32, alphabet: u32): u32 {
  memory.fill(counts, 0, 64);
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const at = counts + (<usize>load<u8>(codeLengths + symbol) << 1);
    store<u16>(at, load<u16>(at) + 1);
  }
  let longest: u32 = 15;
  while (longest > 0 && load<u16>(counts + (longest << 1)) == 0) longest--;
  // the places where each length begins among the sorted symbols, in the second half of `counts`
  let left: i32 = 1;
  let sum: u16 = 0;
  for (let length: u32 = 1; length <= 15; length++) {
    store<u16>(counts + 32 + (length << 1), sum);
    const number = load<u16>(counts + (length << 1));
    sum += number;
    left = (left << 1) - number;
    if (left < 0) return 0;
  }
  const firstBits: u32 = longest == 0 ? 1 : min(most, longest);
  const size: u32 = 1 << firstBits;
  if (left > 0) {
    // zlib allows an incomplete code only where it has one code of one bit, or none
    if (alphabet == 0 || longest > 1) return 0;
    for (let index: u32 = 0; index < size; index++) store<u32>(table + (index << 2), isWrong | 1);
  }
  for (let symbol: u32 = 0; symbol < symbols; symbol++) {
    const length = load<u8>(codeLengths + symbol);
    if (length == 0) continue;
    const at = counts + 32 + (<usize>length << 1);
    const place = load<u16>(at);
    store<u16>(sorted + (<usize>place << 1), <u16>symbol);
    store<u16>(at, place + 1);
  }
  const secondBits = longest > firstBits ? longest - firstBits : 0;
  let tables = size;
  let prefix: u32 = 0xffffffff;
  let second: u32 = 0;
  let code: u32 = 0; // with its bits reversed, as they stand in the stream
  for (let place: u32 = 0; place < <u32>sum; place++) {
    const symbol: u32 = load<u16>(sorted + (place << 1));
    const length: u32 = load<u8>(codeLengths + symbol);
    const entry = entryOf(symbol, alphabet) | length;
    if (length <= firstBits) {
      for (let index = code; index < size; index += 1 << length) store<u32>(table + (index << 2), entry);
    } else {
      const low = code & (size - 1);
      if (low != prefix) {
        prefix = low;
        second = tables;
        tables += 1 << secondBits;
        store<u32>(table + (low << 2), (second << 16) | isTable | (secondBits << 8) | firstBits);
      }
      for (let index = code >> firstBits; index < <u32>(1 << secondBits); index += 1 << (length - firstBits))
        store<u32>(table + ((second + index) << 2), entry);
    }
    let bit: u32 = 1 << (length - 1);
    while (code & bit) bit >>= 1;
    code = bit == 0 ? 0 : (code & (bit - 1)) | bit;
  }
  return size - 1;
}

// @ts-ignore: decorator
@inline
function entryOf(symbol: u32, alphabet: u32): u32 {
  if (alphabet == 0) return symbol << 16;
  if (alphabet == 1) {
    if (symbol < 256) return (symbol << 16) | isLiteral;
    if (symbol == 256) return isEnd;
    if (symbol > 285) return isWrong;
    return (<u32>load<u16>(lengthBase + ((symbol - 257) << 1)) << 16) | (<u32>load<u8>(lengthExtra + symbol - 257) << 8);
  }
  if (symbol > 29) return isWrong;
  if (symbol < 4) return (symbol + 1) << 16;
  const extra = (symbol >> 1) - 1;
  return ((((2 | (symbol & 1)) << extra) + 1) << 16) | (extra << 8);
}

function adler(from: usize, length: u32): u32 {
  let a: u32 = 1;
  let b: u32 = 0;
  let at = from;
  const end = from + length;
  while (at < end) {
    const stop = min(at + 5552, end);
    while (at + 4 <= stop) {
      const four = load<u32>(at);
      a += four & 255;
      b += a;
      a += (four >> 8) & 255;
      b += a;
      a += (four >> 16) & 255;
      b += a;
      a += four >> 24;
      b += a;
      at += 4;
    }
    while (at < stop) {
      a += load<u8>(at++);
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return (b << 16) | a;
}
