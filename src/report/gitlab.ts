import type { Finding, Severity } from "../finding.ts";
import type { ReportStats } from "./json.ts";
import { ordered } from "./order.ts";
import { advice, alive, validityOf, whose } from "./words.ts";

export interface ReportTool {
  /** Version of Rekey. */
  readonly version: string;
  /** When the scan began and ended, ISO 8601 UTC. */
  readonly started: string;
  readonly ended: string;
}

/** GitLab asks for a commit with every secret; this one stands for "in no commit". */
const noCommit = "0".repeat(40);

/**
 * GitLab's secret detection report (security-report-schemas, version 15), for `artifacts: reports: secret_detection`. `id` is the
 * finding's own id, so that GitLab recognises a secret again in the next pipeline. `raw_source_code_extract` is left out: it is the value.
 */
export function gitlabReport(findings: readonly Finding[], stats: ReportStats, { version, started, ended }: ReportTool): string {
  const about = { id: "rekey", name: "Rekey", version, vendor: { name: "Rekey" } };
  const report = {
    version: "15.2.1",
    scan: {
      analyzer: about,
      scanner: about,
      type: "secret_detection",
      start_time: seconds(started),
      end_time: seconds(ended),
      status: stats.complete ? "success" : "failure",
      messages: stats.skipped.slice(0, 100).map(({ path, reason }) => ({ level: "warn", value: `${path}: ${reason}` })),
    },
    vulnerabilities: ordered(findings).map(vulnerability),
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

function vulnerability(finding: Finding): object {
  const { location } = finding;
  const { author, date, commit } = location;
  return {
    id: finding.id,
    name: finding.title,
    description: [`A leaked ${finding.title}.`, whose(finding), alive(finding)].filter(Boolean).join(" "),
    ...(finding.validity === undefined ? {} : { details: { validity: { type: "text", name: "Validity", value: validityOf(finding) } } }),
    severity: severities[finding.severity],
    solution: `Revoke it: ${advice(finding)}`,
    location: {
      file: location.path ?? location.kind,
      start_line: location.startLine,
      end_line: location.endLine,
      commit: {
        sha: commit ?? noCommit,
        ...(author === undefined ? {} : { author: author.name }),
        ...(date === undefined ? {} : { date }),
      },
    },
    identifiers: [{ type: "rekey_detector", name: `Rekey detector ${finding.detector}`, value: finding.detector }],
  };
}

const severities: Readonly<Record<Severity, string>> = { critical: "Critical", high: "High", medium: "Medium", low: "Low", info: "Info" };

/** The schema wants local date and time without a zone, and GitLab reads it as UTC. */
function seconds(time: string): string {
  return time.slice(0, 19);
}
