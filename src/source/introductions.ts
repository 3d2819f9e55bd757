import { type Commits, larger } from "./commit-graph.ts";
import { packedTrees, readTree } from "./pack/trees.ts";
import { idLength, type Matters, type TreeIndex } from "./tree-index.ts";

/*
 * Which commit introduced which blob where, read backwards: from the blobs that matter to the trees that hold them, to the commits
 * of those trees. It is what `git log --raw -c` says of these blobs, for a fifth of its time.
 *
 * Objects are numbered through all packs. A tree that is stored as a delta is asked only for what its base does not have.
 */

/** A path that a commit gives another content than every parent has there. */
export interface Introduction {
  readonly path: string;
  /** Hexadecimal id of the blob; undefined for a submodule. */
  readonly blob: string | undefined;
}

/** Where there is more it is cut off: trees can be made that hold one blob at more paths than anybody can list. */
const most = { steps: 20_000_000, introductions: 100_000 };
/** As long as a path can be. Bytes. */
const longestPath = 4096;

const submodule = -2;

/** What each commit of a history introduced of what matters. */
export class Introductions {
  /** Commits whose trees are not all in packs: git has to say what they introduced. */
  readonly outside: number[] = [];
  readonly #index: TreeIndex;
  readonly #marked: Uint8Array;
  readonly #elsewhere: readonly string[];
  readonly #entries: EntryLists;
  #steps = 0;
  #found = 0;
  readonly #kept: Uint8Array;

  constructor(index: TreeIndex, matters: Matters) {
    this.#index = index;
    this.#marked = index.marked(matters);
    this.#elsewhere = [...index.elsewhere.keys()];
    this.#entries = new EntryLists(index.numbers.total);
    this.#kept = new Uint8Array(index.numbers.total);
    const mayMatter = this.#filter();
    for (const [pack, { map }] of index.packs.entries()) {
      const start = index.numbers.starts[pack] as number;
      const wanted = this.#marked.subarray(start, start + map.count);
      for (const { position, bytes } of packedTrees(map, index.unpacker, wanted)) this.#keep(start + position, bytes, mayMatter);
    }
  }

  /** False where there was too much to look at it all. */
  get complete(): boolean {
    return this.#steps <= most.steps && this.#found <= most.introductions;
  }

  /** Whether every tree could be read again: not where the repository was repacked meanwhile. */
  get whole(): boolean {
    return this.#marked.every((marked, number) => marked === 0 || this.#kept[number] === 1 || this.#index.isBlob(number));
  }

  /** Whether a packed blob is held by some tree, and is none that matters: nothing is left to do for it. */
  isDone(pack: number, position: number): boolean {
    const number = (this.#index.numbers.starts[pack] as number) + position;
    return this.#index.seen[number] === 1 && this.#marked[number] === 0;
  }

  /** What a commit introduced. Trees have the numbers of the index. */
  *of(commit: number, commits: Commits): Generator<Introduction> {
    const known = (one: number) => {
      const tree = one === -1 ? -1 : commits.tree(one);
      return tree !== -1 && this.#index.seen[tree] === 1 ? tree : -1;
    };
    const [own, before] = [known(commit), Array.from(commits.parents(commit), known)];
    if (own === -1 || before.includes(-1)) this.outside.push(commit);
    else if (!before.includes(own)) yield* this.#differing(own, before, "");
  }

  *#differing(tree: number, parents: readonly number[], folder: string): Generator<Introduction> {
    if (folder.length > longestPath) this.#steps = most.steps;
    this.#steps++;
    const before = parents.map((parent) => this.#entries.of(parent));
    for (const [name, number] of this.#entries.of(tree)) {
      const there = before.map((entries) => entries.get(name));
      if (!this.complete) return;
      this.#steps++;
      if (there.includes(number)) continue;
      const text = this.#entries.name(name);
      const path = folder + text.slice(1);
      if (text.startsWith(folderSign)) {
        yield* this.#differing(
          number,
          there.filter((other) => other !== undefined),
          `${path}/`,
        );
      } else {
        this.#found++;
        yield { path, blob: number === submodule ? undefined : this.#id(number) };
      }
    }
  }

  #id(number: number): string {
    const { numbers } = this.#index;
    return number < numbers.total ? numbers.id(number) : (this.#elsewhere[number - numbers.total] ?? "");
  }

  #keep(tree: number, bytes: Buffer, mayMatter: (bytes: Buffer, id: number) => boolean): void {
    readTree(bytes, undefined, ({ kind, name, nameEnd, id }) => {
      if (kind !== "submodule" && !mayMatter(bytes, id)) return;
      const number = kind === "submodule" ? submodule : this.#numberOf(bytes, id);
      if (number !== undefined)
        this.#entries.add((kind === "tree" ? folderSign : fileSign) + bytes.toString("utf8", name, nameEnd), number);
    });
    this.#entries.close(tree);
    this.#kept[tree] = 1;
  }

  /** Undefined where the object does not matter. */
  #numberOf(bytes: Buffer, id: number): number | undefined {
    const number = this.#index.numbers.find(bytes, id);
    if (number === -1) return this.#index.elsewhere.get(bytes.toString("hex", id, id + idLength));
    return this.#marked[number] === 1 ? number : undefined;
  }

  /** By the first bits of an id, whether the object may matter: most entries do not, and are not looked up. */
  #filter(): (bytes: Buffer, id: number) => boolean {
    const bitmap = new Uint8Array(1 << 19);
    const enter = (prefix: number) => {
      const at = prefix >>> 10;
      bitmap[at >>> 3] = (bitmap[at >>> 3] as number) | (1 << (at & 7));
    };
    const marked = this.#marked;
    for (let number = marked.indexOf(1); number !== -1; number = marked.indexOf(1, number + 1)) enter(this.#index.numbers.prefix(number));
    for (const hex of this.#elsewhere) enter(Number.parseInt(hex.slice(0, 8), 16));
    return (bytes, id) => {
      const at = ((bytes[id] as number) << 14) | ((bytes[id + 1] as number) << 6) | ((bytes[id + 2] as number) >>> 2);
      return ((bitmap[at >>> 3] as number) & (1 << (at & 7))) !== 0;
    };
  }
}

/** A file and a folder of one name are two entries. */
const [fileSign, folderSign] = ["f", "d"];

/** Lists of entries (a name's number, an object's number), one for each of many trees, in one array. */
class EntryLists {
  readonly #starts: Int32Array;
  readonly #names: string[] = [];
  readonly #numbers = new Map<string, number>();
  #lists = new Int32Array(1 << 12);
  #end = 1;
  #open = 0;

  constructor(trees: number) {
    this.#starts = new Int32Array(trees);
  }

  add(name: string, number: number): void {
    let known = this.#numbers.get(name);
    if (known === undefined) {
      known = this.#names.push(name) - 1;
      this.#numbers.set(name, known);
    }
    if (this.#end + 2 * this.#open + 3 > this.#lists.length) this.#lists = larger(this.#lists);
    this.#lists[this.#end + 2 * this.#open + 1] = known;
    this.#lists[this.#end + 2 * this.#open + 2] = number;
    this.#open++;
  }

  /** What was added since the last call is this tree's list. */
  close(tree: number): void {
    if (this.#open === 0) return;
    this.#lists[this.#end] = this.#open;
    this.#starts[tree] = this.#end;
    this.#end += 2 * this.#open + 1;
    this.#open = 0;
  }

  of(tree: number): ReadonlyMap<number, number> {
    const start = this.#starts[tree] as number;
    const entries = new Map<number, number>();
    for (let left = this.#lists[start] as number, at = start + 1; left > 0; left--, at += 2)
      entries.set(this.#lists[at] as number, this.#lists[at + 1] as number);
    return entries;
  }

  name(number: number): string {
    return this.#names[number] ?? "";
  }
}
