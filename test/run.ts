/**
 * `./rekey test`: types, lint and every test, in that order, and one closing line `N passed, N failed`.
 * `--full` adds what takes longer than a coffee (test/full/). Other arguments go to vitest (a file name, `-t name`).
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numFailedTestSuites: number;
  readonly success: boolean;
}

const root = fileURLToPath(new URL("..", import.meta.url));
const full = process.argv.includes("--full");
const rest = process.argv.slice(2).filter((argument) => argument !== "--full");

const checks: [name: string, ...command: string[]][] =
  rest.length > 0
    ? []
    : [
        ["types", "node_modules/typescript/bin/tsc", "--noEmit"],
        ["lint", "node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", "."],
        ["detectors and playbooks", "src/cli.ts", "check"],
      ];

let passed = 0;
let failed = 0;
for (const [name, ...command] of checks) {
  console.log(`# ${name}`);
  const { status } = spawnSync(process.execPath, command, { cwd: root, stdio: "inherit" });
  if (status === 0) passed++;
  else failed++;
}

console.log("# tests");
const output = `${root}.cache/rekey/test-report.json`;
mkdirSync(`${root}.cache/rekey`, { recursive: true });
rmSync(output, { force: true });
const leftOut = `${root}.cache/rekey/left-out`;
rmSync(leftOut, { recursive: true, force: true });
const run = spawnSync(
  process.execPath,
  ["node_modules/vitest/vitest.mjs", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${output}`, ...rest],
  { cwd: root, stdio: "inherit", env: { ...process.env, ...(full ? { REKEY_TEST_FULL: "1" } : {}) } },
);
const report = readReport(output);
passed += report.numPassedTests;
failed += report.numFailedTests;
// A suite that could not be loaded has no failed test of its own, and a crashed runner has no report: neither may look green.
if (run.status !== 0 && report.numFailedTests === 0) failed += Math.max(1, report.numFailedTestSuites);

// contracts.md §11: outside CI a missing real counterpart leaves its suites out, and they are named here
if (existsSync(leftOut)) for (const name of readdirSync(leftOut)) process.stdout.write(readFileSync(`${leftOut}/${name}`, "utf8"));
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && run.status === 0 ? 0 : 1);

function readReport(file: string): VitestReport {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as VitestReport;
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, numFailedTestSuites: 1, success: false };
  }
}
