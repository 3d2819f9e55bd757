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
  /** The first free place. */
  readonly start: number;

  constructor() {
    compiled ??= new WebAssembly.Module(readFileSync(file));
    this.#code = new WebAssembly.Instance(compiled).exports as Code;
    this.#bytes = Buffer.from(this.#code.memory.buffer);
    this.start = aligned(this.#code.firstFree());
  }

  /** A view, valid until the next call. */
  bytes({ at, size }: Place): Buffer {
    return this.#bytes.subarray(at, at + size);
  }

  /** Inflates `length` bytes, which `read` writes into a buffer, to `at`; undefined where they are damaged or do not make exactly `size` bytes. */
  inflated(at: number, size: number, length: number, read: (buffer: Buffer) => number): Place | undefined {
    const from = aligned(at + size + slack);
    this.#ensure(from + length + slack);
    const got = read(this.#bytes.subarray(from, from + length));
    return this.#code.inflate(from, got, at, size) === 1 ? { at, size } : undefined;
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
