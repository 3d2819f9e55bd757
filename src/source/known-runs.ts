import { getRandomValues } from "node:crypto";

/** Runs of lines that stand in text which holds no credential. Plain data in shared memory: what one worker learns all know. */
export interface RunTable {
  /** One tag a slot; a newer run takes the place of an older one, which is then searched again. */
  readonly tags: Int32Array;
  readonly keys: BigUint64Array;
}

/** 32 MiB: half of it costs a tenth more to search of a long history, twice as much saves as much. */
const slotBits = 23;
/** Stretches that are nearer to each other than this are searched as one. Bytes. */
const near = 256;

export function newRunTable(): RunTable {
  return {
    tags: new Int32Array(new SharedArrayBuffer(4 << slotBits)),
    keys: getRandomValues(new BigUint64Array(2)),
  };
}

/** Which runs of a text were seen in clean text already. */
export class KnownRuns {
  readonly #tags: Int32Array;
  /** Slots and tags of the runs of a text of which it is not known yet whether it is clean. */
  #pending = new Int32Array(1 << 10);
  #count = 0;

  constructor({ tags }: RunTable) {
    this.#tags = tags;
  }

  /** Adds start and end of the stretches that no known run covers to `found`. `runs` as of `Unpacker.runs`, for a text that begins at `offset`. */
  addUnknown(runs: Uint32Array, offset: number, found: number[]): void {
    const tags = this.#tags;
    for (let run = 0; run < runs.length; run += 4) {
      const slot = (runs[run + 2] as number) >>> (32 - slotBits);
      const tag = (runs[run + 3] as number) | 0;
      if (tags[slot] === tag) continue;
      this.#note(slot, tag);
      const [start, end] = [offset + (runs[run] as number), offset + (runs[run + 1] as number)];
      const last = found.length - 1;
      if (last > 0 && start - (found[last] as number) <= near) found[last] = end;
      else found.push(start, end);
    }
  }

  /** The text whose runs were asked for since the last call is clean, or is not. */
  conclude(clean: boolean): void {
    if (clean) for (let at = 0; at < this.#count; at += 2) this.#tags[this.#pending[at] as number] = this.#pending[at + 1] as number;
    this.#count = 0;
  }

  #note(slot: number, tag: number): void {
    if (this.#count === this.#pending.length) {
      const more = new Int32Array(2 * this.#count);
      more.set(this.#pending);
      this.#pending = more;
    }
    this.#pending[this.#count++] = slot;
    this.#pending[this.#count++] = tag;
  }
}
