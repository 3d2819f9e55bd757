/** Shannon entropy of a text over its own characters, bits per character. */
export function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

/**
 * How hard a value is to guess, bits: its length times the size of the smallest alphabet that holds it, never more than
 * twice what its own characters show (a long repetition is not hard to guess).
 */
export function estimatedBits(text: string): number {
  const alphabet =
    (/[a-z]/.test(text) ? 26 : 0) + (/[A-Z]/.test(text) ? 26 : 0) + (/\d/.test(text) ? 10 : 0) + (/[^A-Za-z0-9]/.test(text) ? 20 : 0);
  const hex = /^[0-9a-f]+$/i.test(text);
  return Math.round(text.length * Math.min(Math.log2(hex ? 16 : Math.max(alphabet, 2)), 2 * entropy(text)));
}

/**
 * Whether a value that nothing but its name speaks for reads as random: it has letters and digits, and changes between lower case,
 * upper case and digits again and again. Words joined by separators, versions, paths and UUIDs (most of them are ids) do not.
 */
export function readsAsRandom(text: string): boolean {
  if (!/\d/.test(text) || !/[A-Za-z]/.test(text) || /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return false;
  if (/^(?:0x)?[0-9a-f]+$/i.test(text)) return text.length >= 32 && entropy(text) >= 3;
  const pieces = text.split(/[^A-Za-z0-9]+/);
  const changes = pieces.reduce((sum, piece) => sum + (piece.match(/[a-z](?=[A-Z\d])|[A-Z](?=[a-z\d])|\d(?=[A-Za-z])/g)?.length ?? 0), 0);
  return changes >= text.length * 0.2 && entropy(text) >= Math.min(3.7, 0.85 * Math.log2(text.length));
}
