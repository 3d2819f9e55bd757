/** What a delta makes of its base. */
export interface Patched {
  readonly bytes: Buffer;
  /** Start and end of each stretch that the base does not have in this form, rising; start = end where two copies meet. */
  readonly fresh: readonly number[];
}

/** Applies a delta (gitformat-pack, "Deltified representation"). Undefined where it does not fit its base or makes more than `most` bytes. */
export function applyDelta(base: Buffer, delta: Buffer, most: number): Patched | undefined {
  const reader = { bytes: delta, at: 0 };
  const baseSize = readSize(reader);
  const size = readSize(reader);
  if (baseSize !== base.length || size > most) return undefined;
  const bytes = Buffer.allocUnsafe(size);
  const fresh: number[] = [];
  let filled = 0;
  let expected = 0; // where a copy that goes on from the one before would begin
  while (reader.at < delta.length) {
    const opcode = delta[reader.at++] ?? 0;
    if (opcode === 0) return undefined;
    if (opcode < 0x80) {
      if (reader.at + opcode > delta.length || filled + opcode > size) return undefined;
      delta.copy(bytes, filled, reader.at, reader.at + opcode);
      note(fresh, filled, filled + opcode);
      reader.at += opcode;
      filled += opcode;
      expected = -1;
      continue;
    }
    const [offset, length] = readCopy(reader, opcode);
    if (offset + length > base.length || filled + length > size) return undefined;
    if (offset !== expected) note(fresh, filled, filled);
    base.copy(bytes, filled, offset, offset + length);
    filled += length;
    expected = offset + length;
  }
  if (filled !== size) return undefined;
  if (expected !== base.length) note(fresh, size, size);
  return { bytes, fresh };
}

/** Stretches that touch become one. */
function note(fresh: number[], start: number, end: number): void {
  if (fresh.length > 0 && fresh[fresh.length - 1] === start) fresh[fresh.length - 1] = end;
  else fresh.push(start, end);
}

interface Reader {
  readonly bytes: Buffer;
  at: number;
}

function readSize(reader: Reader): number {
  let size = 0;
  for (let factor = 1; ; factor *= 128) {
    const byte = reader.bytes[reader.at++] ?? 0;
    size += (byte & 0x7f) * factor;
    if (byte < 0x80) return size;
  }
}

function readCopy(reader: Reader, opcode: number): [offset: number, length: number] {
  const next = (bit: number, factor: number) => (opcode & bit ? (reader.bytes[reader.at++] ?? 0) * factor : 0);
  const offset = next(1, 1) + next(2, 0x100) + next(4, 0x10000) + next(8, 0x1000000);
  const length = next(0x10, 1) + next(0x20, 0x100) + next(0x40, 0x10000);
  return [offset, length === 0 ? 0x10000 : length];
}
