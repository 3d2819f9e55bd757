/**
 * Marvin32, the keyed hash by which Azure marks its keys (detection.md §4.3): 32 bits, the high half of the state XOR the low half.
 * The seed is 8 ASCII characters, read as one big-endian number.
 */
export function marvin32(bytes: Uint8Array, seed: string): number {
  const key = Buffer.from(seed, "latin1");
  const { low, high } = marvin64(bytes, key.readUInt32BE(4), key.readUInt32BE(0));
  return (low ^ high) >>> 0;
}

/** The whole state as two unsigned 32-bit words. */
export function marvin64(bytes: Uint8Array, seedLow: number, seedHigh: number): { low: number; high: number } {
  let [low, high] = [seedLow >>> 0, seedHigh >>> 0];
  const mix = () => {
    high ^= low;
    low = rotate(low, 20);
    low = (low + high) >>> 0;
    high = rotate(high, 9);
    high ^= low;
    low = rotate(low, 27);
    low = (low + high) >>> 0;
    high = rotate(high, 19);
  };
  const padded = Buffer.alloc(Math.floor(bytes.length / 4) * 4 + 4);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  for (let at = 0; at < padded.length; at += 4) {
    low = (low + padded.readUInt32LE(at)) >>> 0;
    mix();
  }
  mix();
  return { low: low >>> 0, high: high >>> 0 };
}

function rotate(word: number, by: number): number {
  return ((word << by) | (word >>> (32 - by))) >>> 0;
}
