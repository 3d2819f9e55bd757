/** A stretch of a text: 0-based byte offsets, end exclusive. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** Stretches in order of position: the n-th from `starts[n]` to `ends[n]`, for n < `count`. */
export interface Runs {
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  readonly count: number;
}

/** What of a text may be encoded. */
export interface Encoded {
  /** In base64 or hex: all that could give text, and some that could not. */
  readonly runs: readonly Stretch[];
  /** Whether something is written as `%41`, and whether as `\u0041` or `\x41`; it may be said of what is not. */
  readonly percent: boolean;
  readonly escapes: boolean;
  /** Closing quotes of string literals that may be one text with the next literal: all of them, if a run stands in one. */
  readonly joints: ArrayLike<number> & Iterable<number>;
}

/** The letters of base64, base64url and hex, of which nearly every credential has this many in a row. */
export const runLetters = new Uint8Array(256);
for (const letter of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-") runLetters[letter.charCodeAt(0)] = 1;
export const shortestRun = 16;

/** Grows with the number of runs of one text and is used for the next one. */
const found = { starts: new Uint32Array(1 << 12), ends: new Uint32Array(1 << 12), count: 0 };

/**
 * What `[A-Za-z0-9+/_-]{16,}` matches. Valid until the next call. Looks first at the place where the shortest run would end, so most
 * of a text is never looked at.
 */
export function longRuns(bytes: Uint8Array): Runs {
  const { length } = bytes;
  found.count = 0;
  for (let start = 0; start + shortestRun <= length; ) {
    let at = start + shortestRun - 1;
    while (at >= start && runLetters[bytes[at] as number] === 1) at--;
    if (at >= start) {
      start = at + 1;
      continue;
    }
    let end = start + shortestRun;
    while (end < length && runLetters[bytes[end] as number] === 1) end++;
    note(start, end);
    start = end + 1;
  }
  return found;
}

/** Shorter ones decode to nothing that could be a credential. */
const shortestEncoded = 24;

/** Of these runs those that could be base64 or hex, with their padding: what `[A-Za-z0-9+/_-]{24,}={0,2}` matches. */
export function encodedRuns({ starts, ends, count }: Runs, bytes: Uint8Array): Stretch[] {
  const stretches: Stretch[] = [];
  for (let index = 0; index < count; index++) {
    const start = starts[index] as number;
    let end = ends[index] as number;
    if (end - start < shortestEncoded) continue;
    for (let padding = 0; padding < 2 && bytes[end] === 61; padding++) end++;
    stretches.push({ start, end });
  }
  return stretches;
}

function note(start: number, end: number): void {
  if (found.count === found.starts.length) {
    const [starts, ends] = [new Uint32Array(2 * found.count), new Uint32Array(2 * found.count)];
    starts.set(found.starts);
    ends.set(found.ends);
    Object.assign(found, { starts, ends });
  }
  found.starts[found.count] = start;
  found.ends[found.count] = end;
  found.count++;
}
