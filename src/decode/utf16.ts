/** How a text is UTF-16, and how many bytes its byte order mark has: 2, or 0 where the bytes themselves say it. */
export interface Utf16 {
  readonly step: "utf-16le" | "utf-16be";
  readonly mark: 0 | 2;
}

/** Units that are looked at where there is no mark. */
const sample = 512;

/**
 * Whether bytes are UTF-16, by their mark, or because nearly every second byte at the beginning is zero and the others are not: so is text
 * that is mostly ASCII, and nothing else that people commit.
 */
export function utf16Of(bytes: Uint8Array): Utf16 | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return { step: "utf-16le", mark: 2 };
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return { step: "utf-16be", mark: 2 };
  if (!mayBeWide(bytes)) return undefined;
  const units = Math.min(bytes.length >> 1, sample);
  let [first, second] = [0, 0];
  for (let unit = 0; unit < units; unit++) {
    if (bytes[2 * unit] === 0) first++;
    if (bytes[2 * unit + 1] === 0) second++;
  }
  if (second >= units * 0.8 && first <= units * 0.02) return { step: "utf-16le", mark: 0 };
  return first >= units * 0.8 && second <= units * 0.02 ? { step: "utf-16be", mark: 0 } : undefined;
}

/** Whether one of the first bytes is zero. */
function mayBeWide(bytes: Uint8Array): boolean {
  if (bytes.length < 16) return false;
  for (let at = 0; at < 16; at++) if (bytes[at] === 0) return true;
  return false;
}
