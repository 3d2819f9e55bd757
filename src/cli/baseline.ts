import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Command } from "commander";
import { ensureSalt, loadRepositoryConfig } from "../config/repository.ts";
import { UsageError } from "../errors.ts";
import { type Finding, fingerprintableBits } from "../finding.ts";
import { baselineLine } from "../scan/suppress.ts";
import { localScan } from "./local-scan.ts";

export function command(): Command {
  const write = new Command("write")
    .description(
      "Writes down every credential that is found now, so that later scans report only new ones. None of them becomes safe by it.",
    )
    .argument("[file]", "where to write (default: .rekey/baseline)")
    .option("--path <folder>", "what to scan", ".")
    .option("--history", "take in everything that any ref reaches")
    .option("--detectors <folder>", "add the detectors of a folder (repeatable)", (folder: string, all: string[]) => [...all, folder], [])
    .action(run);
  return new Command().description("Keeps a list of known credentials that scans do not report.").addCommand(write);
}

async function run(file: string | undefined, options: { path: string; history?: true; detectors: string[] }): Promise<void> {
  const { top } = loadRepositoryConfig(options.path);
  ensureSalt(top);
  const { kept, suppressed, stats } = await localScan(options);
  const known = suppressed.filter(({ by }) => by === "baseline").map(({ finding }) => finding);
  const lines = baselineText([...kept, ...known]);
  const target = file ?? join(top, ".rekey/baseline");
  try {
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, lines);
  } catch (cause) {
    throw new UsageError(`the baseline cannot be written to '${target}'; name a file in a folder that exists`, { cause });
  }
  const entries = lines.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;
  const hole = stats.complete ? "" : "; the scan is not complete, so some may be missing";
  process.stdout.write(
    `${entries} ${entries === 1 ? "entry" : "entries"} written to ${target}${hole}. Commit it together with .rekey/salt\n`,
  );
}

/** One line an entry, sorted, so that two branches merge; a comment names the detector. */
export function baselineText(findings: readonly Finding[]): string {
  const lines = findings.map((finding) => baselineLine(finding) + (finding.bits >= fingerprintableBits ? `  # ${finding.detector}` : ""));
  return ["# Credentials known to Rekey, one a line: rekey baseline write", ...[...new Set(lines)].sort(), ""].join("\n");
}
