import { clientFor } from "../agent-config/index.ts";
import { grants } from "./graph.ts";
import { isManifest } from "./program.ts";
import { namesVariables } from "./technique/environment-reference.ts";

/** A file that takes part in a repository's inventory is at most this large, in bytes; larger ones are left out. */
export const largestInventoryFile = 1 << 20;

/** Folders of other people's code: what is configured there is not this repository's identity. */
const foreign = /(?:^|\/)(?:\.git|node_modules|\.venv|venv|site-packages|vendor|__pycache__)\//;

/** At most so many files are read only because they could name a variable; a monorepo has a hundred times as many. */
const mostCodeFiles = 3000;

export interface InventoryOptions {
  /** Paths that are wanted whatever they are. */
  readonly also?: (path: string) => boolean;
  /** Told how many code files are left out, in words for a person, where some are. */
  readonly onLeftOut?: ((reason: string) => void) | undefined;
}

/** Of all paths of a repository those that its inventory reads: every configuration, and of the code what stands nearest to the top. */
export function inventoryPaths(paths: readonly string[], { also = () => false, onLeftOut }: InventoryOptions = {}): string[] {
  const wanted = paths.filter((path) => also(path) || isInventoryPath(path));
  const [core, code] = [wanted.filter((path) => also(path) || isCore(path)), wanted.filter((path) => !also(path) && !isCore(path))];
  if (code.length <= mostCodeFiles) return [...core, ...code].toSorted();
  const left = code.length - mostCodeFiles;
  onLeftOut?.(
    `${left} code files, those farthest from the top, were not searched for variables: an identity that only they name is not linked`,
  );
  return [...core, ...code.toSorted((a, b) => depth(a) - depth(b) || (a < b ? -1 : 1)).slice(0, mostCodeFiles)].toSorted();
}

/** Whether a file of this path can say anything about identities: what an inventory job reads, per blob. */
export function isInventoryPath(path: string): boolean {
  if (foreign.test(path)) return false;
  return isCore(path) || namesVariables(path);
}

function isCore(path: string): boolean {
  return grants(path) || isManifest(path) || clientFor(path) !== undefined;
}

function depth(path: string): number {
  return path.split("/").length;
}

/** Whether a folder need not be entered at all. */
export function isForeignFolder(path: string): boolean {
  return foreign.test(`${path}/`);
}
