import type { Commit } from "./git-log.ts";

/** Commits, parents before children, by their place in the log's order. */
export interface Commits {
  readonly count: number;
  id(commit: number): string;
  ids(): Iterable<string>;
  /** The number that was kept of its tree, or -1. */
  tree(commit: number): number;
  /** -1 stands for a parent that is not in the log. */
  parents(commit: number): Int32Array;
}

/** Commits as a log names them; some dozen bytes each. */
export class CommitGraph implements Commits {
  count = 0;
  #ids = Buffer.alloc(1 << 12);
  #idLength = 20;
  /** Numbers of trees. */
  #trees = new Int32Array(1 << 8);
  /** Where each commit's parents begin among all, which follow one another. */
  #starts = new Int32Array(1 << 8);
  #parents = new Int32Array(1 << 8);
  #parentCount = 0;
  readonly #places = new Map<string, number>();

  /** `tree` is the number that is kept of its tree, or -1. */
  add({ id, parents }: Pick<Commit, "id" | "parents">, tree: number): void {
    this.#idLength = id.length / 2;
    if ((this.count + 1) * this.#idLength > this.#ids.length) this.#ids = Buffer.concat([this.#ids, Buffer.alloc(this.#ids.length)]);
    if (this.count === this.#trees.length) {
      this.#trees = larger(this.#trees);
      this.#starts = larger(this.#starts);
    }
    while (this.#parentCount + parents.length > this.#parents.length) this.#parents = larger(this.#parents);
    this.#ids.write(id, this.count * this.#idLength, "hex");
    this.#trees[this.count] = tree;
    this.#starts[this.count] = this.#parentCount;
    for (const parent of parents) this.#parents[this.#parentCount++] = this.#places.get(keyOf(parent)) ?? -1;
    this.#places.set(keyOf(id), this.count++);
  }

  id(commit: number): string {
    return this.#ids.toString("hex", commit * this.#idLength, (commit + 1) * this.#idLength);
  }

  *ids(): Generator<string> {
    for (let commit = 0; commit < this.count; commit++) yield this.id(commit);
  }

  tree(commit: number): number {
    return this.#trees[commit] ?? -1;
  }

  parents(commit: number): Int32Array {
    const end = commit + 1 < this.count ? this.#starts[commit + 1] : this.#parentCount;
    return this.#parents.subarray(this.#starts[commit], end);
  }
}

/** Half as long as the id in memory. */
function keyOf(id: string): string {
  return Buffer.from(id, "hex").toString("latin1");
}

/** The same numbers with room for more. */
export function larger(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const more = new Int32Array(Math.ceil(1.5 * array.length));
  more.set(array);
  return more;
}
