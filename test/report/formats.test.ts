import { expect, test } from "vitest";
import { findingsCsv } from "../../src/report/findings-csv.ts";
import { gitlabReport } from "../../src/report/gitlab.ts";
import { junitReport } from "../../src/report/junit.ts";
import { markdownReport } from "../../src/report/markdown.ts";
import { ocsfReport } from "../../src/report/ocsf.ts";
import { complete, finding } from "./finding.ts";

const tool = { version: "1.2.3", started: "2026-11-25T08:00:00.123Z", ended: "2026-11-25T08:00:05.456Z" };
const owned = finding({
  identities: [{ id: "x", kind: "agent", name: "triage", relation: "authenticates_as", grade: "confirmed", owner: "@mara" }],
});

test("GitLab gets what its schema requires, a stable id, and no extract of the source", () => {
  const report = JSON.parse(gitlabReport([owned], complete, tool));
  expect(report.scan).toMatchObject({
    type: "secret_detection",
    status: "success",
    start_time: "2026-11-25T08:00:00",
    end_time: "2026-11-25T08:00:05",
    scanner: { id: "rekey", version: "1.2.3", vendor: { name: "Rekey" } },
  });
  expect(report.vulnerabilities).toEqual([
    {
      id: "0123456789abcdef",
      name: "OpenRouter API key",
      description: "A leaked OpenRouter API key. Authenticates as agent triage, owner @mara (confirmed).",
      severity: "High",
      solution: "Revoke it: https://openrouter.ai/settings/keys",
      location: { file: "src/a b.env", start_line: 3, end_line: 3, commit: { sha: "0".repeat(40) } },
      identifiers: [{ type: "rekey_detector", name: "Rekey detector openrouter-api-key", value: "openrouter-api-key" }],
    },
  ]);
});

test("an incomplete scan is a failure for GitLab and an error for JUnit, also without findings", () => {
  const stats = { ...complete, complete: false, skipped: [{ path: "a<b", reason: "too large" }] };
  expect(JSON.parse(gitlabReport([], stats, tool)).scan).toMatchObject({
    status: "failure",
    messages: [{ level: "warn", value: "a<b: too large" }],
  });
  expect(junitReport([], stats)).toContain('errors="1"');
  expect(junitReport([], stats)).toContain("a&lt;b: too large");
});

test("JUnit: a finding is a failed test, a clean scan a passed one, and no path breaks out of its attribute", () => {
  const hostile = finding({ location: { ...owned.location, path: 'a"><x>\u0000\ud800.env' } });
  const text = junitReport([hostile], complete);
  expect(text).toContain('tests="1" failures="1" errors="0"');
  expect(text).toContain('name="a&quot;&gt;&lt;x&gt;\ufffd\ufffd.env:3"');
  expect(junitReport([], complete)).toContain('<testcase classname="rekey" name="no leaked credentials"/>');
});

test("CSV: a path that a spreadsheet would run stays text", () => {
  const hostile = finding({ location: { ...owned.location, path: '=HYPERLINK("x","y")' } });
  const [header, row] = findingsCsv([hostile]).split("\r\n");
  expect(header).toMatch(/^id,detector,title,provider,severity,/);
  expect(row).toContain(`,"'=HYPERLINK(""x"",""y"")",3,5,`);
});

test("OCSF: one detection finding a line with OCSF's ids", () => {
  const [line, rest] = ocsfReport([owned], tool).split("\n");
  expect(rest).toBe("");
  expect(JSON.parse(line ?? "")).toMatchObject({
    class_uid: 2004,
    category_uid: 2,
    activity_id: 1,
    type_uid: 200401,
    time: Date.parse(tool.ended),
    severity_id: 4,
    confidence_id: 3,
    metadata: { version: "1.4.0", product: { name: "Rekey", vendor_name: "Rekey", version: "1.2.3" } },
    finding_info: { uid: "0123456789abcdef", title: "OpenRouter API key" },
    resources: [{ name: "src/a b.env" }, { type: "agent", name: "triage", owner: { name: "@mara" } }],
  });
});

test("Markdown: a table, in which a hostile path is text and mentions nobody", () => {
  const hostile = finding({ location: { ...owned.location, path: "a|b<img>@org/team](x)" } });
  const text = markdownReport([hostile], complete);
  expect(text).toContain("## 1 leaked credential\n");
  expect(text).toContain(
    "| high | OpenRouter API key | a&#124;b&#60;img&#62;@\u200borg/team&#93;&#40;x&#41;:3 | unknown | <https://openrouter.ai/settings/keys> |",
  );
  expect(markdownReport([], { ...complete, complete: false })).toContain("not complete");
});
