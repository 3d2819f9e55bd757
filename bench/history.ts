import type { Ruleset } from "../src/detector/compile.ts";
import { gitText } from "../src/git.ts";
import { scan } from "../src/scan/scan.ts";
import { scopeSalt } from "../src/secret.ts";
import { isArchive } from "../src/source/archive.ts";
import { CommitGraph, type Commits } from "../src/source/commit-graph.ts";
import { JoinedTexts } from "../src/source/joined-texts.ts";
import { KnownRuns } from "../src/source/known-runs.ts";
import { packedBlobs } from "../src/source/pack/read-pack.ts";
import { Unpacker } from "../src/source/pack/unpack.ts";
import { Packs, searchPack, unknownParts } from "../src/source/packs.ts";
import { isClean } from "../src/source/scanner.ts";

/** What a history scan is made of, one after the other on one thread. */
export interface Stage {
  readonly name: string;
  /** Processor time of this process. Seconds. */
  readonly seconds: number;
  readonly megabytes?: number;
  readonly count?: number;
}

/** The stages of a history scan, each by itself. `search` contains decoding and novelty, which are also measured alone. */
export async function historyStages(cwd: string, ruleset: Ruleset): Promise<Stage[]> {
  const objects = (await gitText(["rev-parse", "--path-format=absolute", "--git-path", "objects"], { cwd })).trim();
  const keyring = { tenant: [], salts: [scopeSalt("bench")] };
  const stages: Stage[] = [];
  const stage = async (name: string, run: () => Promise<Omit<Stage, "name" | "seconds">> | Omit<Stage, "name" | "seconds">) => {
    const start = process.cpuUsage();
    const said = await run();
    const { user, system } = process.cpuUsage(start);
    stages.push({ name, seconds: (user + system) / 1e6, ...said });
  };
  let packs = new Packs(objects);
  await stage("index and headers", () => {
    packs = new Packs(objects);
    return { count: packs.searched.reduce((sum, { map }) => sum + map.count, 0) };
  });
  await stage("decoding", () => {
    let [bytes, count] = [0, 0];
    for (const { map } of packs.searched) {
      for (const blob of packedBlobs(map)) {
        bytes += blob.bytes.length;
        count++;
      }
    }
    return { megabytes: bytes / 1e6, count };
  });
  await stage("decoding and novelty", () => {
    let [bytes, count] = [0, 0];
    for (const { map, known } of packs.searched) {
      const unpacker = new Unpacker();
      unpacker.setKeys(known.keys);
      const runs = new KnownRuns(known);
      for (const blob of packedBlobs(map, undefined, unpacker)) {
        for (const [start, end] of unknownParts(blob, true, unpacker, runs)) {
          bytes += end - start;
          count++;
        }
        runs.conclude(true);
      }
    }
    return { megabytes: bytes / 1e6, count };
  });
  packs = new Packs(objects);
  await stage("search, with decoding and novelty", () => {
    let [bytes, count] = [0, 0];
    for (const pack of packs.searched) {
      searchPack(pack, (part) => {
        bytes += part.length;
        count++;
        return isClean({ bytes: part, origin: { kind: "file" } }, (document) => scan(document, ruleset, keyring));
      });
    }
    return { megabytes: bytes / 1e6, count };
  });
  const tips = (await gitText(["rev-list", "--no-walk=unsorted", "--all"], { cwd })).trim().split("\n");
  const clean = (bytes: Buffer) => isClean({ bytes, origin: { kind: "commit-message" } }, (document) => scan(document, ruleset, keyring));
  let commits: Commits = new CommitGraph();
  await stage("commits and their messages", () => {
    const messages = new JoinedTexts<number>(clean);
    const packed = packs.commits(tips, (message, number) => messages.add(message, number));
    messages.close();
    if (packed === undefined) throw new Error("not all commits are in packs: run git repack -ad");
    commits = packed;
    return { count: commits.count };
  });
  let trees = packs.trees(() => false);
  await stage("trees", () => {
    trees = packs.trees(isArchive);
    return {};
  });
  await stage("attribution", () => {
    const introductions = trees === undefined ? undefined : packs.introductions(trees);
    let count = 0;
    for (let commit = 0; commit < commits.count; commit++) for (const _ of introductions?.of(commit, commits) ?? []) count++;
    return { count };
  });
  return stages;
}
