import { execFileSync } from "node:child_process";
import { chmodSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scanHistory } from "../../src/source/history.ts";
import type { Result } from "../../src/source/scanner.ts";
import { fingerprintOf, marker, markerScan } from "./marker.ts";
import { environment, repository, type TestRepository, temporaryFolder } from "./repository.ts";

/*
 * Repositories that are stored in unusual ways, damaged, or changed while they are read. What is found is held against plain reading:
 * every blob that git can give, searched from its first byte to its last.
 */

function packFiles({ path }: TestRepository, ending: string): string[] {
  const folder = join(path, ".git/objects/pack");
  const names = readdirSync(folder).filter((name) => name.endsWith(ending));
  for (const name of names) chmodSync(join(folder, name), 0o644);
  return names.map((name) => join(folder, name));
}

/** A file that grows, with keys in some of its versions, so that git stores deltas; and one key that no version shares. */
function grown(...init: string[]): { made: TestRepository; keys: string[] } {
  const made = repository(...init);
  const keys = Array.from({ length: 8 }, marker);
  const lines = Array.from({ length: 300 }, (_, index) => `line ${index} of a file that changes little`);
  for (const [version, key] of keys.entries()) {
    lines.splice(10 * version, 1, `KEY=${key}`);
    if (version % 2 === 1) lines.splice(10 * (version - 1), 1, "removed");
    made.commit(`version ${version}`, { "src/grown.txt": lines.join("\n"), [`src/own-${version}.txt`]: `${version}\n` });
  }
  made.git("repack", "-adfq", "--depth=20", "--window=20");
  return { made, keys };
}

/** The markers of every blob that git can read, reachable or not. */
function bruteForce(path: string): string[] {
  const all = execFileSync("git", ["cat-file", "--batch-all-objects", "--batch"], { cwd: path, env: environment, maxBuffer: 1 << 28 });
  return [...new Set(all.toString("latin1").match(/marker_[0-9a-f]{24}/g))].map(fingerprintOf).sort();
}

async function both(path: string): Promise<Result> {
  const packed = await scanHistory({ cwd: path, scan: markerScan() });
  const plain = await scanHistory({ cwd: path, scan: markerScan(), packs: false });
  const sorted = ({ findings }: Result) => findings.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  expect(sorted(packed)).toEqual(sorted(plain));
  expect(packed.stats.complete).toBe(plain.stats.complete);
  return packed;
}

const found = ({ findings }: Result) => [...new Set(findings.map(({ fingerprint }) => fingerprint))].sort();

test("deltas that name their base by offset and by id are searched alike", async () => {
  const { made, keys } = grown();
  expect(found(await both(made.path))).toEqual(keys.map(fingerprintOf).sort());
  made.git("-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq", "--depth=20", "--window=20");
  const byId = readFileSync(packFiles(made, ".pack")[0] ?? "");
  expect(found(await both(made.path))).toEqual(bruteForce(made.path));
  made.git("repack", "-adfq", "--depth=20", "--window=20");
  expect(readFileSync(packFiles(made, ".pack")[0] ?? "").length).toBeLessThan(byId.length);
}, 30_000);

test("what stands in another repository's objects, or in several packs and loose, is searched", async () => {
  const { made, keys } = grown();
  const borrowed = temporaryFolder();
  execFileSync("git", ["clone", "--quiet", "--shared", made.path, borrowed], { env: environment });
  const key = marker();
  writeFileSync(join(borrowed, "own.env"), key);
  execFileSync("git", ["add", "--all"], { cwd: borrowed, env: environment });
  execFileSync("git", ["commit", "--quiet", "-m", "own"], { cwd: borrowed, env: environment });
  for (const repack of [false, true]) {
    if (repack) execFileSync("git", ["repack", "-lq"], { cwd: borrowed, env: environment });
    expect(found(await both(borrowed))).toEqual([...keys, key].map(fingerprintOf).sort());
  }
}, 30_000);

test("SHA-256 repositories with packs are searched through git", async () => {
  const { made, keys } = grown("--object-format=sha256");
  expect(found(await both(made.path))).toEqual(keys.map(fingerprintOf).sort());
}, 30_000);

test("a partial clone says what it lacks, and the rest is searched", async () => {
  const { made, keys } = grown();
  const key = marker();
  made.commit("large", { "large.txt": `${key}\n${"x".repeat(5000)}`, "small.env": marker() });
  made.git("config", "uploadpack.allowFilter", "true");
  const partial = temporaryFolder();
  const from = `file://${made.path}`;
  execFileSync("git", ["clone", "--quiet", "--no-checkout", "--filter=blob:limit=2k", from, partial], { env: environment });
  const result = await both(partial);
  expect(result.stats.complete).toBe(false);
  expect(result.stats.skipped.map(({ path }) => path)).toContain("large.txt");
  expect(result.stats.skipped.every(({ reason }) => reason.startsWith("object is missing"))).toBe(true);
  expect(found(result)).toEqual(bruteForce(partial));
  expect(found(result)).not.toContain(fingerprintOf(key));
  expect(keys.map(fingerprintOf)).not.toEqual(found(result));
}, 30_000);

test("a damaged pack gives what can be read of it, and says that the scan is not complete", async () => {
  const { made } = grown();
  const [pack = ""] = packFiles(made, ".pack");
  const bytes = readFileSync(pack);
  const lines = made.git("verify-pack", "-v", pack).split("\n");
  const blobs = lines.filter((line) => / blob /.test(line)).map((line) => Number(line.split(/ +/)[4]));
  for (const offset of [blobs[0] ?? 0, blobs.at(-1) ?? 0]) {
    const damaged = Buffer.from(bytes);
    damaged.fill(0x5a, offset + 4, offset + 12);
    writeFileSync(pack, damaged);
    const result = await both(made.path);
    expect(result.stats.complete).toBe(false);
    expect(result.stats.skipped.some(({ reason }) => /damaged/.test(reason))).toBe(true);
  }
}, 60_000);

test("a pack that ends early never looks like a clean history", async () => {
  const { made } = grown();
  const [pack = ""] = packFiles(made, ".pack");
  for (const length of [readFileSync(pack).length - 30, 400, 12, 0]) {
    truncateSync(pack, length);
    const scanned = scanHistory({ cwd: made.path, scan: markerScan() });
    const outcome = await scanned.then(({ stats }) => (stats.complete ? "complete" : "not complete")).catch(() => "failed");
    expect([length, outcome]).not.toEqual([length, "complete"]);
  }
}, 30_000);

test("a repository that is repacked while it is read loses nothing", async () => {
  const { made, keys } = grown();
  const scan = markerScan();
  let calls = 0;
  const repacking = Object.assign((document: Parameters<typeof scan>[0]) => {
    if (++calls === 12) {
      made.git("repack", "-adfq", "--depth=3", "--window=3");
      for (const name of readdirSync(join(made.path, ".git/objects")))
        if (/^[0-9a-f]{2}$/.test(name)) rmSync(join(made.path, ".git/objects", name), { recursive: true });
    }
    return scan(document);
  });
  made.commit("loose", { "late.env": marker() });
  const late = bruteForce(made.path);
  const result = await scanHistory({ cwd: made.path, scan: repacking });
  expect(calls).toBeGreaterThan(12);
  expect(found(result)).toEqual(late);
  expect(late).toHaveLength(keys.length + 1);
  expect(result.stats.complete).toBe(true);
}, 30_000);

test("trees that hold one blob at more paths than anybody can list end the scan soon, and it says so", async () => {
  const made = repository();
  made.write("blob", marker());
  let entry = `100644 blob ${made.git("hash-object", "-w", "blob").trim()}`;
  for (let level = 0; level < 12; level++) {
    const entries = Array.from({ length: 12 }, (_, index) => `${entry}\t${index}`).join("\n");
    entry = `040000 tree ${execFileSync("git", ["mktree"], { cwd: made.path, env: environment, input: `${entries}\n`, encoding: "utf8" }).trim()}`;
  }
  const commit = made.git("commit-tree", "-m", "bomb", entry.split(" ").at(-1) ?? "").trim();
  made.git("update-ref", "refs/heads/main", commit);
  made.git("repack", "-adq");
  const { stats } = await scanHistory({ cwd: made.path, scan: (document) => markerScan()(document).slice(0, 1) });
  expect(stats.complete).toBe(false);
}, 60_000);

test("messages in another encoding, commits of a linked work tree and deltas between commits are read as git reads them", async () => {
  const made = repository();
  made.commit("first", { "a.txt": "a\n" });
  const [latin, far] = [marker(), marker()];
  made.git("-c", "i18n.commitEncoding=ISO-8859-1", "commit", "--quiet", "--allow-empty", "-m", `gr\u00fc\u00dfe KEY=${latin}`);
  const text = `${"a long message that hardly changes\n".repeat(40)}`;
  for (let number = 0; number < 6; number++) made.commit(`${text}${number}`, { "a.txt": `${number}\n` });
  made.git("repack", "-adfq", "--depth=20", "--window=20");
  expect(found(await both(made.path))).toEqual([fingerprintOf(latin)]);

  const tree = temporaryFolder();
  made.git("worktree", "add", "--quiet", "--detach", tree);
  execFileSync("git", ["commit", "--quiet", "--allow-empty", "-m", `KEY=${far}`], { cwd: tree, env: environment });
  made.git("repack", "-adfq");
  expect(found(await both(made.path))).toEqual([latin, far].map(fingerprintOf).sort());
}, 30_000);
