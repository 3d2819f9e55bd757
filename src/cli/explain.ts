import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { Command } from "commander";
import { loadRuleset, readRepositoryDetectors } from "../config/detectors.ts";
import { loadRepositoryConfig } from "../config/repository.ts";
import { UsageError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { printable } from "../report/text.ts";
import { placing } from "../scan/exceptions.ts";
import { scan } from "../scan/scan.ts";
import { type Suppressed, suppress } from "../scan/suppress.ts";
import { pieceSize } from "../source/pieces.ts";
import { numbered } from "../source/scanner.ts";
import { prefixOf } from "./local-scan.ts";
import { today } from "./surroundings.ts";

export function command(): Command {
  return new Command()
    .description("Says what reports or silences a credential on a line.")
    .argument("<path:line>", "a file and a line in it, as rekey scan prints them")
    .option("--baseline <file>", "silence what this file lists (default: .rekey/baseline)")
    .option("--detectors <folder>", "add the detectors of a folder (repeatable)", (folder: string, all: string[]) => [...all, folder], [])
    .action(run);
}

async function run(place: string, options: { baseline?: string; detectors: string[] }): Promise<void> {
  const { path, line } = parsePlace(place);
  if (statSync(path).size > pieceSize)
    throw new UsageError(`expected a file of at most ${pieceSize} bytes; rekey scan '${path}' reads larger ones`);
  const repository = loadRepositoryConfig(path, { baseline: options.baseline });
  const ruleset = await loadRuleset({ folders: options.detectors, repository: readRepositoryDetectors(repository.top) });
  const name = prefixOf(path, repository.top) + basename(path);
  const findings = numbered(scan({ bytes: readFileSync(path), origin: { kind: "file", path: name } }, ruleset, repository.keyring));
  process.stdout.write(
    explanation(`${path}:${line}`, line, suppress(findings, { ...repository, today: today(), placed: placing(ruleset) })),
  );
}

/** `PATH:LINE`, also `PATH:LINE:COLUMN` as reports print it. Throws UsageError. */
export function parsePlace(place: string): { path: string; line: number } {
  const [, path, line] = /^(.+?):([1-9]\d*)(?::[1-9]\d*)?$/.exec(place) ?? [];
  if (path === undefined) throw new UsageError(`expected a file and a line, path:line, got '${place}'`);
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) throw new UsageError(`expected a file, path:line; '${path}' is none`);
  return { path, line: Number(line) };
}

/** What stands on a line of one scanned file, in words. */
export function explanation(
  place: string,
  line: number,
  { kept, suppressed }: { kept: readonly Finding[]; suppressed: readonly Suppressed[] },
): string {
  const here = ({ location }: Finding) => location.startLine <= line && line <= location.endLine;
  const reported = kept
    .filter(here)
    .flatMap((finding) => [
      `${finding.title} (${finding.detector}) is reported: ${finding.severity}, confidence ${finding.confidence}`,
      ...details(finding),
      ...(finding.allowed === "" ? ["  rekey:allow stands on the line, without a reason behind it: it does not count"] : []),
    ]);
  const silenced = suppressed
    .filter(({ finding }) => here(finding))
    .flatMap(({ finding, by, reason }) => [
      `${finding.title} (${finding.detector}) is silenced by ${rules[by]}: ${printable(reason)}`,
      ...details(finding),
    ]);
  const all = [...reported, ...silenced];
  if (all.length > 0) return `${[printable(place), ...all].join("\n")}\n`;
  const others = [...new Set([...kept, ...suppressed.map(({ finding }) => finding)].map(({ location }) => location.startLine))];
  const elsewhere = others.length === 0 ? "" : ` In this file there are credentials on ${lines(others.sort((a, b) => a - b))}.`;
  return `${printable(place)}\nNo detector sees a credential on this line.${elsewhere}\n`;
}

const rules = {
  detector: "an exception of its detector",
  inline: "rekey:allow on its line",
  "ignore-file": ".rekey/ignore.yml",
  baseline: "the baseline",
} as const;

function details({ id, location, slot, evidence }: Finding): string[] {
  const decoded = location.decoded === undefined ? [] : [`  decoded     ${location.decoded.join(", ")}`];
  const slotLine = slot === undefined ? [] : [`  slot        ${slot.client} ${printable(slot.pointer)} (${slot.kind.replace("_", " ")})`];
  return [
    `  id          ${id}`,
    `  place       line ${location.startLine}, columns ${location.startColumn} to ${location.endColumn}`,
    ...decoded,
    ...slotLine,
    ...evidence.map(({ text }) => `  because     ${printable(text)}`),
  ];
}

function lines(numbers: readonly number[]): string {
  const shown = numbers.slice(0, 10).join(", ");
  return `${numbers.length === 1 ? "line" : "lines"} ${shown}${numbers.length > 10 ? " and more" : ""}`;
}
