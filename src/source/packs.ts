import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { isLfsPointer } from "./lfs.ts";
import { noveltyWindows } from "./novelty.ts";
import type { PackIndex } from "./pack/pack-index.ts";
import { openPack, type PackMap, packedBlobs, rootsOf } from "./pack/read-pack.ts";

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
}

const verdicts = { unread: 0, clean: 1, pointer: 2, notClean: 3 } as const;

/** Roots that are taken at once. */
const portion = 16;

export class Packs {
  readonly searched: readonly SearchedPack[];
  readonly #indexes: readonly PackIndex[];

  /** The packs of an objects folder; those that cannot be read here are left out. */
  constructor(objects: string) {
    const opened = packsOf(objects).flatMap((file) => openPack(file) ?? []);
    this.#indexes = opened.map(({ index }) => index);
    this.searched = opened.map(({ map }) => ({
      map,
      roots: sharedCopy(rootsOf(map)),
      taken: new Int32Array(new SharedArrayBuffer(4)),
      verdict: new Uint8Array(new SharedArrayBuffer(map.count)),
      size: new Float64Array(new SharedArrayBuffer(8 * map.count)),
    }));
  }

  /** Of all packs. */
  get bytes(): number {
    return this.searched.reduce((sum, { map }) => sum + (map.offsets[map.count] ?? 0), 0);
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
 * Searches what of a pack nobody else has taken yet. A blob whose delta base is clean is clean too if what the delta brings is.
 * `isClean` says whether bytes hold no credential, whatever their path.
 */
export function searchPack({ map, roots, taken, verdict, size }: SearchedPack, isClean: (bytes: Buffer) => boolean): void {
  for (const { position, base, bytes, fresh } of packedBlobs(map, untaken(roots, taken))) {
    const baseIsClean = base !== undefined && (verdict[base] === verdicts.clean || verdict[base] === verdicts.pointer);
    const windows = baseIsClean && fresh !== undefined ? noveltyWindows(bytes, fresh) : undefined;
    const clean = windows?.every(isClean) === true || isClean(bytes);
    size[position] = bytes.length;
    verdict[position] = !clean ? verdicts.notClean : isLfsPointer(bytes) ? verdicts.pointer : verdicts.clean;
  }
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
