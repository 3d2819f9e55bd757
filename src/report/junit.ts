import type { Finding } from "../finding.ts";
import type { ReportStats } from "./json.ts";
import { ordered } from "./order.ts";
import { advice, placeOf, validityOf, whose } from "./words.ts";

/** JUnit XML, as CI servers read it: every finding is a failed test, a scan that is not complete an error, a clean scan one passed test. */
export function junitReport(findings: readonly Finding[], stats: ReportStats): string {
  const cases = ordered(findings).map(failure);
  if (!stats.complete) cases.push(incomplete(stats));
  const errors = stats.complete ? 0 : 1;
  if (cases.length === 0) cases.push('    <testcase classname="rekey" name="no leaked credentials"/>');
  const counts = `tests="${cases.length}" failures="${findings.length}" errors="${errors}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="rekey" ${counts}>`,
    `  <testsuite name="rekey scan" ${counts} skipped="0" time="0">`,
    ...cases,
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function failure(finding: Finding): string {
  const place = placeOf(finding);
  const text = [
    `${finding.severity} severity, ${finding.confidence} confidence.`,
    whose(finding),
    finding.validity === undefined ? "" : `Validity: ${validityOf(finding)}`,
    `Revoke it: ${advice(finding)}`,
    `Id: ${finding.id}`,
  ].filter(Boolean);
  return [
    `    <testcase classname="rekey.${xml(finding.detector)}" name="${xml(place)}">`,
    `      <failure type="${xml(finding.detector)}" message="${xml(`${finding.title} in ${place}`)}">${xml(text.join("\n"))}</failure>`,
    "    </testcase>",
  ].join("\n");
}

function incomplete({ skipped }: ReportStats): string {
  const reasons = skipped.slice(0, 100).map(({ path, reason }) => `${path}: ${reason}`);
  return [
    '    <testcase classname="rekey" name="the scan is complete">',
    `      <error type="incomplete" message="not everything was read">${xml(reasons.join("\n"))}</error>`,
    "    </testcase>",
  ].join("\n");
}

/** Escaped, and without the characters that XML 1.0 forbids even as references. */
function xml(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
