/** A stretch of a text: 0-based byte offsets, end exclusive. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** Bytes. */
const bucket = 256;

/** Stretches by place: ten thousand of them in one file must not be compared with each other one by one. */
export class Spans<T extends Span> {
  readonly #buckets = new Map<number, T[]>();

  constructor(items: Iterable<T> = []) {
    for (const item of items) this.add(item);
  }

  add(item: T): void {
    for (let number = Math.floor(item.start / bucket); number * bucket < Math.max(item.end, item.start + 1); number++) {
      const known = this.#buckets.get(number);
      if (known === undefined) this.#buckets.set(number, [item]);
      else known.push(item);
    }
  }

  delete(item: T): void {
    for (let number = Math.floor(item.start / bucket); number * bucket < Math.max(item.end, item.start + 1); number++) {
      const known = this.#buckets.get(number) ?? [];
      this.#buckets.set(
        number,
        known.filter((other) => other !== item),
      );
    }
  }

  /** The first added of those that share a byte with a stretch and fit. */
  overlapping({ start, end }: Span, fits: (item: T) => boolean = () => true): T | undefined {
    for (let number = Math.floor(start / bucket); number * bucket < end; number++) {
      const found = this.#buckets.get(number)?.find((other) => other.start < end && start < other.end && fits(other));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
