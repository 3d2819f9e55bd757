import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadRuleset } from "../src/config/detectors.ts";
import { GitError, gitStream, gitText } from "../src/git.ts";
import { scan } from "../src/scan/scan.ts";
import { scopeSalt } from "../src/secret.ts";
import { scanHistory } from "../src/source/history.ts";
import { packedBlobs } from "../src/source/pack/read-pack.ts";
import { Packs, searchPack } from "../src/source/packs.ts";
import type { Result, ScannerOptions } from "../src/source/scanner.ts";
import { scanLargeTree, scanTree } from "../src/source/tree.ts";
import { WorkerPool } from "../src/source/worker-pool.ts";
import { generatedRepository } from "./corpus.ts";

/**
 * How fast a tree and a history are scanned, on one thread and on all, against what git alone takes to print the same history, with
 * how much memory, and what a history's stages take alone: reading the log, decoding the packs, searching them.
 * `node bench/scan.ts [--tree folder] [--history repository] [--json]`; by default the installed packages and a generated history.
 */
const { values: options } = parseArgs({
  options: {
    tree: { type: "string" },
    history: { type: "string" },
    json: { type: "boolean" },
    one: { type: "string" },
    path: { type: "string" },
  },
});

const kinds = ["tree", "tree on threads", "history", "history on threads", "stage: decoding", "stage: searching"] as const;

interface Measured {
  readonly seconds: number;
  readonly megabytes: number;
  readonly files: number;
  readonly findings: number;
  readonly peakMegabytes: number;
}

if (options.one !== undefined) process.stdout.write(JSON.stringify(await measure(options.one, options.path ?? ".")));
else await main();

async function main(): Promise<void> {
  const temporary = mkdtempSync(join(tmpdir(), "rekey-bench-"));
  try {
    if (options.history === undefined) await generatedRepository(temporary, { files: 800, commits: 10_000 });
    const repository = resolve(options.history ?? temporary);
    const folder = resolve(options.tree ?? "node_modules");
    const measured = Object.fromEntries(kinds.map((kind) => [kind, inChild(kind, kind.startsWith("tree") ? folder : repository)]));
    const git = {
      "log --raw (stage: the log)": await timed(repository, [
        "log",
        "--raw",
        "-c",
        "--no-abbrev",
        "--no-renames",
        "--all",
        "-z",
        "--format=%H",
      ]),
      "cat-file --batch": await timed(repository, ["cat-file", "--batch-all-objects", "--unordered", "--batch"]),
      "log -p -U0 --all": await timed(repository, ["log", "-p", "-U0", "--all", "--no-ext-diff", "--no-textconv"]),
    };
    print(measured, git);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Its own process, so that its peak memory is its own. */
function inChild(one: string, path: string): Measured {
  const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url), "--one", one, "--path", path], { encoding: "utf8" });
  if (child.status !== 0) throw new Error(`measuring ${one} failed: ${child.stderr}`);
  return JSON.parse(child.stdout);
}

async function measure(one: string, path: string): Promise<Measured> {
  const ruleset = await loadRuleset();
  const keyring = { tenant: [scopeSalt("bench")], salts: [scopeSalt("bench")] };
  const own = { scan: (document: Parameters<typeof scan>[0]) => scan(document, ruleset, keyring) };
  const workers = () => new WorkerPool(ruleset);
  const start = performance.now();
  const result = await run(one, path, own, workers);
  return {
    seconds: (performance.now() - start) / 1000,
    megabytes: result.bytes / 1e6,
    files: result.files,
    findings: result.findings,
    peakMegabytes: process.resourceUsage().maxRSS / 1000,
  };
}

type Counts = { bytes: number; files: number; findings: number };

async function run(one: string, path: string, own: ScannerOptions, workers: () => WorkerPool): Promise<Counts> {
  const counted = ({ stats, findings }: Result) => ({ bytes: stats.bytes, files: stats.files, findings: findings.length });
  if (one === "tree") return counted(scanTree(path, own));
  if (one === "tree on threads") return counted(await scanLargeTree(path, { ...own, workers }));
  if (one === "history") return counted(await scanHistory({ ...own, cwd: path }));
  if (one === "history on threads") return counted(await scanHistory({ ...own, cwd: path, workers }));
  const objects = (await gitText(["rev-parse", "--path-format=absolute", "--git-path", "objects"], { cwd: path })).trim();
  const total = { bytes: 0, files: 0, findings: 0 };
  for (const pack of new Packs(objects).searched) {
    const isClean = (bytes: Buffer) => own.scan({ bytes, origin: { kind: "file" } }).length === 0;
    if (one === "stage: searching") searchPack(pack, isClean);
    else for (const { bytes, position } of packedBlobs(pack.map)) pack.size[position] = bytes.length;
    for (const size of pack.size) if (size > 0) Object.assign(total, { bytes: total.bytes + size, files: total.files + 1 });
  }
  return total;
}

/** Seconds; undefined where git failed: a clone that lacks objects cannot print its history. */
async function timed(cwd: string, args: readonly string[]): Promise<number | undefined> {
  const start = performance.now();
  try {
    for await (const chunk of gitStream(args, { cwd })) chunk.length;
    return (performance.now() - start) / 1000;
  } catch (error) {
    if (error instanceof GitError) return undefined;
    throw error;
  }
}

function print(measured: Readonly<Record<string, Measured>>, git: Readonly<Record<string, number | undefined>>): void {
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ measured, git }, null, 2)}\n`);
    return;
  }
  for (const [name, { seconds, megabytes, files, findings, peakMegabytes }] of Object.entries(measured))
    console.log(
      `${name.padEnd(20)} ${megabytes.toFixed(0)} MB in ${files} files: ${seconds.toFixed(2)} s, ${(megabytes / seconds).toFixed(0)} MB/s, peak memory ${peakMegabytes.toFixed(0)} MB, ${findings} findings`,
    );
  const history = measured["history on threads"]?.seconds ?? Number.NaN;
  for (const [name, seconds] of Object.entries(git))
    if (seconds === undefined) console.log(`git ${name}: failed; this clone lacks objects`);
    else
      console.log(`git ${name}: ${seconds.toFixed(2)} s; the history scan on threads took ${(history / seconds).toFixed(2)} times as long`);
}
