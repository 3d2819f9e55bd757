import { statSync, writeFileSync } from "node:fs";
import { Command, Option } from "commander";
import type { Ruleset } from "../detector/compile.ts";
import { UsageError } from "../errors.ts";
import type { Evidence, Finding } from "../finding.ts";
import { printable, textReport } from "../report/text.ts";
import { isAddress } from "../source/remote.ts";
import type { Progress } from "../source/scanner.ts";
import { identified } from "./identify.ts";
import { type LocalScan, localScan } from "./local-scan.ts";
import type { SeenValues } from "./verify-findings.ts";

const formats = ["text", "json", "sarif", "gitlab", "junit", "csv", "ocsf", "markdown"] as const;
type Format = (typeof formats)[number];

interface Options {
  readonly history?: true;
  readonly staged?: true;
  readonly range?: string;
  readonly agents?: true | string;
  readonly githubText?: string;
  readonly format: Format;
  readonly baseline?: string;
  readonly output?: string;
  readonly detectors: string[];
  readonly progress: boolean;
  readonly verify?: true;
  readonly verifyHost: string[];
  readonly onlyActive?: true;
  readonly config?: string;
}

export function command(): Command {
  return new Command()
    .description("Finds leaked credentials, says whose they are and where to revoke them.")
    .argument("[path]", "a folder, a file, '-' for stdin, or the address of a repository (its whole history)", ".")
    .option("--history", "scan everything that any ref of the repository reaches")
    .option("--staged", "scan what the next commit would add, as it stands in the index")
    .option("--range <a..b>", "scan what the commits of a range add")
    .option("--agents [home]", "scan what agent clients keep in your home folder: configuration, credentials, transcripts")
    .option(
      "--github-text <owner/name>",
      "scan issues, pull requests, comments and reviews on GitHub; the token from GH_TOKEN or GITHUB_TOKEN, the server from GITHUB_API_URL",
    )
    .addOption(new Option("--format <format>", "output").choices(formats).default("text"))
    .option("--baseline <file>", "silence what this file lists (default: .rekey/baseline)")
    .option("--output <file>", "write the report to a file")
    .option("--detectors <folder>", "add the detectors of a folder (repeatable)", repeated, [])
    .option(
      "--verify",
      "ask the vendor of each credential whether it lives: one read-only call, to the vendor's own host only (docs/verify.md)",
    )
    .option(
      "--verify-host <provider=host>",
      "with --verify, allow a server that stands beside the value, such as vault=vault.corp:8200 (repeatable)",
      repeated,
      [],
    )
    .option("--config <file>", "with --verify, a rekey.yml whose connections look a value up by its hash, so that it is not sent")
    .option("--only-active", "with --verify, report only what its vendor accepts")
    .option("--no-progress", "do not show progress on a terminal")
    .addHelpText(
      "after",
      `
A credential is silenced by 'rekey:allow <reason>' on its line, by .rekey/ignore.yml (rekey ignore) or by a baseline (rekey baseline).

Exit codes: 0 clean, 1 credentials found, 2 wrong usage, failure, or a scan that found nothing and is not complete.`,
    )
    .action(run);
}

/** Whether something else than the path is scanned. */
function elsewhere({ agents, githubText }: Options): boolean {
  return agents !== undefined || githubText !== undefined;
}

function repeated(one: string, all: readonly string[]): string[] {
  return [...all, one];
}

async function run(path: string, options: Options): Promise<void> {
  if (options.verify !== true && (options.onlyActive === true || options.verifyHost.length > 0 || options.config !== undefined))
    throw new UsageError("--only-active, --verify-host and --config say how to verify; add --verify");
  const started = new Date().toISOString();
  const live = options.progress && process.stderr.isTTY;
  const progress = live ? showProgress() : undefined;
  let values: SeenValues | undefined;
  const verifying = options.verify === true ? await import("./verify-findings.ts") : undefined;
  const valuesFor =
    verifying &&
    ((ruleset: Ruleset) => {
      values = new verifying.SeenValues(verifying.parseAllowedHosts(options.verifyHost, ruleset));
      return values.add;
    });
  const scanned = await localScan({ ...options, path, progress: progress?.show, valuesFor });
  progress?.clear();
  for (const warning of scanned.repository.warnings) process.stderr.write(`rekey scan: ${printable(warning)}\n`);

  const known = await identified(scanned.kept, { ...scanned, scope: scanned.repository.scope });
  const { ruleset } = scanned;
  const verified =
    values === undefined || verifying === undefined
      ? known
      : await withTold(
          await verifying.verifiedFindings(known, { values, ruleset, top: scanned.repository.top, progress: live, config: options.config }),
          scanned,
        );
  values?.wipe();
  const chosen = options.onlyActive === true ? activeOf(verified) : verified;
  const ofTree =
    path !== "-" && !isAddress(path) && !options.history && !options.staged && options.range === undefined && !elsewhere(options);
  const repairable = ofTree && chosen.length > 0 && (options.format === "text" || options.format === "json");
  const findings = repairable ? await (await import("./repairs.ts")).withRepairs(chosen, scanned) : chosen;
  const report = await render(findings, scanned, {
    path: elsewhere(options) ? undefined : path,
    home: options.agents !== undefined,
    started,
    format: options.format,
  });
  if (options.output === undefined) process.stdout.write(report);
  else writeReport(options.output, report);
  process.exitCode = findings.length > 0 ? 1 : scanned.stats.complete ? 0 : 2;
}

/** What a vendor says of a credential is evidence of whose it is: the links are made again with it. */
async function withTold(verified: readonly Finding[], scanned: LocalScan): Promise<Finding[]> {
  if (verified.every(({ verification }) => verification?.tells === undefined)) return [...verified];
  const own = scanned.kept.map((finding, index): Finding => {
    const { validity, verification } = verified[index] ?? finding;
    return { ...finding, ...(validity === undefined ? {} : { validity }), ...(verification === undefined ? {} : { verification }) };
  });
  return identified(own, { ...scanned, scope: scanned.repository.scope });
}

/** What is left out is counted aloud: nobody shall take an unknown for a dead one. */
function activeOf(findings: readonly Finding[]): Finding[] {
  const active = findings.filter(({ validity }) => validity === "active");
  const count = (of: Finding["validity"]) => findings.filter(({ validity }) => validity === of).length;
  if (active.length < findings.length)
    process.stderr.write(`rekey scan: not shown: ${count("inactive")} inactive, ${count("unknown")} unknown\n`);
  return active;
}

async function render(
  findings: readonly Finding[],
  scanned: LocalScan,
  { path, home, started, format }: { path: string | undefined; home: boolean; started: string; format: Format },
): Promise<string> {
  const { stats, prefix, suppressed } = scanned;
  const { default: manifest } = await import("../../package.json", { with: { type: "json" } });
  const tool = { version: manifest.version, started, ended: new Date().toISOString() };
  // what other systems store counts from the top of the repository; what a person reads, from the folder that they named
  const below = () => findings.map((finding) => withoutPrefix(finding, prefix));
  switch (format) {
    case "sarif":
      return (await import("../report/sarif.ts")).sarifReport(findings, stats, manifest.version);
    case "gitlab":
      return (await import("../report/gitlab.ts")).gitlabReport(findings, stats, tool);
    case "ocsf":
      return (await import("../report/ocsf.ts")).ocsfReport(findings, tool);
    case "junit":
      return (await import("../report/junit.ts")).junitReport(findings, stats);
    case "csv":
      return (await import("../report/findings-csv.ts")).findingsCsv(findings);
    case "markdown":
      return (await import("../report/markdown.ts")).markdownReport(findings, stats);
    case "json":
      return (await import("../report/json.ts")).jsonReport(below(), stats);
    case "text":
      return textReport(below(), stats, {
        suppressed: suppressed.length,
        prefix: home ? "~/" : path === undefined || prefix === "" ? "" : typed(path),
      });
  }
}

/** Paths relative to the scanned folder. Paths of evidence outside it stay as they are. */
function withoutPrefix(finding: Finding, prefix: string): Finding {
  if (prefix === "") return finding;
  const strip = (path: string) => (path.startsWith(prefix) ? path.slice(prefix.length) : path);
  const { location } = finding;
  return {
    ...finding,
    location: location.path === undefined ? location : { ...location, path: strip(location.path) },
    evidence: finding.evidence.map((one): Evidence => (one.path === undefined ? one : { ...one, path: strip(one.path) })),
  };
}

/** The folder as the person typed it, so that printed paths can be opened. */
function typed(path: string): string {
  const folder = statSync(path).isDirectory() ? path : path.slice(0, path.lastIndexOf("/") + 1);
  return folder === "." || folder === "" || folder.endsWith("/") ? folder.replace(/^\.$/, "") : `${folder}/`;
}

function writeReport(file: string, report: string): void {
  try {
    writeFileSync(file, report);
  } catch (cause) {
    throw new UsageError(`the report cannot be written to '${file}'; name a file in a folder that exists`, { cause });
  }
}

function showProgress(): { show: Progress; clear: () => void } {
  let last = 0;
  return {
    show(files, bytes) {
      const now = Date.now();
      if (now - last < 100) return;
      last = now;
      process.stderr.write(`\r\x1b[K${files} files, ${(bytes / 1e6).toFixed(0)} MB`);
    },
    clear: () => process.stderr.write("\r\x1b[K"),
  };
}
