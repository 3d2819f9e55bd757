import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Command, Option } from "commander";
import { UsageError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { isRewrite } from "../repair/syntax.ts";
import { printable } from "../report/text.ts";
import { advice } from "../report/words.ts";
import { isAddress } from "../source/remote.ts";
import { localScan } from "./local-scan.ts";
import { type RepairedFile, repairedFiles, type UntouchedFile } from "./repairs.ts";

interface Options {
  readonly write?: true;
  readonly format: "text" | "json";
  readonly baseline?: string;
  readonly detectors: string[];
}

export function command(): Command {
  return new Command()
    .description("Shows how each leaked credential is to be written in its file instead: a reference that the file's own reader expands.")
    .argument("[path]", "a folder or a file", ".")
    .option("--write", "write the files; without it only the changes are shown")
    .addOption(new Option("--format <format>", "output").choices(["text", "json"]).default("text"))
    .option("--baseline <file>", "leave alone what this file lists (default: .rekey/baseline)")
    .option("--detectors <folder>", "add the detectors of a folder (repeatable)", (folder: string, all: string[]) => [...all, folder], [])
    .addHelpText(
      "after",
      `
A repair takes the value out of the file; it does not end the exposure. Revoke and rotate what leaked.

Exit codes: 0 nothing (left) to repair, 1 something to repair or that has no automatic repair, 2 wrong usage or failure.`,
    )
    .action(run);
}

async function run(path: string, { write, format, ...target }: Options): Promise<void> {
  if (path === "-" || isAddress(path)) throw new UsageError("rekey fix changes files of this machine; name a folder or a file");
  const scanned = await localScan({ ...target, path });
  const files = await repairedFiles(scanned);
  const outcomes = files.map((file): Outcome => {
    if ("none" in file || file.text === file.before) return { file, written: false };
    return write === true ? replaceFile(join(scanned.repository.top, file.path), file) : { file, written: false };
  });
  const elsewhere = scanned.kept.filter(({ location }) => location.kind !== "file").length;
  process.stdout.write(format === "json" ? jsonOf(outcomes) : textOf(outcomes, { write: write === true, elsewhere }));
  const left = outcomes.some(({ file, written }) => "none" in file || !written || file.repairs.some(({ repair }) => !isRewrite(repair)));
  process.exitCode = left ? 1 : 0;
}

interface Outcome {
  readonly file: RepairedFile | UntouchedFile;
  readonly written: boolean;
  /** Why it was not written although it was asked for. */
  readonly failed?: string;
}

/** Whole or not at all: a new file beside the old one takes its place, with its mode. */
function replaceFile(path: string, file: RepairedFile): Outcome {
  const temporary = `${path}.rekey-${process.pid}`;
  let made = false;
  try {
    const stat = lstatSync(path);
    if (!stat.isFile() || readFileSync(path, "utf8") !== file.before)
      return { file, written: false, failed: "it was changed meanwhile; run it again" };
    const descriptor = openSync(temporary, "wx", stat.mode & 0o7777);
    made = true;
    try {
      fchmodSync(descriptor, stat.mode & 0o7777); // whatever the umask says
      if (process.getuid?.() === 0) fchownSync(descriptor, stat.uid, stat.gid);
      writeFileSync(descriptor, file.text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
    return { file, written: true };
  } catch (error) {
    if (made) rmSync(temporary, { force: true });
    const code = error instanceof Error && "code" in error ? String(error.code) : "failed";
    return { file, written: false, failed: `it cannot be written (${code})` };
  }
}

function textOf(outcomes: readonly Outcome[], { write, elsewhere }: { write: boolean; elsewhere: number }): string {
  const lines = outcomes.flatMap((outcome) => [...fileLines(outcome), ""]);
  const repairable = outcomes.filter(({ file }) => !("none" in file) && file.text !== file.before).length;
  const written = outcomes.filter((outcome) => outcome.written).length;
  const findings = outcomes.flatMap(({ file }) => ("none" in file ? file.findings : file.repairs.map(({ finding }) => finding)));
  if (findings.length === 0) lines.push("Nothing to repair");
  else if (write) lines.push(`${written} of ${outcomes.length} ${plural(outcomes.length, "file")} written`);
  else if (repairable > 0)
    lines.push(`${repairable} of ${outcomes.length} ${plural(outcomes.length, "file")} can be repaired; add --write to do it`);
  else lines.push("No automatic repair is known for what was found");
  if (elsewhere > 0) lines.push(`${elsewhere} more stand where nothing can be rewritten, such as commit messages`);
  if (findings.length > 0) lines.push(...revocations(findings));
  return `${lines.join("\n")}\n`;
}

function revocations(findings: readonly Finding[]): string[] {
  const pages = [...new Set(findings.map((finding) => `  ${finding.title}: ${advice(finding)}`))].sort();
  return ["What leaked stays in the history of git and is to be revoked all the same:", ...pages];
}

function fileLines({ file, written, failed }: Outcome): string[] {
  const path = printable(file.path);
  if ("none" in file)
    return [path, ...file.findings.map((finding) => `  line ${finding.location.startLine}: no automatic repair: ${file.none}`)];
  const state = failed !== undefined ? `  not written: ${failed}` : written ? "  written" : undefined;
  const diff = file.diff.map(({ sign, line, text }) => `  ${String(line).padStart(5)} ${sign} ${printable(text.replaceAll("\t", "  "))}`);
  const warning =
    file.untracked && diff.length > 0 ? ["  note: git does not track this file: once written, the old value is gone from here"] : [];
  const open = file.repairs.flatMap(({ finding, repair }) =>
    isRewrite(repair) ? [] : [`  line ${finding.location.startLine}: no automatic repair: ${repair.none}`],
  );
  const next = [...new Set(file.repairs.flatMap(({ repair }) => (isRewrite(repair) ? repair.next : [])))].map(
    (step) => `  next: ${printable(step)}`,
  );
  return [path, ...diff, ...open, ...next, ...warning, ...(state === undefined ? [] : [state])];
}

function jsonOf(outcomes: readonly Outcome[]): string {
  const files = outcomes.map(({ file, written, failed }) => ({
    path: file.path,
    written,
    ...(failed === undefined ? {} : { failed }),
    repairs:
      "none" in file
        ? file.findings.map((finding) => ({ ...about(finding), none: file.none }))
        : file.repairs.map(({ finding, repair }) => ({
            ...about(finding),
            ...(isRewrite(repair) ? { reference: repair.reference, name: repair.name, next: repair.next } : { none: repair.none }),
          })),
    diff: "none" in file ? [] : file.diff,
  }));
  return `${JSON.stringify({ version: 1, files }, null, 2)}\n`;
}

function about({ id, detector, location }: Finding) {
  return { id, detector, line: location.startLine };
}

function plural(count: number, word: string): string {
  return count === 1 ? word : `${word}s`;
}
