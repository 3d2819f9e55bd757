/**
 * `node bench/start.ts [--history repository] [--times n]`: what a person waits for before each commit and push, against starting
 * Node alone: a scan of one file, a pre-commit hook of three files, and the scan of a push of 20 commits in a process that is warm.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadRuleset } from "../src/config/detectors.ts";
import { git, gitText } from "../src/git.ts";
import { scan } from "../src/scan/scan.ts";
import { scopeSalt } from "../src/secret.ts";
import { scanPush } from "../src/source/range.ts";
import { generatedRepository } from "./corpus.ts";

const { values: options } = parseArgs({ options: { history: { type: "string" }, times: { type: "string", default: "15" } } });
const times = Number(options.times);
const folder = mkdtempSync(join(tmpdir(), "rekey-bench-"));
const cli = fileURLToPath(new URL("../src/start.js", import.meta.url));

try {
  const node = started("node -e 0", ["-e", "0"]);
  await threeStagedFiles(folder);
  for (const [name, args] of [
    ["rekey --version", [cli, "--version"]],
    ["rekey scan of one file", [cli, "scan", "file-0.ts"]],
    ["rekey hook pre-commit, three files", [cli, "hook", "pre-commit"]],
  ] as const) {
    const { wall, processor } = started(name, args, folder);
    console.log(
      `  ${(wall / node.wall).toFixed(1)} times the wall and ${(processor / node.processor).toFixed(1)} times the processor time of node -e 0`,
    );
  }
  await push();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Medians of milliseconds, after one start that fills the caches. */
function started(name: string, args: readonly string[], cwd?: string): { wall: number; processor: number } {
  const runs = Array.from({ length: times + 1 }, () => {
    const before = process.resourceUsage();
    const start = performance.now();
    const child = spawnSync("sh", ["-c", '"$0" "$@" >/dev/null || exit $?; times', process.execPath, ...args], { cwd, encoding: "utf8" });
    if (child.status !== 0) throw new Error(`${name} ended with ${child.status}: ${child.stderr}`);
    const wall = performance.now() - start - (process.resourceUsage().systemCPUTime - before.systemCPUTime) / 1000;
    const own = [...(child.stdout.trim().split("\n").at(-1) ?? "").matchAll(/(\d+)m([\d.]+)s/g)];
    return { wall, processor: own.reduce((sum, [, minutes, rest]) => sum + 60_000 * Number(minutes) + 1000 * Number(rest), 0) };
  }).slice(1);
  const result = { wall: median(runs.map(({ wall }) => wall)), processor: median(runs.map(({ processor }) => processor)) };
  console.log(`${name}: ${result.wall.toFixed(0)} ms, ${result.processor.toFixed(0)} ms of processor time (median of ${times})`);
  return result;
}

async function threeStagedFiles(cwd: string): Promise<void> {
  await git(["init", "--quiet", "--initial-branch=main"], { cwd });
  const text = Array.from({ length: 300 }, (_, line) => `export const value${line} = compute(${line}, "text of a line", options);`).join(
    "\n",
  );
  for (let file = 0; file < 3; file++) writeFileSync(join(cwd, `file-${file}.ts`), text);
  await git(["add", "--all"], { cwd });
}

/** The newest commits of a history, as a push of them is judged. */
async function push(): Promise<void> {
  const bare = join(folder, "history");
  if (options.history === undefined) {
    await git(["init", "--quiet", bare], { cwd: folder });
    await generatedRepository(bare, { files: 400, commits: 500 });
  }
  const cwd = resolve(options.history ?? bare);
  const listed = (await gitText(["rev-list", "--first-parent", "-n", "21", "--branches", "--no-walk=sorted"], { cwd })).trim().split("\n");
  const after = listed[0] ?? "";
  let [before, commits] = [after, 0];
  for (let back = 1; commits < 20; back++) {
    before = (await gitText(["rev-parse", `${after}~${back}`], { cwd })).trim();
    commits = Number(await gitText(["rev-list", "--count", `${before}..${after}`], { cwd }));
  }
  const ruleset = await loadRuleset();
  const keyring = { tenant: [], salts: [scopeSalt("bench")] };
  const runs: number[] = [];
  let files = 0;
  for (let run = 0; run < times + 2; run++) {
    const start = performance.now();
    const { stats } = await scanPush({ cwd, before, after, scan: (document) => scan(document, ruleset, keyring) });
    runs.push(performance.now() - start);
    files = stats.files;
  }
  console.log(
    `push of ${commits} commits, ${files} blobs and messages, in a warm process: ${median(runs.slice(2)).toFixed(0)} ms (median of ${times})`,
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
