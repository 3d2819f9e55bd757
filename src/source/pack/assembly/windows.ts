/** What of a text has to be searched when its base is clean: what is new, with the lines around it. */

/** Lines around what is new that any pattern needs: names before a value, words near it, the parts of a pair. */
const lines: u32 = 6;
/** Of those lines at most so much, and of text without line ends at least. Bytes. */
const context: usize = 1024;
/** The line that what is new stands in is taken in whole up to this length: it may be encoded. Bytes. */
const longestLine: usize = 16 << 10;

/**
 * Widens stretches (start and end, two u32 each, rising) to windows, which take their place. Gives how many windows there are, joined where
 * they meet.
 */
export function widen(text: usize, size: u32, stretches: usize, count: u32): u32 {
  let windows: u32 = 0;
  let last: usize = 0;
  for (let stretch: u32 = 0; stretch < count; stretch++) {
    const at = stretches + (stretch << 3);
    const start: usize = load<u32>(at);
    const end = linesAfter(text, size, load<u32>(at, 4));
    const window = stretches + (windows << 3);
    const first = windows > 0 && start <= last ? start : linesBefore(text, start);
    if (windows > 0 && first <= last) {
      last = max(last, end);
      store<u32>(window - 4, <u32>last);
    } else {
      store<u32>(window, <u32>first);
      store<u32>(window + 4, <u32>end);
      last = end;
      windows++;
    }
  }
  return windows;
}

function linesBefore(text: usize, start: usize): usize {
  let at = start;
  for (let line: u32 = 0; line <= lines; line++) {
    const whole = at; // where the last line begins that is taken
    if (line > 0) at--;
    const reach = line == 0 ? longestLine : context;
    const least = start > reach ? start - reach : 0;
    at = lineStart(text, at, least);
    if (at <= least) return line == 0 ? least : min(whole, least);
  }
  return at;
}

function linesAfter(text: usize, size: usize, end: usize): usize {
  let at = end;
  for (let line: u32 = 0; line <= lines; line++) {
    const whole = at;
    const most = min(end + (line == 0 ? longestLine : context), size);
    at = lineEnd(text, at, most);
    if (at >= most) return line == 0 ? most : max(whole, most);
    at++;
  }
  return at;
}

/** Where the line begins that `at` stands in, or `least`. */
function lineStart(text: usize, at: usize, least: usize): usize {
  while (at > least) {
    const found = i8x16.bitmask(i8x16.eq(v128.load(text + at - 16), i8x16.splat(10)));
    if (found != 0) return <usize>max(<i32>at + 16 - clz(found), <i32>least);
    at = at - least > 16 ? at - 16 : least;
  }
  return at;
}

/** Where the line ends that `at` stands in, or `most`. */
function lineEnd(text: usize, at: usize, most: usize): usize {
  for (; at < most; at += 16) {
    const found = i8x16.bitmask(i8x16.eq(v128.load(text + at), i8x16.splat(10)));
    if (found != 0) return min(at + ctz(found), most);
  }
  return most;
}

/** The place behind the beginning of the last `-----BEGIN` that begins in the `reach` bytes before `end`; 0 where there is none. */
export function keyBefore(text: usize, end: u32, reach: u32): u32 {
  const least = max(<i32>end - <i32>reach, 0);
  const dash = i8x16.splat(45);
  for (let block = <i32>end - 16; block > least - 16; block -= 16) {
    const at = text + block;
    const dashes = v128.and(i8x16.eq(v128.load(at), dash), i8x16.eq(v128.load(at, 4), dash));
    let found = i8x16.bitmask(v128.and(dashes, i8x16.eq(v128.load(at, 5), i8x16.splat(66))));
    if (block < least) found &= -1 << (least - block);
    while (found != 0) {
      const bit = 31 - clz(found);
      found ^= 1 << bit;
      if (isBegin(at + bit)) return block + bit + 1;
    }
  }
  return 0;
}

/** `-----BEGIN` */
// @ts-ignore: decorator
@inline
function isBegin(at: usize): bool {
  return load<u64>(at) == 0x4745422d2d2d2d2d && load<u16>(at, 8) == 0x4e49;
}
