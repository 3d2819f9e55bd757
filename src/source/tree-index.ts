import { larger } from "./commit-graph.ts";
import type { PackIndex } from "./pack/pack-index.ts";
import type { PackMap } from "./pack/read-pack.ts";
import { packedTrees, readTree } from "./pack/trees.ts";
import { Unpacker } from "./pack/unpack.ts";
import { mayBeHeld, mayHoldStructured, mayNameStructured } from "./structured-names.ts";

export type IndexedPacks = readonly { readonly map: PackMap; readonly index: PackIndex }[];

/** Of a blob in a pack: whether it matters whatever its path is, since something was found in it or it is not known. */
export type Matters = (pack: number, position: number) => boolean;

export const idLength = 20;

/** Numbers the objects of all packs through. */
export class Numbers {
  readonly starts: number[] = [];
  readonly total: number;
  readonly #packs: IndexedPacks;

  constructor(packs: IndexedPacks) {
    this.#packs = packs;
    let total = 0;
    for (const { index } of packs) {
      this.starts.push(total);
      total += index.count;
    }
    this.total = total;
  }

  /** The object's number in the first pack that has it, or -1. */
  find(bytes: Uint8Array, at: number): number {
    for (const [pack, { index }] of this.#packs.entries()) {
      const position = index.find(bytes, at);
      if (position !== -1) return (this.starts[pack] as number) + position;
    }
    return -1;
  }

  of(number: number): { pack: number; position: number } {
    let pack = this.starts.length - 1;
    while ((this.starts[pack] as number) > number) pack--;
    return { pack, position: number - (this.starts[pack] as number) };
  }

  /** The first 32 bits of its id. */
  prefix(number: number): number {
    const { pack, position } = this.of(number);
    return this.#packs[pack]?.index.prefix(position) ?? 0;
  }

  id(number: number): string {
    const { pack, position } = this.of(number);
    return this.#packs[pack]?.index.id(position) ?? "";
  }
}

/** The trees of packs, as far as it takes to find from a blob the trees that hold it. */
export class TreeIndex {
  readonly packs: IndexedPacks;
  readonly numbers: Numbers;
  readonly unpacker = new Unpacker();
  /** Of each object: for a tree that it was read; for a blob that some tree holds it. */
  readonly seen: Uint8Array;
  /** From hexadecimal ids of blobs that are in no pack to numbers behind those of the packs. */
  readonly elsewhere = new Map<string, number>();
  /** Trees with something that matters whatever blobs do: a telling name, a submodule, a blob that is in no pack. */
  readonly #telling: Uint8Array;
  /** Blobs that stand at a telling name. */
  readonly #named: Uint8Array;
  readonly #holders: Edges;
  readonly #kinds = new Map<string, number>();
  readonly #namesMatter: (name: string) => boolean;
  #folders: number[] = [];
  #missing = false;

  /** `namesMatter` says of a name whether what stands there matters; structured names do anyway. */
  constructor(packs: IndexedPacks, namesMatter: (name: string) => boolean) {
    this.packs = packs;
    this.numbers = new Numbers(packs);
    const { total } = this.numbers;
    this.seen = new Uint8Array(total);
    this.#telling = new Uint8Array(total);
    this.#named = new Uint8Array(total);
    this.#holders = new Edges(total);
    this.#namesMatter = namesMatter;
    for (const [pack, { map }] of packs.entries()) {
      const start = this.numbers.starts[pack] as number;
      for (const { position, bytes, fresh } of packedTrees(map, this.unpacker)) {
        this.seen[start + position] = 1;
        this.#read(start + position, bytes, fresh, false);
      }
    }
    if (this.complete) this.#readFolders();
  }

  /** False where trees are missing, damaged or loose: then git has to say what is in them. */
  get complete(): boolean {
    return !this.#missing && !this.#holders.somePart((held) => this.seen[held] === 0);
  }

  /** For each object 1 where it is a blob that matters, or a tree from which one may be reached. */
  marked(matters: Matters): Uint8Array {
    const marked = new Uint8Array(this.numbers.total);
    const open: number[] = [];
    const mark = (number: number) => {
      if (marked[number] === 1) return;
      marked[number] = 1;
      open.push(number);
    };
    for (const [pack, { map }] of this.packs.entries()) {
      const start = this.numbers.starts[pack] as number;
      for (let position = 0; position < map.count; position++) {
        const number = start + position;
        if (this.#telling[number] === 1) mark(number);
        else if (this.#holders.isBlob(number) && matters(pack, position)) mark(number);
      }
    }
    // a tree holds what its fresh entries hold, and may hold what its base does
    for (let number = open.pop(); number !== undefined; number = open.pop()) {
      for (const holder of this.#holders.of(number)) mark(holder);
      const { pack, position } = this.numbers.of(number);
      const { firstChild, nextChild } = (this.packs[pack] as IndexedPacks[number]).map;
      if (this.#holders.isBlob(number)) continue;
      for (let child = firstChild[position] as number; child !== -1; child = nextChild[child] as number)
        mark((this.numbers.starts[pack] as number) + child);
    }
    for (let number = this.#named.indexOf(1); number !== -1; number = this.#named.indexOf(1, number + 1)) marked[number] = 1;
    return marked;
  }

  isBlob(number: number): boolean {
    return this.#holders.isBlob(number);
  }

  #read(tree: number, bytes: Buffer, fresh: Uint32Array | undefined, inFolder: boolean): void {
    readTree(bytes, fresh, ({ kind, name, nameEnd, id }) => {
      if (kind === "submodule") {
        this.#telling[tree] = 1;
        return;
      }
      const number = this.numbers.find(bytes, id);
      const told = this.#kindOf(bytes.toString("latin1", name, nameEnd));
      if (kind === "tree") {
        if (number === -1) this.#missing = true;
        else {
          this.#holders.add(number, tree);
          if (inFolder || (told & holdsStructured) !== 0) this.#folders.push(number);
        }
      } else if (number === -1) {
        const hex = bytes.toString("hex", id, id + idLength);
        if (!this.elsewhere.has(hex)) this.elsewhere.set(hex, this.numbers.total + this.elsewhere.size);
        this.#telling[tree] = 1;
      } else {
        this.seen[number] = 1;
        this.#holders.addBlob(number, tree);
        if ((told & isStructured) === 0 && (!inFolder || (told & isHeld) === 0)) return;
        this.#named[number] = 1;
        this.#telling[tree] = 1;
      }
    });
  }

  /** What stands in a folder of a telling name, and in the folders below it. */
  #readFolders(): void {
    const done = new Uint8Array(this.numbers.total);
    while (this.#folders.length > 0) {
      const wanted = new Uint8Array(this.numbers.total);
      for (const tree of this.#folders) if (done[tree] === 0) wanted[tree] = 1;
      this.#folders = [];
      for (const [pack, { map }] of this.packs.entries()) {
        const start = this.numbers.starts[pack] as number;
        const here = wanted.subarray(start, start + map.count);
        if (!here.includes(1)) continue;
        for (const { position, bytes } of packedTrees(map, this.unpacker, here)) {
          done[start + position] = 1;
          this.#read(start + position, bytes, undefined, true);
        }
      }
      if (wanted.some((asked, tree) => asked === 1 && done[tree] === 0)) this.#missing = true;
    }
  }

  #kindOf(latin1: string): number {
    const known = this.#kinds.get(latin1);
    if (known !== undefined) return known;
    const name = Buffer.from(latin1, "latin1").toString("utf8");
    const kind =
      (mayNameStructured(name) || this.#namesMatter(name) ? isStructured : 0) |
      (mayBeHeld(name) ? isHeld : 0) |
      (mayHoldStructured(name) ? holdsStructured : 0);
    this.#kinds.set(latin1, kind);
    return kind;
  }
}

const [isStructured, isHeld, holdsStructured] = [1, 2, 4];

/** Which trees hold an object, as far as they are told: linked lists in growing arrays. */
class Edges {
  readonly #first: Int32Array;
  readonly #blobs: Uint8Array;
  #next = new Int32Array(1 << 12);
  #holder = new Int32Array(1 << 12);
  #count = 0;

  constructor(objects: number) {
    this.#first = new Int32Array(objects).fill(-1);
    this.#blobs = new Uint8Array(objects);
  }

  addBlob(blob: number, holder: number): void {
    this.#blobs[blob] = 1;
    this.add(blob, holder);
  }

  isBlob(number: number): boolean {
    return this.#blobs[number] === 1;
  }

  add(held: number, holder: number): void {
    if (this.#count === this.#next.length) {
      this.#next = larger(this.#next);
      this.#holder = larger(this.#holder);
    }
    this.#holder[this.#count] = holder;
    this.#next[this.#count] = this.#first[held] as number;
    this.#first[held] = this.#count++;
  }

  *of(held: number): Generator<number> {
    for (let edge = this.#first[held] as number; edge !== -1; edge = this.#next[edge] as number) yield this.#holder[edge] as number;
  }

  /** Whether some object that is held is such a one. */
  somePart(test: (held: number) => boolean): boolean {
    return this.#first.some((edge, held) => edge !== -1 && test(held));
  }
}
