import { ensure } from "./memory";
import { blockBits, firstRuns, runCount, runs } from "./runs";

/**
 * Where anchors stand that have a run near them, if they need one: a stride of two bytes through a table of pairs, then a bitmap of
 * four bytes, then the anchors themselves. The tables are made in ../prefilter.ts.
 */

let pairs: usize = 0;
let bitmap: usize = 0;
let slots: usize = 0;
let rows: usize = 0;
let texts: usize = 0;
let places: usize = 0;
let exact: usize = 0;
let heads: usize = 0;
let users: usize = 0;
let gates: usize = 0;
let steps: usize = 0;
let sets: usize = 0;

export function setTables(
  pairsAt: usize,
  bitmapAt: usize,
  slotsAt: usize,
  rowsAt: usize,
  textsAt: usize,
  placesAt: usize,
  exactAt: usize,
  headsAt: usize,
  usersAt: usize,
  gatesAt: usize,
  stepsAt: usize,
  setsAt: usize,
): void {
  pairs = pairsAt;
  bitmap = bitmapAt;
  slots = slotsAt;
  rows = rowsAt;
  texts = textsAt;
  places = placesAt;
  exact = exactAt;
  heads = headsAt;
  users = usersAt;
  gates = gatesAt;
  steps = stepsAt;
  sets = setsAt;
}

/** The number of a user of an anchor and the anchor's place (two u32) for each hit. */
export let hits: usize = 0;
export let hitCount: u32 = 0;

let next: usize = 0;
let limit: usize = 0;
let text: usize = 0;
let size: u32 = 0;

const bitmapBits: u32 = 18;
const slotBits: u32 = 14;
const multiplier: u32 = 0x9e3779b1;
const caseless: u32 = 0x20202020;
const lowThree: u32 = 0x00ffffff;
const highThree: u32 = 0xffffff00;

/** What is looked at in one go, so that what passes one test is still in the cache for the next. Bytes. */
const block: usize = 1 << 14;
const candidates: usize = memory.data(4 * (1 << 13) + 64, 16);

/** The text is followed by zeros, and lies at an even address. Hits are written from `to`. */
export function findAnchors(from: usize, length: u32, to: usize): void {
  text = from;
  size = length;
  hits = to;
  next = to;
  limit = <usize>memory.size() << 16;
  const end = text + size;
  for (let at = text + 2; at < end; at += block) {
    const count = narrow(passing(at, min(at + block, end)));
    for (let index: usize = candidates; index < count; index += 4) {
      const place = <usize>load<u32>(index) - 2;
      const gram = load<u32>(place) | caseless;
      if (bit(gram) & 1) compare(place, gram);
      if (bit(gram & lowThree) & 1) compare(place, gram & lowThree);
      if (bit(gram & highThree) & 1) compare(place, gram & highThree);
    }
  }
  hitCount = <u32>(next - hits) >>> 3;
}

/** Pairs of which, with the one before, the table says that they may belong to an anchor. Gives where their list ends. */
// @ts-ignore: decorator
@inline
function passing(from: usize, to: usize): usize {
  let list = candidates;
  let before = pair(load<u16>(from - 2));
  for (let at = from; at < to; at += 8) {
    const bytes = load<u64>(at);
    let now = pair(<u32>bytes & 0xffff);
    store<u32>(list, <u32>at);
    list += <usize>((before & (now >>> 16)) != 0) << 2;
    before = now;
    now = pair(<u32>(bytes >>> 16) & 0xffff);
    store<u32>(list, <u32>at + 2);
    list += <usize>((before & (now >>> 16)) != 0) << 2;
    before = now;
    now = pair(<u32>(bytes >>> 32) & 0xffff);
    store<u32>(list, <u32>at + 4);
    list += <usize>((before & (now >>> 16)) != 0) << 2;
    before = now;
    now = pair(<u32>(bytes >>> 48));
    store<u32>(list, <u32>at + 6);
    list += <usize>((before & (now >>> 16)) != 0) << 2;
    before = now;
  }
  return list;
}

// @ts-ignore: decorator
@inline
function pair(number: u32): u32 {
  return load<u32>(pairs + (number << 2));
}

/** Keeps those of the candidates whose four bytes, or three of them, an anchor may have. */
// @ts-ignore: decorator
@inline
function narrow(end: usize): usize {
  let kept = candidates;
  for (let index = candidates; index < end; index += 4) {
    const at = load<u32>(index);
    const gram = load<u32>(at - 2) | caseless;
    store<u32>(kept, at);
    kept += ((bit(gram) | bit(gram & lowThree) | bit(gram & highThree)) & 1) << 2;
  }
  return kept;
}

// @ts-ignore: decorator
@inline
function bit(key: u32): u32 {
  const number = (key * multiplier) >>> (32 - bitmapBits);
  return <u32>load<u8>(bitmap + (number >>> 3)) >>> (number & 7);
}

// @ts-ignore: decorator
@inline
function compare(at: usize, key: u32): void {
  const slot = (key * multiplier) >>> (32 - slotBits);
  for (let row: i32 = load<i16>(slots + (slot << 1)); row != -1; row = load<i32>(rows + (<usize>row << 4), 12)) {
    const entry = rows + (<usize>row << 4);
    if (load<u32>(entry) != key) continue;
    const anchor = load<u32>(entry, 4);
    const start = <i32>(at - text) + load<i32>(entry, 8);
    if (stands(anchor, start)) note(anchor, start);
  }
}

/** The first eight bytes in one comparison, the rest one by one. Behind the text are zeros. */
// @ts-ignore: decorator
@inline
function stands(anchor: u32, start: i32): bool {
  const head = heads + (<usize>anchor << 5);
  const length = load<u32>(head, 24);
  if (start < 0 || <u32>start + length > size) return false;
  const at = text + start;
  if (((load<u64>(at) | load<u64>(head, 8)) & load<u64>(head, 16)) != load<u64>(head)) return false;
  return length <= 8 || restStands(anchor, at);
}

function restStands(anchor: u32, at: usize): bool {
  let letter = texts + load<u32>(places + (anchor << 2));
  const end = texts + load<u32>(places + (anchor << 2), 4);
  const isExact = load<u8>(exact + anchor) == 1;
  for (at += 8, letter += 8; letter < end; at++, letter++) {
    let byte: u32 = load<u8>(at);
    if (!isExact && byte - 65 < 26) byte |= 32;
    if (byte != load<u8>(letter)) return false;
  }
  return true;
}

function note(anchor: u32, position: u32): void {
  const end = load<u32>(users + (anchor << 2), 4);
  for (let user = load<u32>(users + (anchor << 2)); user < end; user++) {
    if (!isOpen(gates + 44 * user, position)) continue;
    if (next + 8 > limit) {
      ensure(limit + (1 << 20));
      limit = <usize>memory.size() << 16;
    }
    store<u32>(next, user);
    store<u32>(next, position, 4);
    next += 8;
  }
}

// @ts-ignore: decorator
@inline
function isOpen(gate: usize, position: i32): bool {
  if (load<u32>(gate, 20) > 0 && !hasSteps(gate, position)) return false;
  if (load<u32>(gate) > 0 && !hasRun(gate, position)) return false;
  return load<u32>(gate, 24) == 0 || hasStretch(gate, position);
}

/** Whether bytes of the right sets stand around the anchor. */
function hasSteps(gate: usize, position: i32): bool {
  const from = position + load<i32>(gate, 12);
  if (from < 0) return false;
  let place = text + from;
  let step = steps + (<usize>load<u32>(gate, 16) << 3);
  for (const end = step + (<usize>load<u32>(gate, 20) << 3); step < end; step += 8) {
    const set = sets + (<usize>load<u32>(step) << 8);
    const stop = place + load<u32>(step, 4);
    if (stop > text + size) return false;
    for (; place < stop; place++) if (load<u8>(set + load<u8>(place)) == 0) return false;
  }
  return true;
}

/** Whether enough bytes of a set stand near in a row. */
function hasStretch(gate: usize, position: i32): bool {
  const least = load<i32>(gate, 24);
  const first = max(position + load<i32>(gate, 28), 0);
  const last = min(position + load<i32>(gate, 32), <i32>size - least);
  const set = sets + (<usize>load<u32>(gate, 36) << 8);
  if (load<u32>(gate, 40) == 0) return beginsStretch(set, least, first, last);
  if (last < 0 || first >= <i32>size) return false;
  const end = runs + (runCount << 3);
  for (let at = firstRun(first); at < end && load<i32>(at) <= last; at += 8) {
    const latest = min(last, load<i32>(at, 4) - least);
    if (beginsStretch(set, least, max(first, load<i32>(at)), latest)) return true;
  }
  return false;
}

/** Whether one begins between `start` and `last`. Looks first at where it would end: most bytes are never looked at. */
// @ts-ignore: decorator
@inline
function beginsStretch(set: usize, least: i32, start: i32, last: i32): bool {
  while (start <= last) {
    let place = start + least - 1;
    while (place >= start && load<u8>(set + load<u8>(text + place)) == 1) place--;
    if (place < start) return true;
    start = place + 1;
  }
  return false;
}

/** No run that ends behind a place begins before this one. */
// @ts-ignore: decorator
@inline
function firstRun(place: i32): usize {
  return runs + (load<u32>(firstRuns + (<usize>(max(place, 0) >>> blockBits) << 2)) << 3);
}

/** Whether a run is near that is long enough. */
function hasRun(gate: usize, position: i32): bool {
  const least = load<i32>(gate);
  const first = position + load<i32>(gate, 4);
  const last = min(position + load<i32>(gate, 8), <i32>size);
  if (last < 0 || first >= <i32>size) return false;
  const end = runs + (runCount << 3);
  for (let at = firstRun(first); at < end && load<i32>(at) <= last; at += 8) if (load<i32>(at, 4) - max(load<i32>(at), first) >= least) return true;
  return false;
}
