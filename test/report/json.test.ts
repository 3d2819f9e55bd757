import { expect, test } from "vitest";
import { jsonReport } from "../../src/report/json.ts";
import { complete, finding } from "./finding.ts";

test("fields stand in the order of the format, whatever order they were made in", () => {
  const { location } = finding();
  const full = finding({
    evidence: [{ line: 4, path: "x", text: "t", grade: "weak", method: "m" }],
    attributes: { host: "db.example.org" },
    slot: { variable: "KEY", kind: "literal", pointer: "/a", client: "codex" },
    validity: "active",
    subject: "user@host",
    candidates: ["a", "b"],
    location: { date: "2026-01-01T00:00:00Z", commit: "c".repeat(40), decoded: ["base64"], ...location },
  });
  const report = JSON.parse(jsonReport([full], complete));
  expect(Object.keys(report)).toEqual(["version", "findings", "stats"]);
  expect(Object.keys(report.stats)).toEqual(["files", "bytes", "skipped", "complete"]);
  expect(Object.keys(report.findings[0])).toEqual(
    "id detector candidates provider severity confidence fingerprint subject revoke validity location occurrences slot identities attributes evidence".split(
      " ",
    ),
  );
  expect(Object.keys(report.findings[0].location)).toEqual(
    "kind path startLine startColumn endLine endColumn decoded commit date".split(" "),
  );
  expect(Object.keys(report.findings[0].slot)).toEqual(["client", "pointer", "kind", "variable"]);
  expect(Object.keys(report.findings[0].evidence[0])).toEqual(["method", "grade", "text", "path", "line"]);
});

test("what only the engine needs does not appear", () => {
  const report = jsonReport([finding({ allowed: "reason", ordinal: 3, identity: "model-api-key" })], complete);
  for (const word of ["locator", "committed", "bits", "byteStart", "ordinal", "allowed", "rs1:", "title"])
    expect(report).not.toContain(word);
});

test("the order of findings does not depend on the order in which they were found", () => {
  const place = (path: string, startLine: number, startColumn: number) => ({ ...finding().location, path, startLine, startColumn });
  const all = [
    finding({ location: place("a/b.env", 1, 1) }),
    finding({ location: place("a.env", 10, 1) }),
    finding({ location: place("a.env", 2, 9) }),
    finding({ location: place("a.env", 2, 1), detector: "b" }),
    finding({ location: place("a.env", 2, 1), detector: "a" }),
    finding({ location: place("B.env", 1, 1) }),
  ];
  const report = jsonReport(all, complete);
  expect(jsonReport(all.toReversed(), complete)).toBe(report);
  const places = JSON.parse(report).findings.map(({ location, detector }: ReturnType<typeof finding>) => [
    `${location.path}:${location.startLine}:${location.startColumn}`,
    detector,
  ]);
  expect(places.map(([at]: string[]) => at)).toEqual(["B.env:1:1", "a.env:2:1", "a.env:2:1", "a.env:2:9", "a.env:10:1", "a/b.env:1:1"]);
  expect(places.slice(1, 3).map(([, detector]: string[]) => detector)).toEqual(["a", "b"]);
});

test("a weak value's fingerprint under a public salt does not appear: it could be guessed", () => {
  const committed = `rs1:11111111:${"B".repeat(43)}`;
  const shown = (bits: number, fingerprint: string) =>
    JSON.parse(jsonReport([finding({ bits, fingerprint })], complete)).findings[0].fingerprint;
  expect(shown(64, committed)).toBe(committed);
  expect(shown(63, committed)).toMatch(/^rs1:11111111:[\w-]{43}$/);
  expect(shown(63, committed)).not.toBe(committed);
  expect(shown(20, finding().fingerprint)).toBe(finding().fingerprint);
});
