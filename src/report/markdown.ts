import type { Finding } from "../finding.ts";
import type { ReportStats } from "./json.ts";
import { ordered } from "./order.ts";
import { printable } from "./text.ts";
import { advice, placeOf, validityOf, whose } from "./words.ts";

/** GitHub-flavoured Markdown for a job summary or a ticket: one table. Text that a stranger could choose stays text. */
export function markdownReport(findings: readonly Finding[], stats: ReportStats): string {
  const count =
    findings.length === 0 ? "No leaked credentials" : `${findings.length} leaked ${findings.length === 1 ? "credential" : "credentials"}`;
  const asked = findings.some(({ validity }) => validity !== undefined);
  const rows = ordered(findings).map((finding) =>
    [
      finding.severity,
      finding.title,
      placeOf(finding),
      ...(asked ? [validityOf(finding)] : []),
      whose(finding) || "unknown",
      advice(finding),
    ]
      .map(cell)
      .join(" | "),
  );
  const head = ["Severity", "Credential", "Place", ...(asked ? ["Validity"] : []), "Belongs to", "Revoke"];
  const table =
    rows.length === 0 ? [] : [`| ${head.join(" | ")} |`, `${"|---".repeat(head.length)}|`, ...rows.map((row) => `| ${row} |`), ""];
  const hole = stats.complete ? [] : ["The scan is not complete: there may be credentials that it did not see.", ""];
  return [`## ${count}`, "", ...table, ...hole].join("\n");
}

/** No markup, no mention of a person, no end of the cell. An address that the detector gives stays one. */
function cell(text: string): string {
  if (/^https:\/\/[\w./#?=&%:-]+$/.test(text)) return `<${text}>`;
  return printable(text)
    .replace(/[\\`*_{}[\]<>()#+!|~$&]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replaceAll("@", "@\u200b");
}
