import { type Commits, larger } from "./commit-graph.ts";
import { type PackMap, packedBlobs, rootsOf } from "./pack/read-pack.ts";
import { Unpacker } from "./pack/unpack.ts";
import type { IndexedPacks, Numbers } from "./tree-index.ts";

/**
 * Sees the message of each commit that is read, also of such as no tip reaches, with the commit's object number. Valid until it returns.
 * `recoded`: it is not in UTF-8, and git would translate it.
 */
export type OnMessage = (message: Buffer, number: number, recoded: boolean) => void;

/**
 * The commits that these tips reach, read from packs, in the order of `git log --date-order --reverse`. Undefined where one of them is in
 * no pack or damaged: then git has to say which there are.
 */
export function packedCommits(
  packs: IndexedPacks,
  numbers: Numbers,
  tips: readonly string[],
  onMessage: OnMessage,
): PackedCommits | undefined {
  const all = new ReadCommits(packs, numbers, onMessage);
  const heads = [...new Set(tips)].map((id) => all.at(numbers.find(Buffer.from(id, "hex"), 0)));
  if (heads.includes(-1)) return undefined;
  const reached = all.reachedFrom(heads);
  return reached === undefined ? undefined : new PackedCommits(all, all.sorted(reached).reverse(), numbers);
}

export class PackedCommits implements Commits {
  readonly count: number;
  readonly #all: ReadCommits;
  readonly #numbers: Numbers;
  readonly #order: Int32Array;
  readonly #ranks: Int32Array;

  constructor(all: ReadCommits, order: Int32Array, numbers: Numbers) {
    this.count = order.length;
    this.#all = all;
    this.#numbers = numbers;
    this.#order = order;
    this.#ranks = new Int32Array(all.count).fill(-1);
    for (const [rank, commit] of order.entries()) this.#ranks[commit] = rank;
  }

  id(commit: number): string {
    return this.#numbers.id(this.#all.numbers[this.#order[commit] as number] as number);
  }

  *ids(): Generator<string> {
    for (let commit = 0; commit < this.count; commit++) yield this.id(commit);
  }

  tree(commit: number): number {
    return this.#all.trees[this.#order[commit] as number] ?? -1;
  }

  parents(commit: number): Int32Array {
    return this.#all.parents(this.#order[commit] as number).map((parent) => this.#ranks[parent] as number);
  }

  /** Of a commit's message. Bytes. */
  messageSize(commit: number): number {
    return this.#all.messageSizes[this.#order[commit] as number] ?? 0;
  }

  /** The place in the order of the commit of an object number, or -1 where no tip reaches it. */
  rankOf(number: number): number {
    return this.#ranks[this.#all.at(number)] ?? -1;
  }
}

const commitType = 1;

/** All commits of packs, numbered as they are read. */
class ReadCommits {
  count = 0;
  /** Of each commit its object number, that of its tree, when it was committed (seconds), and the bytes of its message. */
  readonly numbers: Int32Array;
  readonly trees: Int32Array;
  readonly dates: Float64Array;
  readonly messageSizes: Int32Array;
  readonly #starts: Int32Array;
  /** Object numbers. */
  #parents = new Int32Array(1 << 10);
  #parentCount = 0;
  /** From object numbers to commits, or -1. */
  readonly #byNumber: Int32Array;
  readonly #ids: Numbers;
  readonly #binary = Buffer.alloc(20);

  constructor(packs: IndexedPacks, ids: Numbers, onMessage: OnMessage) {
    const roots = packs.map(({ map }) => rootsOf(map, commitType));
    const most = packs.reduce((sum, { map }, pack) => sum + builtOn(roots[pack] ?? [], map), 0);
    this.numbers = new Int32Array(most);
    this.trees = new Int32Array(most);
    this.dates = new Float64Array(most);
    this.messageSizes = new Int32Array(most);
    this.#starts = new Int32Array(most + 1);
    this.#byNumber = new Int32Array(ids.total).fill(-1);
    this.#ids = ids;
    const unpacker = new Unpacker();
    for (const [pack, { map }] of packs.entries()) {
      const start = ids.starts[pack] as number;
      for (const { position, bytes } of packedBlobs(map, roots[pack], unpacker)) this.#read(start + position, bytes, onMessage);
    }
  }

  /** The commit of an object number, or -1. */
  at(number: number): number {
    return this.#byNumber[number] ?? -1;
  }

  /** Numbers of commits, -1 for one that was not read. */
  parents(commit: number): Int32Array {
    return this.#parents.subarray(this.#starts[commit], this.#starts[commit + 1]).map((number) => this.at(number));
  }

  /** What the heads reach, the newest first, as git walks it; undefined where some of it was not read. */
  reachedFrom(heads: readonly number[]): Int32Array | undefined {
    const reached = new Int32Array(this.count);
    const seen = new Uint8Array(this.count);
    const open = new NewestFirst(this.dates);
    const see = (commit: number) => {
      if (seen[commit] === 1) return;
      seen[commit] = 1;
      open.put(commit);
    };
    for (const head of heads) see(head);
    let count = 0;
    for (let commit = open.take(); commit !== undefined; commit = open.take()) {
      reached[count++] = commit;
      for (const parent of this.parents(commit)) {
        if (parent === -1) return undefined;
        see(parent);
      }
    }
    return reached.subarray(0, count);
  }

  /** Children before parents, otherwise the newest first (git's `--date-order`). */
  sorted(reached: Int32Array): Int32Array {
    const children = new Int32Array(this.count);
    for (const commit of reached) for (const parent of this.parents(commit)) children[parent] = (children[parent] as number) + 1;
    const open = new NewestFirst(this.dates);
    for (const commit of reached) if (children[commit] === 0) open.put(commit);
    const order = new Int32Array(reached.length);
    let count = 0;
    for (let commit = open.take(); commit !== undefined; commit = open.take()) {
      order[count++] = commit;
      for (const parent of this.parents(commit)) {
        const left = (children[parent] as number) - 1;
        children[parent] = left;
        if (left === 0) open.put(parent);
      }
    }
    return order;
  }

  #read(number: number, bytes: Buffer, onMessage: OnMessage): void {
    if (bytes.toString("latin1", 0, 5) !== "tree ") return;
    const commit = this.count;
    this.trees[commit] = this.#find(bytes, 5);
    let at = 46;
    for (; bytes.toString("latin1", at, at + 7) === "parent "; at += 48) {
      if (this.#parentCount === this.#parents.length) this.#parents = larger(this.#parents);
      this.#parents[this.#parentCount++] = this.#find(bytes, at + 7);
    }
    const end = bytes.indexOf("\n\n", at - 1);
    const message = end === -1 ? bytes.subarray(bytes.length) : bytes.subarray(end + 2);
    this.#starts[commit + 1] = this.#parentCount;
    this.numbers[commit] = number;
    this.dates[commit] = dateIn(bytes, at, end === -1 ? bytes.length : end);
    this.messageSizes[commit] = message.length;
    this.#byNumber[number] = commit;
    this.count++;
    const recoding = bytes.indexOf("\nencoding ", at - 1);
    if (message.length > 0) onMessage(message, number, recoding !== -1 && recoding < end);
  }

  #find(bytes: Buffer, hex: number): number {
    this.#binary.write(bytes.toString("latin1", hex, hex + 40), "hex");
    return this.#ids.find(this.#binary, 0);
  }
}

/** How many objects there are with all that is stored as a delta of them. */
function builtOn(roots: Iterable<number>, { firstChild, nextChild }: PackMap): number {
  const open = [...roots];
  let count = 0;
  for (let position = open.pop(); position !== undefined; position = open.pop()) {
    count++;
    for (let child = firstChild[position] as number; child !== -1; child = nextChild[child] as number) open.push(child);
  }
  return count;
}

/** `committer Name <address> 1700000000 +0100`; 0 where it is damaged. Seconds. */
function dateIn(bytes: Buffer, from: number, end: number): number {
  const line = bytes.indexOf("\ncommitter ", from - 1);
  if (line === -1 || line >= end) return 0;
  const lineEnd = bytes.indexOf(10, line + 1);
  const text = bytes.toString("latin1", line, lineEnd === -1 || lineEnd > end ? end : lineEnd);
  return Number.parseInt(text.slice(text.lastIndexOf(">") + 1), 10) || 0;
}

/** Commits by falling date, equal ones in the order in which they came. A binary heap. */
class NewestFirst {
  readonly #dates: Float64Array;
  readonly #heap: { readonly commit: number; readonly turn: number }[] = [];
  #turn = 0;

  constructor(dates: Float64Array) {
    this.#dates = dates;
  }

  put(commit: number): void {
    const heap = this.#heap;
    const entry = { commit, turn: this.#turn++ };
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!this.#isBefore(entry, heap[above] as typeof entry)) break;
      heap[at] = heap[above] as typeof entry;
      at = above;
    }
    heap[at] = entry;
  }

  take(): number | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first?.commit;
    let at = 0;
    for (let below = 1; below < heap.length; below = 2 * at + 1) {
      if (below + 1 < heap.length && this.#isBefore(heap[below + 1] as typeof last, heap[below] as typeof last)) below++;
      if (!this.#isBefore(heap[below] as typeof last, last)) break;
      heap[at] = heap[below] as typeof last;
      at = below;
    }
    heap[at] = last;
    return first.commit;
  }

  #isBefore(a: { commit: number; turn: number }, b: { commit: number; turn: number }): boolean {
    const [first, second] = [this.#dates[a.commit] as number, this.#dates[b.commit] as number];
    return first > second || (first === second && a.turn < b.turn);
  }
}
