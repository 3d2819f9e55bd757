import { closeSync, constants, type Dirent, fstatSync, openSync, readdirSync, readSync, realpathSync, statSync } from "node:fs";
import { basename, join, relative, sep } from "node:path";
import type { Document } from "../document.ts";
import { UsageError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { isArchive, scanArchive } from "./archive.ts";
import { pieceSize, scanPieces } from "./pieces.ts";
import { type Result, type ScannerOptions, Tally } from "./scanner.ts";
import type { WorkerPool } from "./worker-pool.ts";

export interface TreeOptions extends ScannerOptions {
  /** Stands before the path of each document: where the root lies in its repository (`apps/web/`), so that rules and ids fit. */
  readonly prefix?: string;
  /** Sees every file that was read as a whole, with its path as the findings have it: for the identity graph. */
  readonly onFile?: ((path: string, bytes: Buffer) => void) | undefined;
}

/**
 * Scans a folder, or one file, whatever .gitignore says. Symbolic links are not followed: what they point to is scanned where it
 * stands, and a link out of the tree is reported. `.git` is left out (history has a command of its own). Paths of the findings
 * begin with `prefix`. Throws UsageError where the root does not exist.
 */
export function scanTree(root: string, options: TreeOptions): Result {
  const tally = new Tally(options);
  const stat = statSync(root, { throwIfNoEntry: false });
  if (stat === undefined) throw new UsageError(`expected a file or folder to scan; there is no '${root}'`);
  const findings: Finding[] = [];
  if (stat.isDirectory()) {
    for (const path of walk(root, realpathSync(root), root, tally)) findings.push(...scanFile(join(root, path), path, options, tally));
  } else if (stat.isFile()) {
    findings.push(...scanFile(realpathSync(root), basename(root), options, tally));
  } else throw new UsageError(`expected a regular file or a folder to scan; '${root}' is neither`);
  return { findings, stats: tally.stats() };
}

/** Relative paths of the regular files below a folder, in a fixed order. */
function* walk(root: string, real: string, folder: string, tally: Tally): Generator<string> {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    tally.skip(relativePath(root, folder), `folder cannot be read: ${code(error)}`, true);
    return;
  }
  for (const entry of entries) {
    const path = join(folder, entry.name);
    const name = relativePath(root, path);
    if (entry.name === ".git") continue;
    if (entry.isDirectory()) yield* walk(root, real, path, tally);
    else if (entry.isFile()) yield name;
    else if (entry.isSymbolicLink()) reportLink(path, name, real, tally);
    else tally.skip(name, "not a regular file", false);
  }
}

function reportLink(path: string, name: string, real: string, tally: Tally): void {
  try {
    const target = realpathSync(path);
    if (target !== real && !target.startsWith(real + sep)) tally.skip(name, "symbolic link out of the tree: not followed", false);
  } catch {
    tally.skip(name, "symbolic link that leads nowhere or in a circle", false);
  }
}

/**
 * As `scanTree`, with threads that say which files are clean. Starts them once the tree turns out to be large; the findings and their
 * order are the same.
 */
export async function scanLargeTree(root: string, options: TreeOptions & { readonly workers: () => WorkerPool }): Promise<Result> {
  if (options.onFile !== undefined || statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true) return scanTree(root, options);
  const tally = new Tally(options);
  const findings: Finding[] = [];
  const scanHere = (path: string) => findings.push(...scanFile(join(root, path), path, options, tally));
  const paths = walk(root, realpathSync(root), root, tally);
  let pool: WorkerPool | undefined;
  const pending: { batch: readonly string[]; sizes: Promise<Float64Array> }[] = [];
  const settle = async () => {
    const { batch, sizes } = pending.shift() ?? { batch: [], sizes: Promise.resolve(new Float64Array()) };
    for (const [index, size] of (await sizes).entries())
      if (size >= 0) tally.passed(size);
      else scanHere(batch[index] as string);
  };
  try {
    for (let batch = take(paths, batchSize); batch.length > 0; batch = take(paths, batchSize)) {
      if (pool === undefined && tally.stats().bytes < worthWorkers) {
        for (const path of batch) scanHere(path);
        continue;
      }
      pool ??= options.workers();
      pending.push({ batch, sizes: pool.clear(root, options.prefix ?? "", batch) });
      if (pending.length >= 4 * pool.size) await settle();
    }
    while (pending.length > 0) await settle();
  } finally {
    await pool?.close();
  }
  return { findings, stats: tally.stats() };
}

/** So much is scanned before threads are started: they take as long to begin. Bytes. */
const worthWorkers = 32 << 20;
/** Files that one thread is given at once. */
const batchSize = 64;

function take(paths: Iterator<string>, count: number): string[] {
  const taken: string[] = [];
  while (taken.length < count) {
    const { value, done } = paths.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

/** One file; `name` is its path from the root. What cannot be read is in the tally. */
export function scanFile(path: string, name: string, { prefix = "", onFile }: TreeOptions, tally: Tally): Finding[] {
  let file: number;
  try {
    file = openSync(path, reading);
  } catch (error) {
    tally.skip(name, `cannot be read: ${code(error)}`, true);
    return [];
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) return [];
    const origin = { kind: "file", path: prefix + name } as const;
    const read = (position: number, length: number) => readAt(file, position, length);
    if (isArchive(name)) return scanArchive({ size: stat.size, read, origin, tally });
    if (stat.size > pieceSize) return scanPieces(stat.size, read, origin, tally);
    const bytes = read(0, stat.size);
    onFile?.(origin.path, bytes);
    return tally.read({ bytes, origin });
  } catch (error) {
    tally.skip(name, `cannot be read: ${code(error)}`, true);
    return [];
  } finally {
    closeSync(file);
  }
}

/** What a file holds, for the threads of a pool: its size where it is clean, -1 where it is for the caller to look at. */
export function clearFile(root: string, name: string, prefix: string, isClean: (document: Document) => boolean): number {
  if (isArchive(name)) return -1;
  let file: number;
  try {
    file = openSync(join(root, name), reading);
  } catch {
    return -1;
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile() || stat.size > pieceSize) return -1;
    const bytes = readAt(file, 0, stat.size);
    return isClean({ bytes, origin: { kind: "file", path: prefix + name } }) ? bytes.length : -1;
  } catch {
    return -1;
  } finally {
    closeSync(file);
  }
}

/** NOFOLLOW and NONBLOCK: the entry may have become a link or a pipe since it was listed. */
const reading = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** One buffer for all files: a document's bytes are read, not kept (design of src/document.ts). */
let reused = Buffer.allocUnsafe(1 << 20);

function readAt(file: number, position: number, length: number): Buffer {
  if (reused.length < length) reused = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(file, reused, filled, length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return reused.subarray(0, filled);
}

function relativePath(root: string, path: string): string {
  return relative(root, path).split(sep).join("/") || ".";
}

/** The system's word for what went wrong; a bug of ours keeps its stack. */
function code(error: unknown): string {
  if (error instanceof Error && "code" in error && "syscall" in error) return String(error.code);
  throw error;
}
