import { getRandomValues } from "node:crypto";

/** Runs of lines that stand in text which holds no credential. Plain data in shared memory: what one worker learns all know. */
export interface RunTable {
  /** One tag a slot; a newer run takes the place of an older one, which is then searched again. */
  readonly tags: Int32Array;
  readonly keys: BigUint64Array;
}

/** 32 MiB: half of it costs a tenth more to search of a long history, twice as much saves as much. */
const slotBits = 23;
/** Runs that are looked up in one go. */
const together = 1024;
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
  readonly #unknown = new Int32Array(together);
  /** Slots and tags of the runs of a text of which it is not known yet whether it is clean. */
  #pending = new Int32Array(1 << 10);
  #count = 0;

  constructor({ tags }: RunTable) {
    this.#tags = tags;
  }

  /** Adds start and end of the stretches that no known run covers to `found`. `runs` as of `Unpacker.runs`, for a text that begins at `offset`. */
  addUnknown(runs: Uint32Array, offset: number, found: number[]): void {
    for (let from = 0; from < runs.length; from += 4 * together) {
      const count = this.#look(runs, from, Math.min(from + 4 * together, runs.length));
      for (let index = 0; index < count; index++) {
        const run = this.#unknown[index] as number;
        this.#note((runs[run + 2] as number) >>> (32 - slotBits), (runs[run + 3] as number) | 0);
        const [start, end] = [offset + (runs[run] as number), offset + (runs[run + 1] as number)];
        const last = found.length - 1;
        if (last > 0 && start - (found[last] as number) <= near) found[last] = end;
        else found.push(start, end);
      }
    }
  }

  /** Lists the runs that are not known. Without a branch: the table is in no cache, and only so are several of its lines fetched at once. */
  #look(runs: Uint32Array, from: number, to: number): number {
    const tags = this.#tags;
    const unknown = this.#unknown;
    let count = 0;
    for (let run = from; run < to; run += 4) {
      const difference = (tags[(runs[run + 2] as number) >>> (32 - slotBits)] as number) ^ ((runs[run + 3] as number) | 0);
      unknown[count] = run;
      count += (difference | -difference) >>> 31;
    }
    return count;
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
