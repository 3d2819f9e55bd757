import { randomBytes } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scanHistory } from "../../src/source/history.ts";
import { fingerprintOf, marker, markerScan } from "./marker.ts";
import { dateOf, repository, type TestRepository } from "./repository.ts";

async function history({ path }: Pick<TestRepository, "path">) {
  const scan = markerScan();
  return { ...(await scanHistory({ cwd: path, scan })), seen: scan.seen };
}

async function found(made: Pick<TestRepository, "path">): Promise<string[]> {
  return (await history(made)).findings.map(({ fingerprint }) => fingerprint).sort();
}

test("a key that was removed long ago is found at the commit that introduced it", async () => {
  const key = marker();
  const made = repository();
  made.commit("first", { "a.txt": "a\n" });
  const commit = made.commit("add", { "a.env": `# top\nKEY=${key}\n` });
  made.commit("remove", { "a.env": "" });
  const { findings, stats } = await history(made);
  expect(findings).toHaveLength(1);
  expect(findings[0]).toMatchObject({
    occurrences: 1,
    location: { kind: "file", path: "a.env", startLine: 2, startColumn: 5, commit, date: dateOf(2), author: { name: "Dana Dev" } },
  });
  expect(stats).toMatchObject({ complete: true, skipped: [] });
});

test("one credential in many versions of a file is one finding, at the earliest, with the number of versions", async () => {
  const key = marker();
  const made = repository();
  const first = made.commit("one", { "a.env": `KEY=${key}\n` });
  made.commit("two", { "a.env": `KEY=${key}\nB=1\n` });
  made.commit("three", { "a.env": `KEY=${key}\nB=2\n` });
  const { findings } = await history(made);
  expect(findings.map(({ location, occurrences }) => [location.commit, occurrences])).toEqual([[first, 3]]);
});

test("the same content at two paths is two findings, and read once", async () => {
  const key = marker();
  const made = repository();
  made.commit("one", { "a.env": `KEY=${key}\n`, "b/a.env": `KEY=${key}\n` });
  const { findings, stats } = await history(made);
  expect(findings.map(({ location }) => location.path).sort()).toEqual(["a.env", "b/a.env"]);
  expect(stats.files).toBe(1);
});

test("a cherry-pick on another branch counts at the older of the two commits", async () => {
  const key = marker();
  const made = repository();
  made.commit("base", { "a.txt": "a\n" });
  made.git("checkout", "--quiet", "-b", "fix");
  const first = made.commit("fix", { "fix.env": `KEY=${key}\n` });
  made.git("checkout", "--quiet", "main");
  made.commit("other", { "b.txt": "b\n" });
  made.git("cherry-pick", first);
  expect((await history(made)).findings.map(({ location }) => location.commit)).toEqual([first]);
});

test("what only a merge commit introduces is found", async () => {
  const key = marker();
  const made = repository();
  made.commit("base", { "a.txt": "a\n" });
  made.git("checkout", "--quiet", "-b", "side");
  made.commit("side", { "side.txt": "s\n" });
  made.git("checkout", "--quiet", "main");
  made.commit("main", { "main.txt": "m\n" });
  made.git("merge", "--quiet", "--no-commit", "side");
  const merge = made.commit("merge", { "evil.env": `KEY=${key}\n` });
  made.git("rm", "--quiet", "evil.env");
  made.commit("gone");
  const { findings } = await history(made);
  expect(findings.map(({ fingerprint, location }) => [fingerprint, location.commit])).toEqual([[fingerprintOf(key), merge]]);
});

test("every ref counts: branches, tags, stashes, notes, remote-tracking refs, a detached HEAD", async () => {
  const keys = Array.from({ length: 5 }, marker);
  const made = repository();
  made.commit("base", { "a.txt": "a\n" });
  made.git("checkout", "--quiet", "-b", "old");
  made.commit("old", { "old.env": keys[0] ?? "" });
  made.git("update-ref", "refs/remotes/origin/x", "HEAD");
  made.git("checkout", "--quiet", "main");
  made.git("branch", "--quiet", "-D", "old");
  made.write("stash.env", keys[1] ?? "");
  made.git("stash", "push", "--quiet", "--include-untracked");
  made.git("notes", "add", "-m", keys[2] ?? "", "HEAD");
  made.git("checkout", "--quiet", "--detach");
  made.commit("detached", { "detached.env": keys[3] ?? "" });
  const blob = made.git("hash-object", "-w", "detached.env").trim();
  made.git("update-ref", "refs/tags/detached-blob", blob);
  made.write("loose.env", keys[4] ?? "");
  made.git("update-ref", "refs/keep/loose", made.git("hash-object", "-w", "loose.env").trim());
  expect(new Set(await found(made))).toEqual(new Set(keys.map(fingerprintOf)));
});

test("commit messages, tag messages and ref names are scanned", async () => {
  const [inCommit, inTag, inRef, inOuterTag] = [marker(), marker(), marker(), marker()];
  const made = repository();
  const commit = made.commit(`subject\n\nuse ${inCommit}`, { "a.txt": "a\n" });
  made.git("tag", "-a", "-m", `tagged ${inTag}`, "v1");
  made.git("tag", "-a", "-m", `tag of a tag ${inOuterTag}`, "v2", "v1");
  made.git("branch", `feature/${inRef}`);
  made.git("tag", "--delete", "v1");
  const { findings } = await history(made);
  expect(findings.map(({ location, fingerprint }) => [location.kind, fingerprint]).sort()).toEqual(
    [
      ["commit-message", fingerprintOf(inCommit)],
      ["tag-message", fingerprintOf(inTag)],
      ["tag-message", fingerprintOf(inOuterTag)],
      ["ref-name", fingerprintOf(inRef)],
    ].sort(),
  );
  expect(findings.find(({ location }) => location.kind === "commit-message")?.location).toMatchObject({ startLine: 3, commit });
});

test("unreachable objects are not part of the history", async () => {
  const made = repository();
  made.commit("a", { "a.txt": "a\n" });
  made.write("loose.env", marker());
  made.git("hash-object", "-w", "loose.env");
  expect(await found(made)).toEqual([]);
});

test("replace refs do not hide content", async () => {
  const key = marker();
  const made = repository();
  const commit = made.commit("a", { "a.env": key });
  const clean = made.git("commit-tree", "-m", "clean", made.git("hash-object", "-t", "tree", "-w", "/dev/null").trim()).trim();
  made.git("replace", commit, clean);
  expect(await found(made)).toEqual([fingerprintOf(key)]);
});

test("a repository without commits is clean and says so", async () => {
  const { findings, stats } = await history(repository());
  expect(findings).toEqual([]);
  expect(stats).toMatchObject({ complete: true, files: 0 });
  expect(stats.skipped).toEqual([{ path: ".", reason: "a repository without commits: there is no history to scan" }]);
});

test("a shallow clone is not complete", async () => {
  const made = repository();
  made.commit("a", { "a.txt": "a\n" });
  made.commit("b", { "a.txt": "b\n" });
  const shallow = repository("--bare");
  shallow.git("fetch", "--quiet", "--depth=1", `file://${made.path}`, "main:main");
  const { stats } = await history(shallow);
  expect(stats.complete).toBe(false);
  expect(stats.skipped[0]?.reason).toContain("git fetch --unshallow");
});

test("an object on which git dies is reported, and the rest is read", async () => {
  const key = marker();
  const made = repository();
  made.commit("a", { "a.env": randomBytes(9000), "b.env": key, "c.txt": "c\n" });
  const blob = made.git("rev-parse", "HEAD:a.env").trim();
  const file = join(made.path, ".git/objects", blob.slice(0, 2), blob.slice(2));
  const bytes = readFileSync(file);
  rmSync(file, { force: true });
  writeFileSync(file, bytes.subarray(0, 5000));
  const { findings, stats } = await history(made);
  expect(findings.map(({ fingerprint }) => fingerprint)).toEqual([fingerprintOf(key)]);
  expect(stats.complete).toBe(false);
  expect(stats.skipped).toEqual([{ path: "a.env", reason: "object is damaged" }]);
});

test("a missing object is reported, and the rest is read", async () => {
  const key = marker();
  const made = repository();
  made.commit("a", { "a.env": marker(), "b.env": key });
  const blob = made.git("rev-parse", "HEAD:a.env").trim();
  rmSync(join(made.path, ".git/objects", blob.slice(0, 2), blob.slice(2)), { force: true });
  const { findings, stats } = await history(made);
  expect(findings.map(({ fingerprint }) => fingerprint)).toEqual([fingerprintOf(key)]);
  expect(stats).toMatchObject({ complete: false, skipped: [{ path: "a.env" }] });
});

test("submodules and LFS pointers are reported and leave the scan complete", async () => {
  const made = repository();
  const inner = made.commit("a", { "big.bin": `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 9\n` });
  made.git("update-index", "--add", "--cacheinfo", `160000,${inner},vendor/lib`);
  made.git("commit", "--quiet", "-m", "submodule");
  const { stats } = await history(made);
  expect(stats.complete).toBe(true);
  expect(stats.skipped.map(({ path }) => path).sort()).toEqual(["big.bin", "vendor/lib"]);
});

test("hostile names: new lines, quotes, tabs, bytes that are no UTF-8, a name like a commit id", async () => {
  const names = ["new\nline.env", 'quo"te.env', "tab\t.env", ":100644 100644 a b M", "a".repeat(40), "-option", "é.env"];
  const keys = names.map(() => marker());
  const made = repository();
  for (const [index, name] of names.entries()) made.write(name, keys[index] ?? "");
  made.commit("x\n:000000 100644 fake");
  made.commit("", { "b.txt": "an empty message before" });
  const { findings } = await history(made);
  expect(findings.map(({ location }) => location.path).sort()).toEqual(names.toSorted());
  expect(new Set(findings.map(({ fingerprint }) => fingerprint))).toEqual(new Set(keys.map(fingerprintOf)));
});

test("a repository with SHA-256 ids is read", async () => {
  const key = marker();
  const made = repository("--object-format=sha256");
  const commit = made.commit("a", { "a.env": key });
  const { findings } = await history(made);
  expect(findings.map(({ fingerprint, location }) => [fingerprint, location.commit])).toEqual([[fingerprintOf(key), commit]]);
});

test("agent configuration is looked at under each of its paths, other content once", async () => {
  const made = repository();
  const config = '{"mcpServers":{}}\n';
  made.commit("a", { "notes.json": config, ".mcp.json": config, "copy.json": config, "x/.mcp.json": config });
  const paths = (await history(made)).seen.flatMap(({ path }) => path ?? []).sort();
  expect(paths).toEqual([".mcp.json", "x/.mcp.json"]);
});
