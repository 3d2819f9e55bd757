import { existsSync } from "node:fs";
import type { Finding } from "../finding.ts";
import { readObjects } from "../git/cat-file.ts";
import { gitText } from "../git.ts";
import { blobsAt } from "./commit-tree.ts";
import { earliest, type Ranked, scanCommits } from "./commits.ts";
import { Packs } from "./packs.ts";
import { type Result, type ScannerOptions, Tally } from "./scanner.ts";
import type { WorkerPool } from "./worker-pool.ts";

export interface HistoryOptions extends ScannerOptions {
  /** A repository's folder, or a bare one. */
  readonly cwd: string;
  /** `host/owner/name`, goes into locators. */
  readonly repository?: string | undefined;
  /** `false` reads everything through git: slower, with the same result. */
  readonly packs?: boolean;
  /** Threads for a ruleset of this; started only where there is enough to do. */
  readonly workers?: (() => WorkerPool) | undefined;
}

/**
 * Everything that any ref reaches: every blob at every path, also what only a merge introduced; commit and tag messages; ref
 * names. One finding per credential, detector, path and pointer, at the earliest commit that introduces it.
 */
export async function scanHistory(options: HistoryOptions): Promise<Result> {
  const { cwd, repository } = options;
  const tally = new Tally(options);
  const refs = await listRefs(cwd);
  if (refs.length === 0 && !(await hasHead(cwd))) {
    tally.skip(".", "a repository without commits: there is no history to scan", false);
    return { findings: [], stats: tally.stats() };
  }
  const isShallow = (await gitText(["rev-parse", "--is-shallow-repository"], { cwd })).trim() === "true";
  if (isShallow) tally.skip(".", "a shallow clone: earlier commits are not here; run git fetch --unshallow", true);
  const more = await blobsOfRefs(cwd, refs);
  const folders = options.packs === false ? undefined : await foldersOf(cwd);
  const packs = folders === undefined ? undefined : new Packs(folders.objects);
  const tips = folders?.hasWorktrees === false && !isShallow ? await commitTips(cwd, refs) : undefined;
  const pool = packs !== undefined && packs.bytes > worthWorkers ? options.workers?.() : undefined;
  let ranked: Ranked[];
  try {
    ranked = await scanCommits({ ...options, tally, revisions: ["--all"], tips, repository, more, packs, pool });
  } finally {
    await pool?.close();
  }
  const names = [...refNames(refs, tally), ...(await tagMessages(cwd, refs, tally))];
  return { findings: [...earliest(ranked), ...names], stats: tally.stats() };
}

/** Smaller packs are searched before threads would have started. Bytes. */
const worthWorkers = 4 << 20;

/**
 * Where the objects are; packs are read directly where ids are SHA-1. `hasWorktrees`: heads of other work trees belong to the history too.
 * Undefined for other ids.
 */
async function foldersOf(cwd: string): Promise<{ objects: string; hasWorktrees: boolean } | undefined> {
  if ((await gitText(["rev-parse", "--show-object-format"], { cwd })).trim() !== "sha1") return undefined;
  const asked = ["--path-format=absolute", "--git-path", "objects", "--git-path", "worktrees"];
  const [objects = "", worktrees = ""] = (await gitText(["rev-parse", ...asked], { cwd })).split("\n");
  return { objects, hasWorktrees: existsSync(worktrees) };
}

/** The commits that the refs and HEAD point at; undefined where a tag leads to none in one step that git shows. */
async function commitTips(cwd: string, refs: readonly Ref[]): Promise<string[] | undefined> {
  const head = (await gitText(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], { cwd, accept: [1, 128] })).trim();
  const tips: string[] = [];
  for (const { type, id, peeledType, peeledId } of refs) {
    const [kind, object] = type === "tag" ? [peeledType, peeledId] : [type, id];
    if (kind === "tag") return undefined;
    if (kind === "commit") tips.push(object);
  }
  return head === "" ? tips : [...tips, head];
}

interface Ref {
  readonly name: string;
  /** Of what it points at. */
  readonly type: string;
  readonly id: string;
  /** Of what an annotated tag leads to. */
  readonly peeledType: string;
  readonly peeledId: string;
}

async function listRefs(cwd: string): Promise<Ref[]> {
  const format = "--format=%(objecttype) %(objectname) %(*objecttype) %(*objectname) %(refname)";
  const listing = await gitText(["for-each-ref", format], { cwd });
  return listing.split("\n").flatMap((line) => {
    const [type = "", id = "", peeledType = "", peeledId = "", ...name] = line.split(" ");
    return line === "" ? [] : [{ type, id, peeledType, peeledId, name: name.join(" ") }];
  });
}

async function hasHead(cwd: string): Promise<boolean> {
  return (await gitText(["rev-parse", "--verify", "--quiet", "HEAD"], { cwd, accept: [1] })).trim() !== "";
}

/** Refs may point at trees and blobs, which no commit shows. The ref's name stands for the path. */
async function blobsOfRefs(cwd: string, refs: readonly Ref[]): Promise<{ blob: string; path: string }[]> {
  const found: { blob: string; path: string }[] = [];
  for (const { name, type, id, peeledType, peeledId } of refs) {
    const [kind, object] = type === "tag" ? [peeledType, peeledId] : [type, id];
    if (kind === "blob") found.push({ blob: object, path: name });
    if (kind === "tree") for (const { blob, path } of await blobsAt(cwd, object)) found.push({ blob, path: `${name}/${path}` });
  }
  return found;
}

function refNames(refs: readonly Ref[], tally: Tally): Finding[] {
  return refs.flatMap(({ name }) => tally.read({ bytes: Buffer.from(name), origin: { kind: "ref-name" } }));
}

/** Annotated tags, and tags of tags. The message is what follows the empty line. */
async function tagMessages(cwd: string, refs: readonly Ref[], tally: Tally): Promise<Finding[]> {
  const found: Finding[] = [];
  let ids = refs.flatMap(({ type, id }) => (type === "tag" ? [id] : []));
  for (let depth = 0; ids.length > 0 && depth < 10; depth++) {
    const nested: string[] = [];
    for await (const { bytes } of readObjects(cwd, ids, { maxBytes: 1 << 20 })) {
      if (bytes === undefined) {
        tally.skip("refs/tags", "a tag object is missing, damaged or larger than the limit", true);
        continue;
      }
      const headers = bytes.toString("latin1", 0, Math.max(bytes.indexOf("\n\n"), 0));
      const [, object, type] = /^object ([0-9a-f]+)\ntype (\w+)/.exec(headers) ?? [];
      if (type === "tag" && object !== undefined) nested.push(object);
      found.push(...tally.read({ bytes: bytes.subarray(headers.length), origin: { kind: "tag-message" } }));
    }
    ids = nested;
  }
  return found;
}
