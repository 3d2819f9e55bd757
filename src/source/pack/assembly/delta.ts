/** Git deltas (gitformat-pack, "Deltified representation") in linear memory. Writes up to 8 bytes past what it makes. */

/** Stretches that are nearer to each other than this are one: deltas are made of many small copies. Bytes. */
const near: u32 = 512;

let at: usize = 0;

/** The size that a delta makes of its base, 0xffffffff where it was made for a base of another size. */
export function patchedSize(delta: usize, length: u32, baseSize: u32): u32 {
  at = delta;
  const expected = readSize(delta + length);
  const size = readSize(delta + length);
  return expected == baseSize && size < 0xffffffff ? <u32>size : 0xffffffff;
}

/**
 * Writes what a delta makes of its base, and start and end (two u32) of each stretch that the base does not have in this form to
 * `fresh`, rising; a place where two copies meet is an empty one. Gives their number, -1 where the delta does not fit.
 */
export function applyDelta(base: usize, baseSize: u32, delta: usize, length: u32, to: usize, size: u32, fresh: usize): i32 {
  patchedSize(delta, length, baseSize);
  const end = delta + length;
  let filled: u32 = 0;
  let expected: u32 = 0; // where a copy that goes on from the one before would begin
  let noted: u32 = 0;
  let lastEnd: u32 = 0;
  while (at < end) {
    const opcode: u32 = load<u8>(at++);
    let start = filled;
    if (opcode == 0) return -1;
    if (opcode < 0x80) {
      if (at + opcode > end || filled + opcode > size) return -1;
      copy(to + filled, at, opcode);
      at += opcode;
      filled += opcode;
      expected = 0xffffffff;
    } else {
      let offset: u32 = 0;
      let count: u32 = 0;
      if (opcode & 0x01) offset = load<u8>(at++);
      if (opcode & 0x02) offset |= <u32>load<u8>(at++) << 8;
      if (opcode & 0x04) offset |= <u32>load<u8>(at++) << 16;
      if (opcode & 0x08) offset |= <u32>load<u8>(at++) << 24;
      if (opcode & 0x10) count = load<u8>(at++);
      if (opcode & 0x20) count |= <u32>load<u8>(at++) << 8;
      if (opcode & 0x40) count |= <u32>load<u8>(at++) << 16;
      if (count == 0) count = 0x10000;
      if (<u64>offset + count > baseSize || <u64>filled + count > size) return -1;
      copy(to + filled, base + offset, count);
      filled += count;
      const follows = offset == expected;
      expected = offset + count;
      if (follows) continue;
    }
    const stop = opcode < 0x80 ? filled : start;
    if (noted > 0 && start - lastEnd <= near) {
      store<u32>(fresh + (noted << 3) - 4, stop);
    } else {
      store<u32>(fresh + (noted << 3), start);
      store<u32>(fresh + (noted << 3) + 4, stop);
      noted++;
    }
    lastEnd = stop;
  }
  if (at != end || filled != size) return -1;
  if (expected == baseSize) return noted;
  // the end of the text is new too
  if (noted > 0 && size - lastEnd <= near) {
    store<u32>(fresh + (noted << 3) - 4, size);
  } else {
    store<u32>(fresh + (noted << 3), size);
    store<u32>(fresh + (noted << 3) + 4, size);
    noted++;
  }
  return noted;
}

function readSize(end: usize): u64 {
  let size: u64 = 0;
  for (let shift: u64 = 0; shift < 63 && at < end; shift += 7) {
    const byte: u64 = load<u8>(at++);
    size |= (byte & 0x7f) << shift;
    if (byte < 0x80) return size;
  }
  return u64.MAX_VALUE;
}

// @ts-ignore: decorator
@inline
function copy(to: usize, from: usize, count: u32): void {
  if (count > 256) {
    memory.copy(to, from, count);
    return;
  }
  const end = to + count;
  while (to < end) {
    store<u64>(to, load<u64>(from));
    to += 8;
    from += 8;
  }
}
