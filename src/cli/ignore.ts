import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Command } from "commander";
import { parseDocument } from "yaml";
import { ensureSalt } from "../config/repository.ts";
import { UsageError } from "../errors.ts";
import { type Finding, fingerprintableBits } from "../finding.ts";
import { printable } from "../report/text.ts";
import { type IgnoreEntry, parseIgnore } from "../scan/ignore-file.ts";
import { localScan, type Target } from "./local-scan.ts";

interface Options {
  readonly reason: string;
  readonly until?: string;
  readonly history?: true;
  readonly staged?: true;
  readonly range?: string;
  readonly detectors: string[];
}

export function command(): Command {
  return new Command()
    .description("Adds a finding to .rekey/ignore.yml: a false positive, a test value, or a risk that is accepted until a date.")
    .argument("<finding id>", "as rekey scan shows it")
    .argument("[path]", "what was scanned", ".")
    .requiredOption("--reason <text>", "why it may stay; colleagues read it")
    .option("--until <YYYY-MM-DD>", "for accepted risk: the day from which it is reported again")
    .option("--history", "the finding is one of rekey scan --history")
    .option("--staged", "the finding is one of rekey scan --staged")
    .option("--range <a..b>", "the finding is one of rekey scan --range")
    .option("--detectors <folder>", "add the detectors of a folder (repeatable)", (folder: string, all: string[]) => [...all, folder], [])
    .action(run);
}

async function run(id: string, path: string, options: Options): Promise<void> {
  const { reason, until, ...how } = options;
  const target = { ...how, path };
  const { finding, top, salted } = await find(id, target);
  const file = join(top, ".rekey/ignore.yml");
  const text = withEntry(existsSync(file) ? readFileSync(file, "utf8") : "", entryFor(finding, reason, until));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  const { location } = finding;
  const where = location.path === undefined ? location.kind : `${printable(location.path)}:${location.startLine}`;
  const created = salted ? " and .rekey/salt; the ids of all findings change with it" : "";
  process.stdout.write(`${finding.title} in ${where} is ignored by .rekey/ignore.yml${created}. Commit it\n`);
}

/** The finding, fingerprinted with the repository's salt, which is made if it has none yet. */
async function find(id: string, target: Target): Promise<{ finding: Finding; top: string; salted: boolean }> {
  const first = await localScan(target);
  const finding = first.kept.find((one) => one.id === id);
  if (finding === undefined) {
    const silenced = first.suppressed.find((one) => one.finding.id === id);
    if (silenced !== undefined) throw new UsageError(`finding ${id} is silenced already: ${silenced.reason}`);
    throw new UsageError(`no finding ${id} here; rekey scan with the same path and options shows the ids`);
  }
  const { top } = first.repository;
  if (existsSync(join(top, ".rekey/salt"))) return { finding, top, salted: false };
  ensureSalt(top);
  const twin = (await localScan(target)).kept.find((one) => isSamePlace(one, finding));
  if (twin === undefined) throw new UsageError(`finding ${id} changed while it was read; run this again`);
  return { finding: twin, top, salted: true };
}

function isSamePlace(a: Finding, b: Finding): boolean {
  return (
    a.detector === b.detector &&
    a.location.path === b.location.path &&
    a.location.commit === b.location.commit &&
    a.location.startLine === b.location.startLine &&
    a.location.startColumn === b.location.startColumn
  );
}

/** By value where it is strong enough that its fingerprint tells nothing, else by place (contracts.md §2). */
export function entryFor(finding: Finding, reason: string, until: string | undefined): IgnoreEntry {
  const { committed, subject, detector, bits, location, ordinal } = finding;
  const why = { reason, ...(until === undefined ? {} : { until }) };
  if (bits >= fingerprintableBits) return { fingerprint: committed, ...(subject === undefined ? {} : { subject }), ...why };
  if (location.path === undefined) throw new UsageError("a value this weak can only be ignored by its file, and it stands in none");
  const pointer = location.pointer === undefined ? {} : { pointer: location.pointer };
  return { detector, path: location.path, ...pointer, ordinal: ordinal ?? 1, ...why };
}

/** The file with one more entry; comments and order stay. Throws ConfigError where the file or the entry is wrong. */
export function withEntry(text: string, entry: IgnoreEntry): string {
  parseIgnore(text, ".rekey/ignore.yml");
  const document = parseDocument(text.trim() === "" ? "version: 1\nignore: []\n" : text);
  const list = document.get("ignore");
  if (typeof list === "object" && list !== null && "flow" in list) list.flow = false;
  document.addIn(["ignore"], document.createNode(entry));
  const written = document.toString({ lineWidth: 0, flowCollectionPadding: false });
  parseIgnore(written, ".rekey/ignore.yml");
  return written;
}
