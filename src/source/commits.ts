import type { Origin } from "../document.ts";
import type { Finding } from "../finding.ts";
import { readObjects } from "../git/cat-file.ts";
import { isArchive, scanArchive } from "./archive.ts";
import { CommitGraph, type Commits } from "./commit-graph.ts";
import { type Change, type Commit, type CommitInfo, gitLog, type LogOptions } from "./git-log.ts";
import { JoinedTexts } from "./joined-texts.ts";
import { isLfsPointer } from "./lfs.ts";
import type { PackedCommits } from "./packed-commits.ts";
import { type Packs, searchPack } from "./packs.ts";
import { findingKey, isClean, isStructured, mayBeStructured, type ScannerOptions, type Tally } from "./scanner.ts";
import type { TreeIndex } from "./tree-index.ts";
import type { WorkerPool } from "./worker-pool.ts";

export interface CommitScan extends LogOptions, Pick<ScannerOptions, "scan"> {
  readonly tally: Tally;
  /** `host/owner/name`, goes into locators. */
  readonly repository?: string | undefined;
  /** Sees every commit before its blobs are read. */
  readonly onCommit?: ((commit: Commit) => void) | undefined;
  /** Packs that may be read without git. The result is the same without them. */
  readonly packs?: Packs | undefined;
  /** The commits that the revisions stand for, where packs may be asked for what they reach. */
  readonly tips?: readonly string[] | undefined;
  /** Searches the packs, beside what reads the log. Without it this thread does, once the log is read. */
  readonly pool?: Pick<WorkerPool, "search" | "close"> | undefined;
  /** Blobs that no commit's change shows, with the path to give them: refs that point at trees and blobs. */
  readonly more?: readonly { readonly blob: string; readonly path: string }[] | undefined;
}

/** A finding with the place of its commit in the log's order. */
export interface Ranked {
  readonly finding: Finding;
  readonly rank: number;
}

/** Larger blobs are passed over and reported. Bytes. */
export const maxBlob = 128 << 20;

/**
 * Scans every blob that some of these commits introduce, and their messages. A blob is read once whatever the number of its paths,
 * and scanned again at a further path only where it holds something or where the path changes its meaning.
 */
export async function scanCommits(options: CommitScan): Promise<Ranked[]> {
  const { cwd, env, tally, repository, packs, pool } = options;
  const found: Ranked[] = [];
  const places = new Places(tally);
  const searched = packs === undefined ? undefined : pool?.search(packs.searched);
  searched?.catch(() => undefined); // seen below, when the log is read
  const readMessage = (commit: Commit) => {
    if (commit.message.length === 0) return;
    const origin = originOf({ kind: "commit-message" }, commit, repository);
    for (const finding of tally.read({ bytes: commit.message, origin })) found.push({ finding, rank: commit.rank });
  };
  const graph = new CommitGraph();
  const packed = await packedLog(options, readMessage);
  const commits = packed ?? graph;
  if (packed === undefined) {
    for await (const commit of gitLog({ ...options, changes: packs === undefined })) {
      options.onCommit?.(commit);
      readMessage(commit);
      if (packs === undefined) places.add(commit);
      else graph.add(commit, packs.find(commit.tree));
    }
  }
  const trees = packs?.trees(isArchive); // while others search
  await searched;
  await pool?.close(); // what comes needs their memory
  if (packs !== undefined) {
    if (pool === undefined)
      for (const pack of packs.searched) searchPack(pack, (bytes) => isClean({ bytes, origin: { kind: "file" } }, options.scan));
    await placePacked({ packs, trees, commits, places }, options);
  }
  for (const { blob, path } of options.more ?? []) places.addBlob(blob, path, undefined);

  const left = [...places.blobs()].filter((blob) => !isDone(blob, places, options));
  for await (const object of readObjects(cwd, left, { maxBytes: maxBlob, ...(env === undefined ? {} : { env }) })) {
    const introduced = places.of(object.id);
    if (object.bytes === undefined) for (const { path } of introduced) tally.skip(path, unread(object), true);
    else for (const one of scanBlob(object.id, object.bytes, introduced, options)) found.push(one);
  }
  return found;
}

/** The log as packs have it. Git is asked for the commits whose messages are not clean only. Undefined where not all of it is in packs. */
async function packedLog(
  { cwd, env, scan, tally, packs, tips }: CommitScan,
  readMessage: (commit: Commit) => void,
): Promise<PackedCommits | undefined> {
  const messages = new JoinedTexts<number>((bytes) => isClean({ bytes, origin: { kind: "commit-message" } }, scan));
  const commits =
    tips === undefined
      ? undefined
      : packs?.commits(tips, (message, number, recoded) => {
          if (recoded) messages.notClean.push(number);
          else messages.add(message, number);
        });
  if (commits === undefined) return undefined;
  messages.close();
  const ranks = messages.notClean.map((number) => commits.rankOf(number)).filter((rank) => rank !== -1);
  ranks.sort((a, b) => a - b);
  const seen = new Set(ranks);
  let clean = 0;
  for (let rank = 0; rank < commits.count; rank++) if (!seen.has(rank)) clean += commits.messageSize(rank);
  tally.passed(clean, 0);
  if (ranks.length === 0) return commits;
  let index = 0;
  for await (const commit of gitLog({ cwd, env, revisions: [], only: ranks.map((rank) => commits.id(rank)), changes: false }))
    readMessage({ ...commit, rank: ranks[index++] ?? commit.rank });
  return commits;
}

interface Packed {
  readonly packs: Packs;
  readonly trees: TreeIndex | undefined;
  readonly commits: Commits;
  readonly places: Places;
}

/** The places of what is not done with: by our own reading of the trees, or by git's where it has to. */
async function placePacked({ packs, trees, commits, places }: Packed, { cwd, env, tally }: CommitScan): Promise<void> {
  const introductions = trees === undefined ? undefined : packs.introductions(trees);
  const changed = new Map<string, Change[]>();
  if (introductions !== undefined) {
    for (let commit = 0; commit < commits.count; commit++) {
      const changes = [...introductions.of(commit, commits)].map(({ path, blob }) => ({
        path,
        after: blob,
        submodule: blob === undefined,
      }));
      if (changes.length > 0) changed.set(commits.id(commit), changes);
    }
    for (const size of packs.done(introductions)) tally.passed(size);
    if (!introductions.complete) tally.skip(".", "blobs stand at more paths than can be listed: some were left out", true);
  }
  const ofGit = new Set(introductions === undefined ? commits.ids() : introductions.outside.map((commit) => commits.id(commit)));
  const ranks = new Map<string, number>();
  for (let commit = 0; commit < commits.count; commit++) {
    const id = commits.id(commit);
    if (ofGit.has(id) || changed.has(id)) ranks.set(id, commit);
  }
  if (ranks.size === 0) return;
  for await (const commit of gitLog({ cwd, env, revisions: [], only: [...ranks.keys()], changes: ofGit.size > 0 })) {
    const changes = ofGit.has(commit.id) ? commit.changes : (changed.get(commit.id) ?? []);
    places.add({ ...commit, changes, rank: ranks.get(commit.id) ?? commit.rank });
  }
}

/** Whether nothing is left to do for a blob: its bytes are clean, and no path that it has gives them another meaning. */
function isDone(blob: string, places: Places, { packs, tally }: CommitScan): boolean {
  const known = packs?.of(blob);
  if (known === undefined || known.verdict === "not-clean") return false;
  const introduced = places.of(blob);
  if (introduced.some(({ path }) => mayBeStructured(path) || isArchive(path))) return false;
  if (known.verdict === "lfs-pointer") reportPointer(introduced, tally);
  tally.passed(known.size);
  return true;
}

/** Why an object could not be read, for a person. */
export function unread({ type, size }: { type: string; size: number }): string {
  if (type === "missing") return "object is missing: partial clone or damaged repository";
  return type === "damaged" ? "object is damaged" : `${size} bytes: larger than the limit`;
}

/**
 * One finding per credential, detector, path and pointer: at the earliest commit of the log that introduces it. `occurrences` are
 * distinct blobs (or messages).
 */
export function earliest(ranked: readonly Ranked[]): Finding[] {
  const groups = Map.groupBy(ranked, ({ finding }) => findingKey(finding));
  return [...groups.values()].flatMap((group) => {
    const first = group.reduce((a, b) => (b.rank < a.rank ? b : a)).finding;
    const distinct = new Set(group.map(({ finding }) => finding.locator.blob ?? finding.location.commit));
    return [{ ...first, occurrences: distinct.size }];
  });
}

/** A blob at a path, in the first commit that put it there. */
interface Place {
  readonly path: string;
  readonly commit: CommitInfo | undefined;
}

/** Which blobs were introduced where. */
class Places {
  readonly #byBlob = new Map<string, Place[]>();
  readonly #seen = new Set<string>();
  readonly #submodules = new Set<string>();
  readonly #paths = new Map<string, string>();
  readonly #tally: Tally;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  add({ changes, id, rank, author, agents, date }: Commit): void {
    const commit = { id, rank, author, date, ...(agents === undefined ? {} : { agents }) };
    for (const { after, path, submodule } of changes) {
      if (submodule) this.#reportSubmodule(path);
      else if (after === undefined) continue;
      else this.addBlob(after, this.#once(path), commit);
    }
  }

  /** The same string for the same path: a history names each path hundreds of times. */
  #once(path: string): string {
    const known = this.#paths.get(path);
    if (known === undefined) this.#paths.set(path, path);
    return known ?? path;
  }

  addBlob(blob: string, path: string, commit: CommitInfo | undefined): void {
    const known = this.#byBlob.get(blob);
    if (known === undefined) {
      this.#byBlob.set(blob, [{ path, commit }]);
      return;
    }
    const key = `${blob}\0${path}`;
    if (known[0]?.path === path || this.#seen.has(key)) return;
    this.#seen.add(key);
    known.push({ path, commit });
  }

  blobs(): Iterable<string> {
    return this.#byBlob.keys();
  }

  of(blob: string): readonly Place[] {
    return this.#byBlob.get(blob) ?? [];
  }

  #reportSubmodule(path: string): void {
    if (this.#submodules.has(path)) return;
    this.#submodules.add(path);
    this.#tally.skip(path, "submodule: its repository is not read", false);
  }
}

function* scanBlob(blob: string, bytes: Buffer, places: readonly Place[], { tally, repository }: CommitScan): Generator<Ranked> {
  if (isLfsPointer(bytes)) reportPointer(places, tally);
  let holds = false;
  for (const [index, { path, commit }] of places.entries()) {
    if (index > 0 && !holds && !isStructured(path, bytes) && !isArchive(path)) continue;
    const origin = originOf({ kind: "file", path, blob }, commit, repository);
    const findings = isArchive(path)
      ? scanArchive({ size: bytes.length, read: () => bytes, origin, tally })
      : index === 0
        ? tally.read({ bytes, origin })
        : tally.again({ bytes, origin });
    if (findings.length > 0) holds = true;
    for (const finding of findings) yield { finding, rank: commit?.rank ?? Number.MAX_SAFE_INTEGER };
  }
}

function reportPointer(places: readonly Place[], tally: Tally): void {
  for (const { path } of places) tally.skip(path, "Git LFS pointer: the content is not in the repository", false);
}

function originOf(place: Pick<Origin, "kind" | "path" | "blob">, commit: CommitInfo | undefined, repository: string | undefined): Origin {
  return {
    ...place,
    ...(commit === undefined ? {} : { commit: commit.id, author: commit.author, date: commit.date }),
    ...(commit?.agents === undefined ? {} : { agents: commit.agents }),
    ...(repository === undefined ? {} : { repository }),
  };
}
