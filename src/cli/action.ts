import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { z } from "zod";
import { UsageError } from "../errors.ts";
import type { Confidence } from "../finding.ts";
import { gitText } from "../git.ts";
import { annotations } from "../report/annotations.ts";
import { markdownReport } from "../report/markdown.ts";
import { sarifReport } from "../report/sarif.ts";
import { identified } from "./identify.ts";
import { localScan } from "./local-scan.ts";

const sha = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/);
const Event = z.object({
  pull_request: z.object({ base: z.object({ sha }), head: z.object({ sha }) }).optional(),
  before: sha.optional(),
  after: sha.optional(),
});

const failOn: Readonly<Record<string, readonly Confidence[]>> = {
  high: ["high"],
  medium: ["high", "medium"],
  low: ["high", "medium", "low"],
  never: [],
};

/** What action.yml runs in GitHub Actions. It scans and says what it found there; it writes nothing to GitHub and rotates nothing. */
export function command(): Command {
  return new Command()
    .description(
      "Scans in GitHub Actions: what a pull request or a push adds, else the whole working tree. Writes annotations, a job summary and a SARIF file. Exit code 1 where something was found that --fail-on names.",
    )
    .argument("[path]", "the checked-out repository", ".")
    .option("--fail-on <confidence>", "high, medium, low or never", "medium")
    .action(async (path: string, { failOn: chosen }: { failOn: string }) => {
      const fails = failOn[chosen];
      if (fails === undefined) throw new UsageError(`expected --fail-on ${Object.keys(failOn).join(", ")}, got '${chosen.slice(0, 40)}'`);
      const range = await rangeOf(path, process.env["GITHUB_EVENT_PATH"]);
      const scanned = await localScan({ path, ...(range === undefined ? {} : { range }) });
      const findings = await identified(scanned.kept, { ...scanned, scope: scanned.repository.scope });
      const { default: manifest } = await import("../../package.json", { with: { type: "json" } });
      const sarif = join(process.env["RUNNER_TEMP"] ?? ".", "rekey.sarif");
      writeFileSync(sarif, sarifReport(findings, scanned.stats, manifest.version));
      process.stdout.write(annotations(findings));
      append("GITHUB_STEP_SUMMARY", `${markdownReport(findings, scanned.stats)}\n`);
      append("GITHUB_OUTPUT", `findings=${findings.length}\nsarif=${sarif}\n`);
      for (const warning of scanned.repository.warnings) process.stderr.write(`rekey action: ${warning}\n`);
      process.stderr.write(`rekey action: ${findings.length} found in ${range ?? "the working tree"}\n`);
      if (findings.some(({ confidence }) => fails.includes(confidence))) process.exitCode = 1;
      else if (!scanned.stats.complete && chosen !== "never") process.exitCode = 2;
    });
}

/** What the event adds; undefined for an event that adds nothing of its own, and for the first push of a branch. */
async function rangeOf(path: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const event = Event.safeParse(JSON.parse(readFileSync(file, "utf8")));
  if (!event.success) return undefined;
  const { pull_request: pull, before, after } = event.data;
  const [from, to] = pull === undefined ? [before, after] : [pull.base.sha, pull.head.sha];
  if (from === undefined || to === undefined || /^0+$/.test(from) || /^0+$/.test(to)) return undefined;
  for (const commit of [from, to]) {
    const known = await gitText(["cat-file", "-t", commit], { cwd: path, accept: [128] });
    if (known.trim() !== "commit")
      throw new UsageError(
        `commit ${commit.slice(0, 10)} is not in this checkout; give actions/checkout fetch-depth: 0, so that the history is there`,
      );
  }
  return `${from}..${to}`;
}

function append(variable: string, text: string): void {
  const file = process.env[variable];
  if (file !== undefined && file !== "") appendFileSync(file, text);
}
