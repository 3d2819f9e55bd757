import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { utf16Of } from "../decode/utf16.ts";
import { Introductions } from "./introductions.ts";
import { KnownRuns, newRunTable, type RunTable } from "./known-runs.ts";
import { isLfsPointer } from "./lfs.ts";
import type { PackIndex } from "./pack/pack-index.ts";
import { openPack, type PackedBlob, type PackMap, packedBlobs, rootsOf } from "./pack/read-pack.ts";
import { type Place, Unpacker } from "./pack/unpack.ts";
import { type OnMessage, type PackedCommits, packedCommits } from "./packed-commits.ts";
import { type IndexedPacks, Numbers, TreeIndex } from "./tree-index.ts";

/** What is known of a packed blob, whatever its paths. */
export interface PackedVerdict {
  /** `not-clean`: something was found in it, or in a part of it that has to be looked at as a whole. */
  readonly verdict: "clean" | "lfs-pointer" | "not-clean";
  /** Of the blob. Bytes. */
  readonly size: number;
}

/** A pack with room for what the search of its blobs gives. Shared memory: several workers can search it at once. */
export interface SearchedPack {
  readonly map: PackMap;
  readonly roots: Int32Array;
  /** One entry: how many of the roots are taken. */
  readonly taken: Int32Array;
  /** One of `verdicts` for each object, and the size of each blob. */
  readonly verdict: Uint8Array;
  readonly size: Float64Array;
  readonly known: RunTable;
}

const verdicts = { unread: 0, clean: 1, pointer: 2, notClean: 3 } as const;

/** Roots that are taken at once. */
const portion = 16;

export class Packs {
  readonly searched: readonly SearchedPack[];
  readonly #indexes: readonly PackIndex[];
  #numbers: Numbers | undefined;

  /** The packs of an objects folder; those that cannot be read here are left out. */
  constructor(objects: string) {
    const opened = packsOf(objects).flatMap((file) => openPack(file) ?? []);
    this.#indexes = opened.map(({ index }) => index);
    const known = newRunTable();
    this.searched = opened.map(({ map }) => ({
      map,
      roots: sharedCopy(rootsOf(map)),
      taken: new Int32Array(new SharedArrayBuffer(4)),
      verdict: new Uint8Array(new SharedArrayBuffer(map.count)),
      size: new Float64Array(new SharedArrayBuffer(8 * map.count)),
      known,
    }));
  }

  /** Of all packs. */
  get bytes(): number {
    return this.searched.reduce((sum, { map }) => sum + (map.offsets[map.count] ?? 0), 0);
  }

  /** The number of an object through all packs, or -1. */
  find(id: string): number {
    this.#numbers ??= new Numbers(this.#packs());
    return this.#numbers.find(Buffer.from(id, "hex"), 0);
  }

  #packs(): IndexedPacks {
    return this.searched.map(({ map }, pack) => ({ map, index: this.#indexes[pack] as PackIndex }));
  }

  /** What these tips reach, in the order of the log; undefined where some of it is in no pack. */
  commits(tips: readonly string[], onMessage: OnMessage): PackedCommits | undefined {
    this.#numbers ??= new Numbers(this.#packs());
    return packedCommits(this.#packs(), this.#numbers, tips, onMessage);
  }

  /** Undefined where some trees are in no pack or cannot be read. */
  trees(namesMatter: (name: string) => boolean): TreeIndex | undefined {
    const index = new TreeIndex(this.#packs(), namesMatter);
    return index.complete ? index : undefined;
  }

  /** Once everything is searched: what each commit introduced of what is not clean, not known, or structured. Undefined as above. */
  introductions(trees: TreeIndex): Introductions | undefined {
    const introductions = new Introductions(trees, (pack, position) => this.searched[pack]?.verdict[position] !== verdicts.clean);
    return introductions.whole ? introductions : undefined;
  }

  /** Sizes of the blobs that `introductions` has nothing to say of. */
  done(introductions: Introductions): number[] {
    return this.searched.flatMap(({ verdict, size }, pack) =>
      Array.from(size).filter((_, position) => verdict[position] === verdicts.clean && introductions.isDone(pack, position)),
    );
  }

  /** Undefined where the blob was not read: it is loose, in an alternate, large, damaged or not there. */
  of(id: string): PackedVerdict | undefined {
    const binary = Buffer.from(id, "hex");
    for (const [index, { verdict, size }] of this.searched.entries()) {
      const position = this.#indexes[index]?.find(binary) ?? -1;
      const said = position === -1 ? verdicts.unread : verdict[position];
      if (said === verdicts.unread) continue;
      const name = said === verdicts.clean ? "clean" : said === verdicts.pointer ? "lfs-pointer" : "not-clean";
      return { verdict: name, size: size[position] ?? 0 };
    }
    return undefined;
  }
}

/**
 * Searches what of a pack nobody else has taken yet: of a blob whose delta base is clean, what the delta brings; of that, what did not
 * stand in any clean blob before. `isClean` says whether bytes hold no credential, whatever their path.
 */
export function searchPack({ map, roots, taken, verdict, size, known }: SearchedPack, isClean: (bytes: Buffer) => boolean): void {
  const unpacker = new Unpacker();
  unpacker.setKeys(known.keys);
  const runs = new KnownRuns(known);
  for (const blob of packedBlobs(map, untaken(roots, taken), unpacker)) {
    const { position, base } = blob;
    const baseIsClean = base !== undefined && (verdict[base] === verdicts.clean || verdict[base] === verdicts.pointer);
    const parts = unknownParts(blob, baseIsClean, unpacker, runs);
    const bytes = unpacker.bytes(blob.place);
    const clean = parts.every(([start, end]) => isClean(bytes.subarray(start, end))) || isClean(bytes);
    runs.conclude(clean);
    size[position] = bytes.length;
    verdict[position] = !clean ? verdicts.notClean : isLfsPointer(bytes) ? verdicts.pointer : verdicts.clean;
  }
}

/** What of a blob has to be searched: start and end of each part. */
export function unknownParts({ bytes, place }: PackedBlob, baseIsClean: boolean, unpacker: Unpacker, runs: KnownRuns): [number, number][] {
  if (utf16Of(bytes) !== undefined) return [[0, bytes.length]]; // its lines are not what ends in a byte 10
  const unknown: number[] = [];
  const ask = (start: number, end: number, free: number) => {
    if (end - start > longestHashed) unknown.push(start, end);
    else runs.addUnknown(unpacker.runs({ at: place.at + start, size: end - start }, free), start, unknown);
  };
  if (baseIsClean && "fresh" in place) {
    const windows = unpacker.windows(place);
    const [pairs, free] = [Array.from(unpacker.stretches(windows)), windows.at + 8 * windows.count];
    for (let at = 0; at < pairs.length; at += 2) ask(pairs[at] as number, pairs[at + 1] as number, free);
  } else ask(0, bytes.length, place.at + place.size);
  return withKeys(unknown, place, unpacker);
}

/** The runs of longer stretches would take too much memory. Bytes. */
const longestHashed = 2 << 20;

/** Nothing that goes over several lines is longer than a private key. Bytes. */
const longestKey = 16 << 10;

/** Parts that begin in the middle of a private key begin with its first line: what is new in it is searched as a whole. */
function withKeys(unknown: readonly number[], place: Place, unpacker: Unpacker): [number, number][] {
  const parts: [number, number][] = [];
  let asked = 0;
  let key: number | undefined;
  for (let at = 0; at < unknown.length; at += 2) {
    let [start, end] = [unknown[at] as number, unknown[at + 1] as number];
    key = unpacker.keyBefore(place, start + 1, Math.min(longestKey, start + 1 - asked)) ?? key;
    asked = start + 1;
    if (key !== undefined && start + 1 - key > longestKey) key = undefined;
    if (key !== undefined) {
      const block = unpacker.bytes(place).subarray(key, key + longestKey);
      const last = block.indexOf("-----END");
      const behind = last === -1 ? start : key + last + 64;
      if (behind >= start) [start, end] = [key, Math.max(end, Math.min(behind, place.size))];
    }
    const before = parts.at(-1);
    if (before !== undefined && start <= before[1]) {
      before[0] = Math.min(start, before[0]);
      before[1] = Math.max(end, before[1]);
    } else parts.push([start, end]);
  }
  return parts;
}

function* untaken(roots: Int32Array, taken: Int32Array): Generator<number> {
  for (;;) {
    const from = Atomics.add(taken, 0, portion);
    if (from >= roots.length) return;
    yield* roots.subarray(from, from + portion);
  }
}

function sharedCopy(values: Int32Array): Int32Array {
  const copy = new Int32Array(new SharedArrayBuffer(values.byteLength));
  copy.set(values);
  return copy;
}

function packsOf(objects: string): string[] {
  const folder = join(objects, "pack");
  if (!existsSync(folder)) return [];
  const names = new Set(readdirSync(folder));
  return [...names]
    .filter((name) => name.endsWith(".idx") && names.has(`${name.slice(0, -4)}.pack`))
    .sort()
    .map((name) => join(folder, name.slice(0, -4)));
}
