import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { noveltyWindows } from "./novelty.ts";
import { packedBlobs } from "./pack/read-pack.ts";

/** What the scan of a blob said. `clean`: nothing was found in all of its bytes, whatever the path. */
export type Verdict = "clean" | "not-clean";

export interface PackVisitor {
  /** Whether the blob is part of what is scanned. */
  wanted(id: string): boolean;
  /** Whether these bytes hold no credential, whatever their path. */
  isClean(bytes: Buffer): boolean;
  /** The whole blob has to be scanned. */
  whole(id: string, bytes: Buffer): Verdict;
  /** The blob is known to be clean; only what depends on its path is left. */
  clean(id: string, bytes: Buffer): void;
}

/**
 * Goes through all packs of an objects folder, each blob once. A blob whose delta base is clean is clean too if what the delta
 * brings is. Gives the ids of the blobs that it has read; all others (loose, in alternates, large, damaged) are left to git.
 */
export function visitPacks(objects: string, visitor: PackVisitor): Set<string> {
  const read = new Set<string>();
  for (const file of packsOf(objects)) {
    const clean = new Set<number>();
    for (const { id, position, base, bytes, fresh } of packedBlobs(file)) {
      if (read.has(id) || !visitor.wanted(id)) continue;
      read.add(id);
      const windows = base !== undefined && fresh !== undefined && clean.has(base) ? noveltyWindows(bytes, fresh) : undefined;
      if (windows?.every((window) => visitor.isClean(window))) {
        clean.add(position);
        visitor.clean(id, bytes);
      } else if (visitor.whole(id, bytes) === "clean") clean.add(position);
    }
  }
  return read;
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
