import type { Places } from "./walk.ts";

/** Offsets are remembered at every this many UTF-16 units, so that one look-up walks at most so far. */
const step = 1024;

/** Byte offsets and 1-based lines of a text, for as many look-ups as a hostile file can cause. */
export function placesOf(text: string): Places {
  const bytes = [0];
  const starts = [0];
  let total = 0;
  for (let at = 0; at < text.length; at++) {
    total += size(text, at);
    if ((at + 1) % step === 0) bytes.push(total);
    if (text.charCodeAt(at) === 0x0a) starts.push(at + 1);
  }
  return {
    byteOf(offset) {
      const block = Math.min(Math.floor(offset / step), bytes.length - 1);
      let byte = bytes[block] ?? 0;
      for (let at = block * step; at < offset && at < text.length; at++) byte += size(text, at);
      return byte;
    },
    lineOf(offset) {
      let [low, high] = [0, starts.length];
      while (high - low > 1) {
        const middle = (low + high) >>> 1;
        if ((starts[middle] ?? 0) <= offset) low = middle;
        else high = middle;
      }
      return low + 1;
    },
  };
}

/** UTF-8 bytes of one UTF-16 unit; a surrogate pair has four, two for each half. */
function size(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (unit < 0x80) return 1;
  if (unit < 0x800) return 2;
  if (unit < 0xd800 || unit > 0xdfff) return 3;
  if (unit < 0xdc00) return isLow(text.charCodeAt(at + 1)) ? 2 : 3;
  return at > 0 && isHigh(text.charCodeAt(at - 1)) ? 2 : 3;
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
