import { type Finding, fingerprintableBits, type Severity } from "../finding.ts";
import type { ReportStats } from "./json.ts";
import { ordered } from "./order.ts";
import { advice, alive, whose } from "./words.ts";

/**
 * SARIF 2.1.0 (OASIS) for code scanning. Paths count from the repository's top. No snippets: they would hold the value. Alerts stay
 * the same on every machine: their fingerprints are the committed forms (contracts.md §2).
 */
export function sarifReport(findings: readonly Finding[], stats: ReportStats, version: string): string {
  const sorted = ordered(findings);
  const rules = [...new Map(sorted.map((finding) => [finding.detector, rule(finding)])).values()];
  const index = new Map(rules.map(({ id }, at) => [id, at]));
  const log = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "Rekey", version, rules } },
        columnKind: "utf16CodeUnits",
        automationDetails: { id: "rekey/" },
        originalUriBaseIds: { SRCROOT: { description: { text: "The top of the repository" } } },
        invocations: [
          {
            executionSuccessful: stats.complete,
            toolExecutionNotifications: stats.skipped
              .slice(0, 100)
              .map(({ path, reason }) => ({ level: "note", message: { text: `${path}: ${reason}` } })),
          },
        ],
        results: sorted.map((finding) => result(finding, index.get(finding.detector) ?? 0)),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function rule(finding: Finding) {
  const revoke = advice(finding);
  return {
    id: finding.detector,
    name: finding.title,
    shortDescription: { text: finding.title },
    fullDescription: { text: `A leaked ${finding.title}. Removing the line does not end the exposure: the credential has to be revoked.` },
    ...(finding.revoke.startsWith("https://") ? { helpUri: finding.revoke } : {}),
    help: { text: `Revoke it: ${revoke}`, markdown: `**Revoke it:** ${revoke}` },
    defaultConfiguration: { level: level(finding.severity) },
    properties: { tags: ["security", "secret"], precision: precision[finding.confidence], "security-severity": score[finding.severity] },
  };
}

/** GitHub sorts code-scanning alerts by these: over 9.0 is critical, 7.0 high, 4.0 medium. */
const score: Readonly<Record<Severity, string>> = { critical: "9.5", high: "8.0", medium: "5.5", low: "3.0", info: "1.0" };
const precision = { high: "very-high", medium: "high", low: "medium" } as const;

function level(severity: Severity): "error" | "warning" | "note" {
  if (severity === "critical" || severity === "high") return "error";
  return severity === "medium" ? "warning" : "note";
}

function result(finding: Finding, ruleIndex: number): object {
  const { location } = finding;
  const region = {
    startLine: location.startLine,
    startColumn: location.startColumn,
    endLine: location.endLine,
    endColumn: location.endColumn,
  };
  const artifact = location.path === undefined ? { uri: location.kind } : { uri: uri(location.path), uriBaseId: "SRCROOT" };
  // code scanning wants a physical place of every result, also of one in a commit message
  const place = {
    physicalLocation: { artifactLocation: artifact, region },
    ...(location.path === undefined ? { logicalLocations: [{ name: location.kind, kind: "resource" }] } : {}),
  };
  return {
    ruleId: finding.detector,
    ruleIndex,
    level: level(finding.severity),
    message: {
      text: `${[`${finding.title}.`, whose(finding), alive(finding), `Revoke it: ${advice(finding)}`].filter(Boolean).join(" ")}`,
    },
    locations: [place],
    partialFingerprints: {
      "rekeyFinding/v1": finding.id,
      // a weak value could be guessed from its fingerprint, since the salt is public
      ...(finding.bits >= fingerprintableBits ? { "rekeyCredential/v1": finding.committed } : {}),
    },
    properties: {
      confidence: finding.confidence,
      ...(finding.validity === undefined ? {} : { validity: finding.validity }),
      ...(finding.verification === undefined ? {} : { verification: finding.verification }),
      ...(location.commit === undefined ? {} : { commit: location.commit }),
    },
  };
}

function uri(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}
