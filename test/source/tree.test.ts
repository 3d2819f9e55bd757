import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scanTree } from "../../src/source/tree.ts";
import { fingerprintOf, marker, markerScan } from "./marker.ts";
import { temporaryFolder } from "./repository.ts";

function folder(files: Readonly<Record<string, string | Uint8Array>>): string {
  const root = temporaryFolder();
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

test("every file counts, ignored or not, in a fixed order; .git does not", () => {
  const keys = [marker(), marker(), marker()];
  const root = folder({
    "b.env": keys[0] ?? "",
    "a/z.env": keys[1] ?? "",
    "node_modules/x/index.js": keys[2] ?? "",
    ".gitignore": "*.env\nnode_modules\n",
    ".git/config": marker(),
    "sub/.git/x": marker(),
  });
  const { findings, stats } = scanTree(root, { scan: markerScan() });
  expect(findings.map(({ location }) => location.path)).toEqual(["a/z.env", "b.env", "node_modules/x/index.js"]);
  expect(stats).toMatchObject({ files: 4, complete: true, skipped: [] });
});

test("one credential twice in a file is one finding with two occurrences, at the first place", () => {
  const key = marker();
  const { findings } = scanTree(folder({ "a.env": `A=1\nK=${key}\nL=${key}\n` }), { scan: markerScan() });
  expect(findings.map(({ occurrences, location }) => [occurrences, location.startLine])).toEqual([[2, 2]]);
});

test("a prefix stands before every path", () => {
  const root = folder({ "a.env": marker() });
  expect(scanTree(root, { scan: markerScan(), prefix: "apps/web/" }).findings[0]?.location.path).toBe("apps/web/a.env");
});

test("one file can be scanned", () => {
  const root = folder({ "a.env": marker(), "b.env": marker() });
  expect(scanTree(join(root, "b.env"), { scan: markerScan() }).findings.map(({ location }) => location.path)).toEqual(["b.env"]);
});

test("symbolic links are not followed: out of the tree reported, in circles reported, within it read once", () => {
  const outside = folder({ "secret.env": marker() });
  const root = folder({ "real/a.env": marker() });
  symlinkSync(join(outside, "secret.env"), join(root, "out-file"));
  symlinkSync(outside, join(root, "out-folder"));
  symlinkSync(join(root, "real"), join(root, "inside"));
  symlinkSync(root, join(root, "real/up"));
  symlinkSync("loop", join(root, "loop"));
  const { findings, stats } = scanTree(root, { scan: markerScan() });
  expect(findings.map(({ location }) => location.path)).toEqual(["real/a.env"]);
  expect(stats.complete).toBe(true);
  expect(stats.skipped).toEqual([
    { path: "loop", reason: "symbolic link that leads nowhere or in a circle" },
    { path: "out-file", reason: "symbolic link out of the tree: not followed" },
    { path: "out-folder", reason: "symbolic link out of the tree: not followed" },
  ]);
});

test("pipes and other special files are reported, not opened", () => {
  const root = folder({ "a.txt": "a" });
  expect(spawnSync("mkfifo", [join(root, "pipe")]).status).toBe(0);
  const { stats } = scanTree(root, { scan: markerScan() });
  expect(stats).toMatchObject({ complete: true, skipped: [{ path: "pipe", reason: "not a regular file" }] });
});

test("a 100 MB file is read in pieces: a key across their border once, with line, column and byte offset of the whole", () => {
  const [first, border, last] = [marker(), marker(), marker()];
  const root = folder({});
  const path = join(root, "big.log");
  const size = 100_000_000;
  const piece = 32 << 20;
  const file = openSync(path, "w");
  ftruncateSync(file, size);
  const put = (at: number, text: string) => writeSync(file, text, at);
  put(0, `${first}\n`);
  put(1000, "\n");
  put(piece - 10, border);
  put(piece - 70_000, "\n");
  put(size - 100, `\n${last}\n`);
  closeSync(file);
  const { findings, stats } = scanTree(root, { scan: markerScan() });
  expect(
    findings.map(({ fingerprint, location, locator }) => [fingerprint, location.startLine, location.startColumn, locator.byteStart]),
  ).toEqual([
    [fingerprintOf(first), 1, 1, 0],
    [fingerprintOf(border), 4, 70_000 - 10, piece - 10],
    [fingerprintOf(last), 5, 1, size - 99],
  ]);
  expect(stats).toMatchObject({ files: 1, complete: true });
  expect(stats.skipped[0]).toMatchObject({ path: "big.log" });
}, 30_000);

test("a file that may not be read is reported and makes the scan incomplete", () => {
  const root = folder({ "a.env": "x" });
  const { stats } = scanTree(root, {
    scan: () => {
      throw Object.assign(new Error("EIO: i/o error, read"), { code: "EIO", syscall: "read" });
    },
  });
  expect(stats).toMatchObject({ complete: false, skipped: [{ path: "a.env", reason: "cannot be read: EIO" }] });
});

test("a root that is not there is an error that says so", () => {
  expect(() => scanTree("/nonexistent/x", { scan: markerScan() })).toThrow(
    "expected a file or folder to scan; there is no '/nonexistent/x'",
  );
});
