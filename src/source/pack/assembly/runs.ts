/**
 * Cuts a text into units at places that only the bytes before them determine: at about every second line end, and in long lines at
 * white space, quotes and angle brackets. Hashes every run of units: equal runs of different texts have equal hashes.
 */

/** Units in a run: as far as what makes a credential of a text may stand from it. */
const length: u32 = 6;
/** What is longer without a line end is cut elsewhere. Bytes. */
const longest: usize = 256;
/** What is longer is cut at any line end. Bytes. */
const enough: usize = 512;

/** Hash and beginning of the last units. */
const units: usize = memory.data(8 * 8, 8);
const starts: usize = memory.data(4 * 8, 8);
let keyA: u64 = 0x9e3779b97f4a7c15;
let keyB: u64 = 0xd6e8feb86659fd93;
let keyToTheLength: u64 = 0;

/** Random numbers, so that nobody can make texts whose hashes are equal. */
export function setKeys(a: u64, b: u64): void {
  keyA = a | 1;
  keyB = b | 1;
  keyToTheLength = 1;
  for (let index: u32 = 0; index < length; index++) keyToTheLength *= keyA;
}

/**
 * Writes for each run where its first unit begins and its last one ends, from `from`, and its hash (four u32), and gives the number
 * of runs. A text of fewer units is one run. `to` needs 16 bytes for each 5 of the text, and 16 more.
 */
export function hashRuns(from: usize, size: u32, to: usize): u32 {
  const end = from + size;
  let begin = from;
  let number: u32 = 0;
  let runs: u32 = 0;
  let hash: u64 = 0;
  for (let block = from; block < end; block += 16) {
    let found = marks(block, block + 16 - begin > longest);
    if (block + 16 > end) found &= (1 << <u32>(end - block)) - 1;
    while (found != 0) {
      const place = block + ctz(found);
      found &= found - 1;
      if (!isCut(place, begin)) continue;
      hash = pushed(hash, begin, place + 1, number, from);
      begin = place + 1;
      number++;
      if (number >= length) note(to + (runs++ << 4), hash, number, from, begin);
    }
  }
  if (begin < end || number == 0) {
    hash = pushed(hash, begin, end, number, from);
    number++;
    if (number >= length) note(to + (runs++ << 4), hash, number, from, end);
  }
  if (number < length) note(to + (runs++ << 4), hash + number, number, from, end);
  return runs;
}

/** A bit for each byte of a block at which a unit may end. */
// @ts-ignore: decorator
@inline
function marks(block: usize, cut: bool): i32 {
  const bytes = v128.load(block);
  let found = i8x16.eq(bytes, i8x16.splat(10));
  if (cut) {
    found = v128.or(found, i8x16.le_u(bytes, i8x16.splat(32)));
    found = v128.or(found, i8x16.eq(bytes, i8x16.splat(34)));
    found = v128.or(found, i8x16.eq(bytes, i8x16.splat(39)));
    found = v128.or(found, i8x16.eq(v128.or(bytes, i8x16.splat(2)), i8x16.splat(62)));
    found = v128.or(found, i8x16.eq(bytes, i8x16.splat(96)));
  }
  return i8x16.bitmask(found);
}

// @ts-ignore: decorator
@inline
function isCut(place: usize, begin: usize): bool {
  const before = load<u32>(place - 4) * 0x9e3779b1;
  const size = place - begin;
  if (load<u8>(place) == 10) return size >= enough || (size >= 4 && before >>> 31 == 0);
  return size > longest && before >>> 29 == 0;
}

// @ts-ignore: decorator
@inline
function pushed(hash: u64, begin: usize, end: usize, number: u32, from: usize): u64 {
  const unit = hashUnit(begin, end);
  const slot = units + ((number % length) << 3);
  hash = hash * keyA + unit;
  if (number >= length) hash -= keyToTheLength * load<u64>(slot);
  store<u64>(slot, unit);
  store<u32>(starts + ((number % length) << 2), <u32>(begin - from));
  return hash;
}
function note(to: usize, hash: u64, number: u32, from: usize, end: usize): void {
  const first = number >= length ? load<u32>(starts + ((number % length) << 2)) : 0;
  let mixed = hash ^ (hash >> 32);
  mixed *= keyB;
  mixed ^= mixed >> 29;
  store<u32>(to, first);
  store<u32>(to + 4, <u32>(end - from));
  store<u64>(to + 8, mixed);
}

// @ts-ignore: decorator
@inline
function hashUnit(from: usize, end: usize): u64 {
  let hash = keyB ^ <u64>(end - from);
  let at = from;
  for (; at + 8 <= end; at += 8) hash = mix(hash ^ load<u64>(at));
  const left = <u64>(end - at);
  if (left > 0) hash = mix(hash ^ (load<u64>(at) & ((1 << (left << 3)) - 1)));
  return hash;
}

// @ts-ignore: decorator
@inline
function mix(value: u64): u64 {
  value *= keyB;
  return value ^ (value >> 32);
}
