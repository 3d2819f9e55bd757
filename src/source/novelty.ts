/** Lines around what is new that any pattern needs: names before a value, words near it, the parts of a pair. */
const lines = 6;
/** Of those lines at most so much, and of text without line ends at least. Bytes. */
const context = 1024;
/** The line that what is new stands in is taken in whole up to this length: it may be encoded. Bytes. */
const longestLine = 16 << 10;
/** Stretches that are nearer to each other than this are one. Bytes. */
const near = 512;
/** Where more than this share is to be searched, the whole is. */
const most = 0.8;
/** Nothing that goes over several lines is longer than a private key. Bytes. */
const longestBlock = 16 << 10;

/**
 * The stretches of a blob that have to be searched when its base holds no credential: what the base does not have, with the whole
 * lines and blocks around it. `fresh` are starts and ends, rising. Undefined where that would be most of the blob anyway.
 */
export function noveltyWindows(bytes: Buffer, fresh: readonly number[]): Buffer[] | undefined {
  if (isWide(bytes)) return undefined;
  const windows: [start: number, end: number][] = [];
  let total = 0;
  for (let at = 0; at < fresh.length; ) {
    const start = fresh[at] ?? 0;
    let end = fresh[at + 1] ?? 0;
    // deltas are made of many small copies: what is near belongs together
    for (at += 2; at < fresh.length && (fresh[at] ?? 0) - end <= near; at += 2) end = fresh[at + 1] ?? 0;
    const [first, last] = widened(bytes, start, end);
    const before = windows.at(-1);
    if (before !== undefined && first <= before[1]) {
      total += Math.max(last - before[1], 0);
      before[0] = Math.min(before[0], first);
      before[1] = Math.max(before[1], last);
    } else {
      total += last - first;
      windows.push([first, last]);
    }
    if (total > bytes.length * most) return undefined;
  }
  return windows.map(([start, end]) => bytes.subarray(start, end));
}

function widened(bytes: Buffer, start: number, end: number): [number, number] {
  return withBlock(bytes, linesBefore(bytes, start), linesAfter(bytes, end), start);
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

function isWide(bytes: Buffer): boolean {
  return bytes.length >= 2 && (bytes.readUInt16BE(0) === 0xfffe || bytes.readUInt16BE(0) === 0xfeff);
}
