import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadRuleset } from "../src/config/detectors.ts";
import { gitStream } from "../src/git.ts";
import { scan } from "../src/scan/scan.ts";
import { scopeSalt } from "../src/secret.ts";
import { scanHistory } from "../src/source/history.ts";
import type { Result } from "../src/source/scanner.ts";
import { scanTree } from "../src/source/tree.ts";
import { generatedRepository } from "./corpus.ts";

/**
 * How fast a tree and a history are scanned, against what git alone takes to print the same history, and with how much memory.
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
    const tree = inChild("tree", resolve(options.tree ?? "node_modules"));
    const history = inChild("history", repository);
    const cat = await timed(repository, ["cat-file", "--batch-all-objects", "--unordered", "--batch"]);
    const log = await timed(repository, ["log", "-p", "-U0", "--all", "--no-ext-diff", "--no-textconv"]);
    print({ tree, history, "git cat-file --batch": cat, "git log -p": log });
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
  const start = performance.now();
  const result: Result = one === "tree" ? scanTree(path, own) : await scanHistory({ ...own, cwd: path });
  return {
    seconds: (performance.now() - start) / 1000,
    megabytes: result.stats.bytes / 1e6,
    files: result.stats.files,
    findings: result.findings.length,
    peakMegabytes: process.resourceUsage().maxRSS / 1000,
  };
}

async function timed(cwd: string, args: readonly string[]): Promise<number> {
  const start = performance.now();
  for await (const chunk of gitStream(args, { cwd })) chunk.length;
  return (performance.now() - start) / 1000;
}

function print(all: { tree: Measured; history: Measured; "git cat-file --batch": number; "git log -p": number }): void {
  if (options.json) {
    process.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
    return;
  }
  const line = (name: string, { seconds, megabytes, files, findings, peakMegabytes }: Measured) =>
    `${name.padEnd(8)} ${megabytes.toFixed(0)} MB in ${files} files: ${seconds.toFixed(2)} s, ${(megabytes / seconds).toFixed(0)} MB/s, peak memory ${peakMegabytes.toFixed(0)} MB, ${findings} findings`;
  const ratio = (name: "git cat-file --batch" | "git log -p") =>
    `${name} alone: ${all[name].toFixed(2)} s; the history scan took ${(all.history.seconds / all[name]).toFixed(2)} times as long`;
  process.stdout.write(
    `${[line("tree", all.tree), line("history", all.history), ratio("git cat-file --batch"), ratio("git log -p")].join("\n")}\n`,
  );
}
