import type { Encoded, Stretch } from "../decode/runs.ts";
import type { GateTables } from "./gate.ts";
import type { Tables } from "./prefilter.ts";
import { searchCode } from "./search-code.ts";

/** What of WebAssembly is used here; the DOM's types are not. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** What `assembly/` exports; places and sizes in linear memory, in bytes. */
interface Code {
  readonly memory: { readonly buffer: ArrayBuffer };
  firstFree(): number;
  resultsAt(): number;
  setTables(...places: number[]): void;
  room(end: number, size: number): number;
  search(size: number): void;
}

/** What one pass over a text finds. Valid until the next one. */
export interface Found {
  /** Two numbers for each hit, from `first`: whose anchor it is, and the byte that the anchor begins at. Roughly in order of position. */
  readonly hits: Uint32Array;
  readonly first: number;
  readonly count: number;
  readonly encoded: Encoded;
}

/** What is looked for, for whom, and what else each of them needs. */
export interface SearchTables extends Tables, GateTables {
  /** The first user of each anchor; the last number is how many there are. */
  readonly users: Int32Array;
}

let compiled: object | undefined;

/** The search in linear memory of its own, which grows with the longest text. */
export class Search {
  readonly #code: Code;
  readonly #results: number;
  /** The first place behind the tables. */
  readonly #end: number;
  #words: Uint32Array;
  #bytes: Uint8Array;

  constructor({ pairs, bitmap, slots, rows, texts, places, exact, heads, users, gates, steps, sets }: SearchTables) {
    compiled ??= new WebAssembly.Module(Buffer.from(searchCode, "base64"));
    this.#code = new WebAssembly.Instance(compiled).exports as Code;
    const tables = [pairs, bitmap, slots, rows, texts, places, exact, heads, users, gates, steps, sets];
    let end = this.#code.firstFree();
    const at = tables.map((table) => {
      const start = (end + 15) & ~15;
      end = start + table.byteLength;
      return start;
    });
    this.#code.room(end, 0);
    this.#bytes = new Uint8Array(this.#code.memory.buffer);
    this.#words = new Uint32Array(this.#code.memory.buffer);
    for (const [index, table] of tables.entries())
      this.#bytes.set(new Uint8Array(table.buffer, table.byteOffset, table.byteLength), at[index]);
    this.#code.setTables(...at);
    this.#end = end;
    this.#results = this.#code.resultsAt() >> 2;
  }

  run(bytes: Uint8Array): Found {
    const at = this.#code.room(this.#end, bytes.length);
    this.#look();
    this.#bytes.set(bytes, at);
    this.#code.search(bytes.length);
    this.#look();
    const words = this.#words;
    const [result, results] = [(index: number) => words[results + index] as number, this.#results];
    const encoded = {
      runs: stretches(words, result(2) >> 2, result(3)),
      percent: result(4) === 1,
      escapes: result(5) === 1,
      joints: result(7) === 0 ? noJoints : words.slice(result(6) >> 2, (result(6) >> 2) + result(7)),
    };
    return { hits: words, first: result(0) >> 2, count: result(1), encoded };
  }

  /** Memory that has grown is another buffer. */
  #look(): void {
    const { buffer } = this.#code.memory;
    if (this.#bytes.buffer === buffer) return;
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Uint32Array(buffer);
  }
}

const none: readonly Stretch[] = [];
const noJoints = new Uint32Array();

function stretches(words: Uint32Array, first: number, count: number): readonly Stretch[] {
  if (count === 0) return none;
  return Array.from({ length: count }, (_, index) => ({
    start: words[first + 2 * index] as number,
    end: words[first + 2 * index + 1] as number,
  }));
}
