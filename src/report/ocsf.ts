import type { Confidence, Finding, Severity } from "../finding.ts";
import type { ReportTool } from "./gitlab.ts";
import { ordered } from "./order.ts";
import { advice, alive, placeOf, whose } from "./words.ts";

/**
 * OCSF 1.4 Detection Finding (class 2004, activity Create), one JSON object a line, for SIEMs and data lakes. `finding_info.uid` is
 * the finding's id: the same in every run.
 */
export function ocsfReport(findings: readonly Finding[], { version, ended }: ReportTool): string {
  return ordered(findings)
    .map((finding) => `${JSON.stringify(event(finding, version, Date.parse(ended)))}\n`)
    .join("");
}

function event(finding: Finding, version: string, time: number): object {
  const { location, identities } = finding;
  return {
    category_uid: 2,
    category_name: "Findings",
    class_uid: 2004,
    class_name: "Detection Finding",
    activity_id: 1,
    activity_name: "Create",
    type_uid: 200_401,
    time,
    severity_id: ocsfSeverities[finding.severity][0],
    severity: ocsfSeverities[finding.severity][1],
    confidence_id: confidences[finding.confidence][0],
    confidence: confidences[finding.confidence][1],
    status_id: 1,
    status: "New",
    message: [`${finding.title} in ${placeOf(finding)}.`, whose(finding), alive(finding)].filter(Boolean).join(" "),
    metadata: { version: "1.4.0", product: { name: "Rekey", vendor_name: "Rekey", version } },
    finding_info: {
      uid: finding.id,
      title: finding.title,
      types: ["Leaked credential"],
      created_time: time,
      analytic: { uid: finding.detector, name: finding.title, type_id: 1, type: "Rule" },
    },
    resources: [
      { type: location.kind, name: location.path ?? location.kind, uid: placeOf(finding) },
      ...identities.map(({ id, kind, name, owner }) => ({
        type: kind,
        name,
        uid: id,
        ...(owner === undefined ? {} : { owner: { name: owner } }),
      })),
    ],
    remediation: {
      desc: `Revoke it: ${advice(finding)}`,
      ...(finding.revoke.startsWith("https://") ? { references: [finding.revoke] } : {}),
    },
    ...unmapped(finding),
  };
}

/** What OCSF has no attribute for. */
function unmapped({ location, validity, verification }: Finding): object {
  const all = { commit: location.commit, validity, verification };
  return Object.values(all).some((value) => value !== undefined) ? { unmapped: all } : {};
}

/** Ids and captions of OCSF's own enumerations. */
export const ocsfSeverities: Readonly<Record<Severity, readonly [number, string]>> = {
  info: [1, "Informational"],
  low: [2, "Low"],
  medium: [3, "Medium"],
  high: [4, "High"],
  critical: [5, "Critical"],
};
const confidences: Readonly<Record<Confidence, readonly [number, string]>> = { low: [1, "Low"], medium: [2, "Medium"], high: [3, "High"] };
