/** 1-based line, and column in UTF-16 units, of a byte offset. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Line starts of a document, built once and only where something was found. */
export class LineIndex {
  readonly #bytes: Uint8Array;
  readonly #starts: number[] = [0];
  /** The last place that was asked for. A line may be a whole file: what comes next is counted from here. */
  #last = { line: 1, offset: 0, column: 1 };

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) this.#starts.push(at + 1);
  }

  position(offset: number): Position {
    const line = this.#lineOf(offset);
    const known = this.#last.line === line && this.#last.offset <= offset;
    const from = known ? this.#last : { offset: this.#starts[line - 1] ?? 0, column: 1 };
    const column =
      from.column + new TextDecoder("utf-8", { ignoreBOM: from.offset > 0 }).decode(this.#bytes.subarray(from.offset, offset)).length;
    this.#last = { line, offset, column };
    return { line, column };
  }

  /** The text of a line, at most 4 KiB around the offset, as latin1: for looking for markers, never for output. */
  lineAround(offset: number): string {
    const line = this.#lineOf(offset);
    const start = Math.max(this.#starts[line - 1] ?? 0, offset - 2048);
    const end = Math.min(this.#starts[line] ?? this.#bytes.length, offset + 2048);
    return Buffer.from(this.#bytes.subarray(start, end)).toString("latin1");
  }

  #lineOf(offset: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }
}
