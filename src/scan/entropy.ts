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
