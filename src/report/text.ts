import type { Finding } from "../finding.ts";
import type { ReportStats } from "./json.ts";
import { ordered } from "./order.ts";
import { validityOf } from "./words.ts";

export interface TextOptions {
  /** Number of findings that a rule silences. */
  readonly suppressed?: number;
  /** Stands before every path, so that it can be opened from where the command ran: `apps/web/`. */
  readonly prefix?: string;
}

/** The report for a terminal. Every string that a stranger could choose goes through `printable`. */
export function textReport(findings: readonly Finding[], stats: ReportStats, { suppressed = 0, prefix = "" }: TextOptions = {}): string {
  const lines = ordered(findings).flatMap((finding) => [...findingLines(finding, prefix), ""]);
  const credentials = new Set(findings.map(({ fingerprint, subject }) => `${fingerprint}|${subject ?? ""}`)).size;
  const places = credentials === findings.length ? "" : ` in ${findings.length} places`;
  const count = findings.length === 0 ? "No credentials" : `${credentials} ${credentials === 1 ? "credential" : "credentials"}${places}`;
  if (stats.clients !== undefined) lines.push(clientsLine(stats.clients));
  const silenced = suppressed === 0 ? "" : `; ${suppressed} silenced by rules`;
  lines.push(`${count} found, ${stats.files} ${stats.files === 1 ? "file" : "files"} read (${megabytes(stats.bytes)})${silenced}`);
  if (stats.skipped.length > 0) lines.push(`${stats.skipped.length} not or not wholly read:`, ...skippedLines(stats));
  if (!stats.complete) lines.push("The scan is not complete: there may be credentials that it did not see");
  return `${lines.join("\n")}\n`;
}

function clientsLine(clients: NonNullable<ReportStats["clients"]>): string {
  if (clients.length === 0) return "No agent client has files here";
  return `Agent clients here: ${clients.map(({ agent, files }) => `${agent} (${files} ${files === 1 ? "file" : "files"})`).join(", ")}`;
}

/** Control and format characters could move the cursor or hide text: they are shown as what they are. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

const shownSkipped = 20;

function skippedLines({ skipped }: ReportStats): string[] {
  const shown = skipped.slice(0, shownSkipped).map(({ path, reason }) => `  ${printable(path)}: ${printable(reason)}`);
  return skipped.length <= shownSkipped ? shown : [...shown, `  and ${skipped.length - shownSkipped} more; --format json lists all`];
}

function findingLines(finding: Finding, prefix: string): string[] {
  const fields: [name: string, text: string][] = [
    ...(finding.candidates === undefined ? [] : [["could be", finding.candidates.join(", ")] as [string, string]]),
    ...identityFields(finding),
    ...(finding.validity === undefined ? [] : [["validity", printable(validityOf(finding))] as [string, string]]),
    ...finding.evidence.slice(0, 4).map((evidence): [string, string] => ["because", printable(evidence.text)]),
    ...repairFields(finding),
    ["revoke", finding.revoke.replace(/^none: /, "")],
    ...(finding.allowed === "" ? [["allow", "rekey:allow needs a reason behind it to count"] as [string, string]] : []),
    ["ignore", `rekey ignore ${finding.id} --reason "…"`],
  ];
  return [
    `${finding.severity.toUpperCase()}  ${finding.title}  ${place(finding, prefix)}`,
    ...fields.map(([name, text]) => `  ${name.padEnd(10)}  ${text}`),
  ];
}

function repairFields({ repair }: Finding): [string, string][] {
  if (repair === undefined) return [];
  if (repair.none !== undefined) return [["repair", `no automatic repair: ${printable(repair.none)}`]];
  const lines = [...(repair.diff ?? []).slice(0, 12), ...(repair.next ?? []).slice(0, 2)];
  return lines.map((line, index) => [index === 0 ? "repair" : "", printable(line.replaceAll("\t", "  "))]);
}

function identityFields({ identities }: Finding): [string, string][] {
  if (identities.length === 0) return [["belongs to", "unknown"]];
  return identities.map(({ kind, name, relation, grade, owner }, index) => [
    index === 0 ? "belongs to" : "",
    `${kind} ${printable(name)}${owner === undefined ? "" : `, owner ${printable(owner)}`} (${relation.replaceAll("_", " ")}, ${grade})`,
  ]);
}

function place({ location, occurrences }: Finding, prefix: string): string {
  const where =
    location.path === undefined
      ? location.kind.replace("-", " ")
      : `${printable((isAbsolute(location.path) ? "" : prefix) + location.path)}:${location.startLine}:${location.startColumn}`;
  const author = location.author === undefined ? "" : ` by ${printable(location.author.name)}`;
  const commit = location.commit === undefined ? "" : `  in commit ${location.commit.slice(0, 12)}${author}`;
  const more = occurrences > 1 ? `  (${occurrences} ${location.commit === undefined ? "places" : "versions"})` : "";
  return `${where}${commit}${more}`;
}

function isAbsolute(path: string): boolean {
  return /^(?:\/|[A-Z]:)/.test(path);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
