import { findAnchors, hitCount, hits } from "./anchors";
import { ensure } from "./memory";
import { encoded, encodedCount, findRuns, hasEscape, hasPercent, jointCount, joints } from "./runs";

export { setTables } from "./anchors";

/** Where the text begins. */
let text: usize = 0;

/** What the last search gave: places and numbers of hits and of what may be encoded, and whether there are escapes and joined literals. */
const results: usize = memory.data(8 * 4, 8);

/** The first place that this code does not use itself. */
export function firstFree(): usize {
  return __heap_base;
}

export function resultsAt(): usize {
  return results;
}

/** The tables end here: gives where a text of this size is to be written. */
export function room(end: usize, size: u32): usize {
  text = (end + 31) & ~15;
  ensure(text + size + 64);
  return text;
}

export function search(size: u32): void {
  const end = text + size;
  v128.store(end, i8x16.splat(0));
  v128.store(end, i8x16.splat(0), 16);
  const free = findRuns(text, size, (end + 47) & ~15);
  findAnchors(text, size, free);
  store<u32>(results, <u32>hits);
  store<u32>(results, hitCount, 4);
  store<u32>(results, <u32>encoded, 8);
  store<u32>(results, encodedCount, 12);
  store<u32>(results, <u32>hasPercent, 16);
  store<u32>(results, <u32>hasEscape, 20);
  store<u32>(results, <u32>joints, 24);
  store<u32>(results, jointCount, 28);
}
