import { readFileSync } from "node:fs";

/** What of the global is used here; the DOM's types are not. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** What `assembly/` exports; places and lengths in linear memory, in bytes. */
interface Code {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  firstFree(): number;
  inflate(from: number, length: number, to: number, size: number): number;
  patchedSize(delta: number, length: number, baseSize: number): number;
  applyDelta(base: number, baseSize: number, delta: number, length: number, to: number, size: number, fresh: number): number;
  setKeys(a: bigint, b: bigint): void;
  hashRuns(from: number, size: number, to: number): number;
  widen(text: number, size: number, stretches: number, count: number): number;
  keyBefore(text: number, end: number, reach: number): number;
}

/** Built from assembly/ by `npm run wasm`; test/source/unpack-build.test.ts builds it again and compares. */
const file = new URL("unpack.wasm", import.meta.url);
let compiled: object | undefined;

/** What the code may read or write past a range. Bytes. */
const slack = 16;
const pageSize = 1 << 16;

/** Objects are small and stand near their bases: most are in a block that was read for another one. Bytes, and how many blocks are kept. */
const blockSize = 8 << 10;
const blocks = 512;
/** What is longer is read for itself. */
const mostBlocks = 8;

type Read = (buffer: Buffer, position: number) => number;

/** Bytes in linear memory. */
export interface Place {
  readonly at: number;
  readonly size: number;
}

/** Stretches of a text, as pairs of u32 in linear memory: start and end, rising. */
export interface Stretches {
  readonly at: number;
  readonly count: number;
}

/** What a delta made. */
export interface Patched extends Place {
  /** What the base does not have in this form; start = end where two copies meet. */
  readonly fresh: Stretches;
}

/** Undoes what git does to objects in packs, in linear memory of its own, which callers use as a stack. */
export class Unpacker {
  readonly #code: Code;
  #bytes: Buffer;
  /** Blocks of the file at fixed places: each stands where its number leaves it, and takes the place of another. */
  readonly #cache: number;
  /** Which blocks are in the cache, by place. */
  readonly #held = new Float64Array(blocks).fill(-1);
  #read: Read = () => 0;
  /** The first free place. */
  readonly start: number;

  constructor() {
    compiled ??= new WebAssembly.Module(readFileSync(file));
    this.#code = new WebAssembly.Instance(compiled).exports as Code;
    this.#bytes = Buffer.from(this.#code.memory.buffer);
    this.#cache = aligned(this.#code.firstFree());
    this.start = aligned(this.#cache + blocks * blockSize);
    this.#ensure(this.start);
  }

  /** A view, valid until the next call. */
  bytes({ at, size }: Place): Buffer {
    return this.#bytes.subarray(at, at + size);
  }

  /** The file that objects are inflated from: `read` fills a buffer with what stands at a position, and gives how many bytes there were. */
  readFrom(read: Read): void {
    this.#read = read;
    this.#held.fill(-1);
  }

  /** Inflates `length` bytes of the file to `at`; undefined where they are damaged or do not make exactly `size` bytes. */
  inflated(at: number, size: number, position: number, length: number): Place | undefined {
    const free = aligned(at + size + slack);
    this.#ensure(free + length + slack);
    const from = this.#cached(position, length) ?? this.#readTo(free, position, length);
    return from !== undefined && this.#code.inflate(from, length, at, size) === 1 ? { at, size } : undefined;
  }

  /** Where a part of the file stands in the cache, which is filled as far as it has to be; undefined where it does not fit into it. */
  #cached(position: number, length: number): number | undefined {
    const first = Math.floor(position / blockSize);
    const last = Math.floor((position + length - 1) / blockSize);
    const slot = first % blocks;
    if (slot + last - first >= blocks || last - first > mostBlocks) return undefined;
    for (let block = first; block <= last; block++) {
      if (this.#held[block % blocks] === block) continue;
      let missing = 1; // those that follow, in one go
      while (block + missing <= last && this.#held[(block + missing) % blocks] !== block + missing) missing++;
      const to = this.#cache + (block % blocks) * blockSize;
      const got = this.#read(this.#bytes.subarray(to, to + missing * blockSize), block * blockSize);
      this.#bytes.fill(0, to + got, to + missing * blockSize); // behind the end of the file
      for (let end = block + missing; block < end; block++) this.#held[block % blocks] = block;
    }
    return this.#cache + slot * blockSize + (position % blockSize);
  }

  #readTo(to: number, position: number, length: number): number | undefined {
    return this.#read(this.#bytes.subarray(to, to + length), position) === length ? to : undefined;
  }

  /** Applies a delta to its base and writes the result to `at`. Undefined where the delta does not fit, or makes more than `most` bytes. */
  patched(base: Place, delta: Place, at: number, most: number): Patched | undefined {
    const size = this.#code.patchedSize(delta.at, delta.size, base.size) >>> 0;
    if (size > most) return undefined;
    const fresh = aligned(at + size + slack);
    this.#ensure(fresh + size / 32 + 4 * slack);
    const count = this.#code.applyDelta(base.at, base.size, delta.at, delta.size, at, size, fresh);
    return count === -1 ? undefined : { at, size, fresh: { at: fresh, count } };
  }

  moved({ at, size }: Place, to: number): Place {
    this.#bytes.copyWithin(to, at, at + size);
    return { at: to, size };
  }

  /** Starts and ends. Valid until the next object is read. */
  stretches({ at, count }: Stretches): Uint32Array {
    return new Uint32Array(this.#bytes.buffer, at, 2 * count);
  }

  /** What of a text has to be searched when its base is clean: what is new with the lines around it. Takes the place of what is new. */
  windows(text: Patched): Stretches {
    const { at, count } = text.fresh;
    return { at, count: this.#code.widen(text.at, text.size, at, count) };
  }

  /** Where a private key begins in the `reach` bytes before `end`; undefined where none does. */
  keyBefore(text: Place, end: number, reach: number): number | undefined {
    const found = this.#code.keyBefore(text.at, end, reach);
    return found === 0 ? undefined : found - 1;
  }

  /** Two random numbers that hashes depend on: with the same keys equal texts have equal hashes. */
  setKeys(keys: BigUint64Array): void {
    this.#code.setKeys(keys[0] ?? 1n, keys[1] ?? 1n);
  }

  /**
   * The runs of lines of a text: for each where it begins and ends in the text, and 64 bits of hash, as four numbers. `free` is the
   * first place behind what must be kept. Valid until the next call.
   */
  runs({ at, size }: Place, free: number): Uint32Array {
    const to = aligned(free + slack);
    this.#ensure(to + (16 / 5) * size + 4 * slack);
    return new Uint32Array(this.#bytes.buffer, to, 4 * this.#code.hashRuns(at, size, to));
  }

  #ensure(end: number): void {
    const { memory } = this.#code;
    const missing = Math.ceil((end - memory.buffer.byteLength) / pageSize);
    if (missing <= 0) return;
    memory.grow(Math.max(missing, 16));
    this.#bytes = Buffer.from(memory.buffer);
  }
}

/** The first free place behind something that ends at `end`. */
export function aligned(end: number): number {
  return (Math.ceil(end) + slack + 7) & ~7;
}
