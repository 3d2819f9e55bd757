import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadRuleset } from "../src/config/detectors.ts";
import { scan } from "../src/scan/scan.ts";
import { scopeSalt } from "../src/secret.ts";
import { scanHistory } from "../src/source/history.ts";
import type { Result, ScannerOptions } from "../src/source/scanner.ts";
import { scanLargeTree, scanTree } from "../src/source/tree.ts";
import { WorkerPool } from "../src/source/worker-pool.ts";
import { generatedRepository } from "./corpus.ts";
import { historyStages, type Stage } from "./history.ts";

/**
 * How fast a tree and a history are scanned, on one thread and on all, with how much memory; what a history's stages take; and what
 * git alone takes to print the same history and to decode it. `node bench/scan.ts [--tree folder] [--history repository]...
 * [--json]`; by default the installed packages and a generated history. Processor time counts child processes too.
 */
const { values: options } = parseArgs({
  options: {
    tree: { type: "string" },
    history: { type: "string", multiple: true },
    json: { type: "boolean" },
    one: { type: "string" },
    path: { type: "string" },
  },
});

interface Measured {
  /** Wall time. Seconds. */
  readonly seconds: number;
  /** Processor time with child processes. Seconds. */
  readonly processor: number;
  readonly megabytes: number;
  readonly files: number;
  readonly findings: number;
  readonly peakMegabytes: number;
  /** Paths of blobs that the clone lacks. */
  readonly missing: readonly string[];
  readonly stages?: readonly Stage[];
}

if (options.one !== undefined) process.stdout.write(JSON.stringify(await measure(options.one, options.path ?? ".")));
else await main();

async function main(): Promise<void> {
  const temporary = mkdtempSync(join(tmpdir(), "rekey-bench-"));
  try {
    if (options.history === undefined) await generatedRepository(temporary, { files: 800, commits: 10_000 });
    const folder = resolve(options.tree ?? "node_modules");
    const trees = Object.fromEntries(["tree", "tree on threads"].map((kind) => [kind, inChild(kind, folder)]));
    print(trees, {});
    for (const repository of options.history ?? [temporary]) measureHistory(resolve(repository));
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function measureHistory(repository: string): void {
  const threads = inChild("history on threads", repository);
  const measured = { history: inChild("history", repository), "history on threads": threads, stages: inChild("stages", repository) };
  const left = threads.missing.length === 0 ? [] : ["--", ".", ...threads.missing.map((path) => `:(top,exclude,literal)${path}`)];
  const git = {
    "log -p -U0 --all": timedGit(repository, ["log", "-p", "-U0", "--all", "--no-ext-diff", "--no-textconv", ...left]),
    "cat-file --batch": timedGit(repository, ["cat-file", "--batch-all-objects", "--unordered", "--batch"]),
  };
  if (!options.json) console.log(`\n${repository}; git log without ${threads.missing.length} paths whose blobs this clone lacks`);
  print(measured, git);
}

/** Its own process, so that its peak memory is its own; started as `rekey` starts it. */
function inChild(one: string, path: string): Measured {
  const { stdout, ...times } = timed(process.execPath, [
    "--max-semi-space-size=4",
    fileURLToPath(import.meta.url),
    "--one",
    one,
    "--path",
    path,
  ]);
  return { ...JSON.parse(stdout), ...times };
}

interface Timed {
  readonly stdout: string;
  readonly seconds: number;
  readonly processor: number;
}

/** Runs a program under a shell, which alone can say how much processor time a program and its children took. */
function timed(program: string, args: readonly string[], { cwd, quiet = false }: { cwd?: string; quiet?: boolean } = {}): Timed {
  const script = `"$0" "$@" ${quiet ? "> /dev/null" : ""} || exit $?; times >&2`;
  const env = { ...process.env, MALLOC_ARENA_MAX: "2", GIT_NO_LAZY_FETCH: "1", GIT_CONFIG_GLOBAL: "/dev/null" };
  const start = performance.now();
  const { status, stdout, stderr } = spawnSync("sh", ["-c", script, program, ...args], { encoding: "utf8", cwd, env, maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${program} ${args.slice(0, 3).join(" ")} failed with ${status}: ${stderr.slice(0, 2000)}`);
  const children = stderr.trim().split("\n").at(-1) ?? "";
  const processor = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, rest]) => sum + 60 * Number(minutes) + Number(rest),
    0,
  );
  return { stdout, seconds: (performance.now() - start) / 1000, processor };
}

function timedGit(cwd: string, args: readonly string[]): Timed {
  return timed("git", args, { cwd, quiet: true });
}

async function measure(one: string, path: string): Promise<Omit<Measured, "seconds" | "processor">> {
  const ruleset = await loadRuleset();
  if (one === "stages") {
    const stages = await historyStages(path, ruleset);
    return { megabytes: 0, files: 0, findings: 0, missing: [], stages, peakMegabytes: peak() };
  }
  const keyring = { tenant: [scopeSalt("bench")], salts: [scopeSalt("bench")] };
  const own = { scan: (document: Parameters<typeof scan>[0]) => scan(document, ruleset, keyring) };
  const workers = () => new WorkerPool(ruleset);
  const { stats, findings } = await run(one, path, own, workers);
  return {
    megabytes: stats.bytes / 1e6,
    files: stats.files,
    findings: findings.length,
    missing: stats.skipped.filter(({ reason }) => reason.startsWith("object is missing")).map((skipped) => skipped.path),
    peakMegabytes: peak(),
  };
}

function peak(): number {
  return process.resourceUsage().maxRSS / 1000;
}

async function run(one: string, path: string, own: ScannerOptions, workers: () => WorkerPool): Promise<Result> {
  if (one === "tree") return scanTree(path, own);
  if (one === "tree on threads") return scanLargeTree(path, { ...own, workers });
  return scanHistory({ ...own, cwd: path, ...(one === "history" ? {} : { workers }) });
}

function print(measured: Readonly<Record<string, Measured>>, git: Readonly<Record<string, Timed>>): void {
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ measured, git }, (key, value) => (key === "stdout" ? undefined : value))}\n`);
    return;
  }
  for (const [name, { seconds, processor, megabytes, files, findings, peakMegabytes, stages }] of Object.entries(measured)) {
    for (const stage of stages ?? []) printStage(stage);
    if (stages !== undefined) continue;
    console.log(
      `${name.padEnd(20)} ${megabytes.toFixed(0)} MB in ${files} files: ${seconds.toFixed(2)} s, ${processor.toFixed(2)} s of processor time (${(megabytes / processor).toFixed(0)} MB in each), peak memory ${peakMegabytes.toFixed(0)} MB, ${findings} findings`,
    );
  }
  const scanned = measured["history on threads"];
  if (scanned === undefined) return;
  for (const [name, { seconds, processor }] of Object.entries(git))
    console.log(
      `git ${name}: ${seconds.toFixed(2)} s, ${processor.toFixed(2)} s of processor time: ${(seconds / scanned.seconds).toFixed(1)} and ${(processor / scanned.processor).toFixed(1)} times what the history scan on threads takes`,
    );
  const decoding = (measured["stages"]?.stages ?? []).slice(0, 2).reduce((sum, stage) => sum + stage.seconds, 0);
  console.log(`history on threads: ${(scanned.processor / decoding).toFixed(1)} times the processor time of decoding alone`);
}

function printStage({ name, seconds, megabytes, count }: Stage): void {
  const more = [count === undefined ? "" : `, ${count}`, megabytes === undefined ? "" : `, ${megabytes.toFixed(0)} MB`].join("");
  console.log(`  stage: ${name.padEnd(34)} ${seconds.toFixed(2)} s of processor time${more}`);
}
