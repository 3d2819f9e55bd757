import { createHash } from "node:crypto";
import picomatch from "picomatch";
import { ConfigError } from "../errors.ts";
import { type Finding, fingerprintableBits } from "../finding.ts";
import type { Placed } from "./exceptions.ts";
import type { IgnoreEntry } from "./ignore-file.ts";

/**
 * A baseline: one entry a line, so that two branches merge; ` #` begins a comment. `rs1:<salt id>:<hmac>`, for a value with a
 * subject followed by `+` and 8 hex characters of its SHA-256; for weak values `<detector> <ordinal> <path>[#<pointer>]`. Throws
 * ConfigError with the line.
 */
export function parseBaseline(text: string, file: string): ReadonlySet<string> {
  const entries = new Set<string>();
  for (const [index, line] of text.split("\n").entries()) {
    const entry = line.startsWith("rs1:") ? line.replace(/\s+#.*$/, "").trim() : line.trim();
    if (entry === "" || entry.startsWith("#")) continue;
    if (!/^rs1:[0-9a-f]{8}:[\w-]{43}(?:\+[0-9a-f]{8})?$/.test(entry) && !/^[a-z0-9-]+ [1-9]\d* .+$/.test(entry))
      throw new ConfigError("expected 'rs1:<salt id>:<hmac>' or '<detector> <ordinal> <path>', as `rekey baseline write` writes them", {
        file,
        line: index + 1,
      });
    entries.add(entry);
  }
  return entries;
}

/** The line of a baseline that stands for this finding. */
export function baselineLine(finding: Finding, committed = finding.committed): string {
  if (finding.bits >= fingerprintableBits) return committed + subjectMark(finding.subject);
  const { path: where, kind, pointer } = finding.location;
  const place = (where ?? kind).replaceAll(/[\n\r]/g, "?");
  return `${finding.detector} ${finding.ordinal ?? 1} ${place}${pointer === undefined ? "" : `#${pointer}`}`;
}

export interface Rules {
  readonly ignore: readonly IgnoreEntry[];
  readonly baseline: ReadonlySet<string>;
  /** YYYY-MM-DD. */
  readonly today: string;
  /** Other committed fingerprints of the same value, by `finding.committed`, where there is more than one salt. */
  readonly aliases?: ReadonlyMap<string, readonly string[]>;
  /** What the detectors say to a finding's place: `placing`. */
  readonly placed?: (finding: Finding) => Placed | undefined;
}

export interface Suppressed {
  readonly finding: Finding;
  /** `inline` and `ignore-file` are only requests where a pull request adds them (contracts.md §6). */
  readonly by: "detector" | "inline" | "ignore-file" | "baseline";
  readonly reason: string;
}

/** Splits findings into those that are reported and those that a rule silences; what its detector leaves out is in neither. Paths count from the top of the repository. */
export function suppress(findings: readonly Finding[], rules: Rules): { kept: Finding[]; suppressed: Suppressed[] } {
  const kept: Finding[] = [];
  const suppressed: Suppressed[] = [];
  for (const finding of findings) {
    const placed = rules.placed?.(finding);
    if (placed?.kind === "elsewhere") continue;
    const silenced = placed === undefined ? silencedBy(finding, rules) : { by: "detector" as const, reason: placed.reason };
    if (silenced === undefined) kept.push(finding);
    else suppressed.push({ finding, ...silenced });
  }
  return { kept, suppressed };
}

/** The ids of salts (`rs1:<id>:…`) that entries name and this repository does not have: such entries match nothing. */
export function unknownSalts(rules: Pick<Rules, "ignore" | "baseline">, known: readonly string[]): string[] {
  const named = [...rules.baseline, ...rules.ignore.flatMap((entry) => ("fingerprint" in entry ? [entry.fingerprint] : []))];
  const ids = named.flatMap((entry) => /^rs1:([0-9a-f]{8}):/.exec(entry)?.[1] ?? []);
  return [...new Set(ids)].filter((id) => !known.includes(id)).sort();
}

function silencedBy(finding: Finding, rules: Rules): Omit<Suppressed, "finding"> | undefined {
  if (finding.allowed !== undefined && finding.allowed !== "") return { by: "inline", reason: finding.allowed };
  const forms = [finding.committed, ...(rules.aliases?.get(finding.committed) ?? [])];
  const entry = rules.ignore.find((candidate) => covers(candidate, finding, forms, rules.today));
  if (entry !== undefined) return { by: "ignore-file", reason: entry.reason };
  return forms.some((form) => rules.baseline.has(baselineLine(finding, form))) ? { by: "baseline", reason: "in the baseline" } : undefined;
}

function covers(entry: IgnoreEntry, finding: Finding, forms: readonly string[], today: string): boolean {
  if ("until" in entry && entry.until !== undefined && entry.until <= today) return false;
  if ("fingerprint" in entry) {
    return forms.includes(entry.fingerprint) && (entry.subject === undefined || entry.subject === finding.subject);
  }
  const where = finding.location.path ?? "";
  if ("paths" in entry)
    return (entry.detectors?.includes(finding.detector) ?? true) && picomatch.isMatch(where, entry.paths, { dot: true, nonegate: true });
  return (
    entry.detector === finding.detector &&
    entry.path === where &&
    entry.ordinal === (finding.ordinal ?? 1) &&
    entry.pointer === finding.location.pointer
  );
}

function subjectMark(subject: string | undefined): string {
  return subject === undefined || subject === "" ? "" : `+${createHash("sha256").update(subject).digest("hex").slice(0, 8)}`;
}
