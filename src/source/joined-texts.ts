/** More than a look at the text before a value, or behind it, goes. Bytes. */
const gap = Buffer.alloc(512, "\n");
/** So much is searched at once. Bytes. */
const enough = 64 << 10;

/**
 * Searches many short texts as one: nearly all are clean, and then so is what they are joined to. Texts that only a reader of their own
 * understands (in another encoding, with NUL bytes) are not searched, and count as not clean.
 */
export class JoinedTexts<Key> {
  /** Of the texts that are not clean. */
  readonly notClean: Key[] = [];
  readonly #isClean: (bytes: Buffer) => boolean;
  readonly #buffer = Buffer.alloc(enough + gap.length);
  #end = 0;
  #texts: { readonly key: Key; readonly start: number; readonly end: number }[] = [];

  constructor(isClean: (bytes: Buffer) => boolean) {
    this.#isClean = isClean;
  }

  add(text: Buffer, key: Key): void {
    if (text.includes(0) || (text[0] ?? 0) >= 0xfe) {
      this.notClean.push(key);
      return;
    }
    if (gap.length + text.length > enough) {
      if (!this.#isClean(text)) this.notClean.push(key);
      return;
    }
    if (this.#end + gap.length + text.length > enough) this.close();
    const start = this.#end + gap.copy(this.#buffer, this.#end);
    this.#end = start + text.copy(this.#buffer, start);
    this.#texts.push({ key, start, end: this.#end });
  }

  /** Searches what was not searched yet. */
  close(): void {
    const end = this.#end + gap.copy(this.#buffer, this.#end);
    if (this.#texts.length > 0 && !this.#isClean(this.#buffer.subarray(0, end)))
      for (const { key, start, end } of this.#texts) if (!this.#isClean(this.#buffer.subarray(start, end))) this.notClean.push(key);
    this.#end = 0;
    this.#texts = [];
  }
}
