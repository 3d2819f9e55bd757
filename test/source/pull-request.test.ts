import { expect, test } from "vitest";
import { neededBlobs, type PullRequestScan, scanPullRequest } from "../../src/source/pull-request.ts";
import { scanPush } from "../../src/source/range.ts";
import { fingerprintOf, marker, markerScan } from "./marker.ts";
import { dateOf, repository, type TestRepository } from "./repository.ts";

/** A repository whose main holds `old` in config.env, and a branch `work` that is checked out. */
function branched(old: string): TestRepository & { judge: () => Promise<PullRequestScan> } {
  const made = repository();
  made.commit("first", { "config.env": `A=1\nKEY=${old}\nB=2\n`, "other.txt": "text\n" });
  made.git("checkout", "--quiet", "-b", "work");
  return { ...made, judge: () => scanPullRequest({ cwd: made.path, base: "main", head: "work", scan: markerScan() }) };
}

function values({ added }: PullRequestScan): string[] {
  return added.map(({ finding }) => finding.fingerprint);
}

test("a new key is reported at its commit, author and line, with its line in the head", async () => {
  const [old, fresh] = [marker(), marker()];
  const work = branched(old);
  const commit = work.commit("add key", { "app.env": `KEY=${fresh}\n` });
  work.commit("push it down", { "app.env": `# comment\n\nKEY=${fresh}\n` });
  const scan = await work.judge();
  expect(values(scan)).toEqual([fingerprintOf(fresh)]);
  expect(scan.added[0]?.headLine).toBe(3);
  expect(scan.added[0]?.finding.location).toMatchObject({
    kind: "file",
    path: "app.env",
    startLine: 1,
    startColumn: 5,
    commit,
    author: { name: "Dana Dev", email: "dana@example.org" },
    date: dateOf(2),
  });
  expect(scan.complete).toBe(true);
  expect(scan.commits).toBe(2);
});

const stays: Record<string, (work: TestRepository, old: string) => void> = {
  "its neighbour is edited": (work, old) => work.commit("edit", { "config.env": `A=changed\nKEY=${old}\nB=2\n` }),
  "its line is moved": (work, old) => work.commit("move", { "config.env": `A=1\nB=2\nC=3\nKEY=${old}\n` }),
  "its line is reindented": (work, old) => work.commit("indent", { "config.env": `A=1\n    KEY=${old}\nB=2\n` }),
  "it is removed": (work) => work.commit("remove", { "config.env": "A=1\nB=2\n" }),
  "it is removed and put back": (work, old) => {
    work.commit("remove", { "config.env": "A=1\n" });
    work.commit("put back", { "config.env": `KEY=${old}\n` });
  },
  "its file is renamed": (work) => {
    work.git("mv", "config.env", "settings.env");
    work.commit("rename");
  },
  "its file is renamed and edited": (work, old) => {
    work.git("mv", "config.env", "settings.env");
    work.commit("rename", { "settings.env": `# all new\n# around it\nexport KEY="${old}"\n` });
  },
  "its file is deleted": (work) => {
    work.remove("config.env");
    work.commit("delete");
  },
};

for (const [change, make] of Object.entries(stays)) {
  test(`a key that stood there already is not reported when ${change}`, async () => {
    const old = marker();
    const work = branched(old);
    make(work, old);
    const scan = await work.judge();
    expect(scan.added).toEqual([]);
    expect(new Set(scan.stood.map(({ fingerprint }) => fingerprint)).size).toBeLessThanOrEqual(1);
    expect(scan.complete).toBe(true);
  });
}

test("main merged in brings nothing of main's, also where the merge resolves a conflict around it", async () => {
  const [old, mains] = [marker(), marker()];
  const work = branched(old);
  work.commit("mine", { "config.env": `A=mine\nKEY=${old}\nB=2\n` });
  work.git("checkout", "--quiet", "main");
  work.commit("theirs", { "config.env": `A=theirs\nKEY=${old}\nNEW=${mains}\n` });
  work.git("checkout", "--quiet", "work");
  expect(() => work.git("merge", "--quiet", "main")).toThrow();
  work.commit("merge main", { "config.env": `A=both\nKEY=${old}\nNEW=${mains}\n` });
  const scan = await work.judge();
  expect(scan.added).toEqual([]);
  expect(scan.stood.map(({ fingerprint }) => fingerprint).sort()).toEqual([fingerprintOf(old), fingerprintOf(mains)].sort());
});

test("what only a merge commit introduces is reported", async () => {
  const [old, fresh] = [marker(), marker()];
  const work = branched(old);
  work.commit("mine", { "mine.txt": "mine\n" });
  work.git("checkout", "--quiet", "main");
  work.commit("theirs", { "theirs.txt": "theirs\n" });
  work.git("checkout", "--quiet", "work");
  work.git("merge", "--quiet", "--no-commit", "main");
  const merge = work.commit("merge", { "merged.env": `KEY=${fresh}\n` });
  const scan = await work.judge();
  expect(values(scan)).toEqual([fingerprintOf(fresh)]);
  expect(scan.added[0]?.finding.location.commit).toBe(merge);
});

test("a copy from a file that the commits do not touch is new", async () => {
  const old = marker();
  const work = branched(old);
  work.commit("copy", { "copy.env": `KEY=${old}\n` });
  const scan = await work.judge();
  expect(values(scan)).toEqual([fingerprintOf(old)]);
  expect(scan.added[0]).toMatchObject({ headLine: 1, finding: { location: { path: "copy.env" } } });
});

test("a key that one commit adds and a later one removes is reported, without a line in the head", async () => {
  const [old, fresh] = [marker(), marker()];
  const work = branched(old);
  const commit = work.commit("add", { "app.env": `KEY=${fresh}\n` });
  work.commit("remove", { "app.env": "KEY=\n" });
  const scan = await work.judge();
  expect(values(scan)).toEqual([fingerprintOf(fresh)]);
  expect(scan.added[0]?.finding.location.commit).toBe(commit);
  expect(scan.added[0]).not.toHaveProperty("headLine");
});

test("a key in a commit message is reported", async () => {
  const [old, fresh] = [marker(), marker()];
  const work = branched(old);
  const commit = work.commit(`use ${fresh}`, { "a.txt": "a\n" });
  const scan = await work.judge();
  expect(scan.added[0]?.finding.location).toMatchObject({ kind: "commit-message", commit });
});

test("a renamed file with a new key beside the old one reports the new one only", async () => {
  const [old, fresh] = [marker(), marker()];
  const work = branched(old);
  work.git("mv", "config.env", "settings.env");
  work.commit("rename", { "settings.env": `A=1\nKEY=${old}\nB=2\nNEW=${fresh}\n` });
  expect(values(await work.judge())).toEqual([fingerprintOf(fresh)]);
});

test("branches without a common commit are judged by all of their own", async () => {
  const [old, fresh] = [marker(), marker()];
  const work = branched(old);
  work.git("checkout", "--quiet", "--orphan", "alone");
  work.commit("alone", { "config.env": `KEY=${fresh}\n` });
  const scan = await scanPullRequest({ cwd: work.path, base: "main", head: "alone", scan: markerScan() });
  expect(scan.mergeBase).toBeUndefined();
  expect(scan.added.map(({ finding }) => finding.location.path)).toContain("config.env");
});

test("a shallow clone that cuts through the commits gives the difference of the trees, and says that it is not all", async () => {
  const [old, gone, fresh] = [marker(), marker(), marker()];
  const work = branched(old);
  work.commit("add", { "app.env": `KEY=${gone}\n` });
  work.commit("replace", { "app.env": `KEY=${fresh}\n` });
  const shallow = repository("--bare");
  const remote = `file://${work.path}`;
  shallow.git("fetch", "--quiet", "--depth=1", remote, "main:main");
  shallow.git("fetch", "--quiet", "--depth=1", remote, "work:work");
  const scan = await scanPullRequest({ cwd: shallow.path, base: "main", head: "work", scan: markerScan() });
  expect(values(scan)).toEqual([fingerprintOf(fresh)]);
  expect(scan).toMatchObject({ complete: false, reason: "history not fully scanned" });
});

test("a clone that lists another number of commits than GitHub does is not trusted", async () => {
  const [old, fresh] = [marker(), marker()];
  const work = branched(old);
  work.commit("add", { "app.env": `KEY=${fresh}\n` });
  work.git("checkout", "--quiet", "main");
  work.commit("main moves on", { "main.txt": "m\n" });
  const clone = repository("--bare");
  clone.git("fetch", "--quiet", `file://${work.path}`, "main:main", "work:work");
  const judge = () => scanPullRequest({ cwd: clone.path, base: "main", head: "work", scan: markerScan(), expectedCommits: 1 });
  expect(await judge()).toMatchObject({ complete: true, commits: 1 });
  // a later fetch of main's tip alone cuts what leads to the branch
  clone.git("fetch", "--quiet", "--depth=1", `file://${work.path}`, "+main:main");
  const cut = await judge();
  expect(cut).toMatchObject({ complete: false, reason: "history not fully scanned" });
  expect(values(cut)).toEqual([fingerprintOf(fresh)]);
});

test("a clone without blobs needs exactly the blobs that are named before", async () => {
  const [old, fresh] = [marker(), marker()];
  const work = branched(old);
  work.commit("add", { "app.env": `KEY=${fresh}\n`, "config.env": `A=2\nKEY=${old}\n` });
  work.git("config", "uploadpack.allowFilter", "true");
  work.git("config", "uploadpack.allowAnySHA1InWant", "true");
  const clone = repository("--bare");
  clone.git("remote", "add", "origin", `file://${work.path}`);
  clone.git("config", "remote.origin.promisor", "true");
  clone.git("config", "remote.origin.partialCloneFilter", "blob:none");
  clone.git("fetch", "--quiet", "--filter=blob:none", "origin", "main:main", "work:work");
  const judge = () => scanPullRequest({ cwd: clone.path, base: "main", head: "work", scan: markerScan() });

  const before = await judge();
  expect(before).toMatchObject({ added: [], complete: false });
  expect(before.stats.skipped[0]?.reason).toContain("missing");

  const blobs = await neededBlobs({ cwd: clone.path, base: "main", head: "work" });
  clone.git("-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "--filter=blob:none", "--no-write-fetch-head", "origin", ...blobs);
  const after = await judge();
  expect(values(after)).toEqual([fingerprintOf(fresh)]);
  expect(after.complete).toBe(true);
});

test("a push of a new branch is judged against the default branch", async () => {
  const [old, fresh] = [marker(), marker()];
  const work = branched(old);
  const after = work.commit("add", { "app.env": `KEY=${fresh}\n` });
  const before = "0".repeat(40);
  const pushed = await scanPush({ cwd: work.path, before, after, defaultBranch: "main", scan: markerScan() });
  expect(pushed.findings.map(({ fingerprint }) => fingerprint)).toEqual([fingerprintOf(fresh)]);
  const first = await scanPush({ cwd: work.path, before, after, scan: markerScan() });
  expect(first.findings.map(({ fingerprint }) => fingerprint).sort()).toEqual([fingerprintOf(old), fingerprintOf(fresh)].sort());
});

test("a revision that looks like an option is refused", async () => {
  const work = branched(marker());
  const scan = scanPullRequest({ cwd: work.path, base: "--output=x", head: "work", scan: markerScan() });
  await expect(scan).rejects.toThrow("expected a git revision or path");
});
