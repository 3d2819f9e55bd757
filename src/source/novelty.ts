import { utf16Of } from "../decode/utf16.ts";

/** Lines around what is new that any pattern needs: names before a value, words near it, the parts of a pair. */
const lines = 6;
/** Of those lines at most so much, and of text without line ends at least. Bytes. */
const context = 1024;
/** The line that what is new stands in is taken in whole up to this length: it may be encoded. Bytes. */
const longestLine = 16 << 10;
/** Where more than this share is to be searched, the whole is. */
const most = 0.8;
/** Nothing that goes over several lines is longer than a private key. Bytes. */
const longestBlock = 16 << 10;

/**
 * Start and end of the stretches of a blob that have to be searched when its base holds no credential: what the base does not have,
 * with the whole lines and blocks around it. `fresh` are starts and ends, rising. Undefined where that would be most of the blob anyway.
 */
export function noveltyWindows(bytes: Buffer, fresh: readonly number[]): number[] | undefined {
  if (isWide(bytes)) return undefined;
  const windows: number[] = [];
  let total = 0;
  for (let at = 0; at < fresh.length; at += 2) {
    const [start, end] = [fresh[at] ?? 0, fresh[at + 1] ?? 0];
    total += add(windows, ...withBlock(bytes, linesBefore(bytes, start), linesAfter(bytes, end), start));
    if (total > bytes.length * most) return undefined;
  }
  return windows;
}

/** The same stretches, none of which begins in the middle of a private key. */
export function withKeyBlocks(bytes: Buffer, stretches: readonly number[]): number[] {
  const whole: number[] = [];
  for (let at = 0; at < stretches.length; at += 2) {
    const [start, end] = [stretches[at] ?? 0, stretches[at + 1] ?? 0];
    add(whole, ...withBlock(bytes, start, end, start));
  }
  return whole;
}

/** Adds a window to rising ones, joined with the last where they meet; gives how many bytes there are more. */
function add(windows: number[], first: number, last: number): number {
  const [start, end] = [windows.at(-2), windows.at(-1)];
  if (start === undefined || end === undefined || first > end) {
    windows.push(first, last);
    return last - first;
  }
  windows.splice(-2, 2, Math.min(first, start), Math.max(last, end));
  return Math.max(last - end, 0);
}

function linesBefore(bytes: Buffer, start: number): number {
  let at = start;
  for (let line = 0; line <= lines; line++) {
    const next = at === 0 ? -1 : bytes.lastIndexOf(10, at - 1);
    const reach = line === 0 ? longestLine : context;
    if (next === -1 || start - next > reach) return Math.max(start - reach, 0);
    at = next;
  }
  return at + 1;
}

function linesAfter(bytes: Buffer, end: number): number {
  let at = end;
  for (let line = 0; line <= lines; line++) {
    const next = bytes.indexOf(10, at);
    const reach = line === 0 ? longestLine : context;
    if (next === -1 || next - end > reach) return Math.min(end + reach, bytes.length);
    at = next + 1;
  }
  return at;
}

/** A private key goes over many lines: what is new in its middle needs its first line too. */
function withBlock(bytes: Buffer, first: number, last: number, start: number): [number, number] {
  const from = Math.max(start - longestBlock, 0);
  // only forward searches are fast
  let begin = -1;
  for (let at = bytes.subarray(from, start + 10).indexOf("-----BEGIN"); at !== -1; ) {
    begin = from + at;
    const next = bytes.subarray(begin + 10, start + 10).indexOf("-----BEGIN");
    at = next === -1 ? -1 : begin + 10 + next - from;
  }
  if (begin === -1) return [first, last];
  const block = bytes.subarray(begin, begin + longestBlock);
  const end = block.indexOf("-----END");
  if (end === -1) return [Math.min(first, begin), last];
  return begin + end + 64 < first ? [first, last] : [Math.min(first, begin), Math.max(last, Math.min(begin + end + 64, bytes.length))];
}

/** UTF-16: its lines are not what ends in a byte 10. */
export function isWide(bytes: Buffer): boolean {
  return utf16Of(bytes) !== undefined;
}
