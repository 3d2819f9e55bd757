import { expect, test } from "vitest";
import { weekBody, weekTitle } from "../../src/github/week-issue.ts";
import { weekReport } from "../../src/metric/week-report.ts";
import { incident, opened } from "../incident/build.ts";
import { mixed, now } from "../web/sample.ts";

test("the week's issue says what came, what is late, what waits and on whom", () => {
  const report = weekReport(mixed(24), "2026-03-05T09:00:00.000Z");
  expect(weekTitle(report)).toBe("Leaked credentials, week of 2026-02-23");
  const body = weekBody(report, "https://rekey.example");
  expect(body.startsWith("<!-- rekey:week 2026-02-23 -->\n\n**")).toBe(true);
  expect(body).toMatch(/\d+ new leaks \(in the four weeks before about \d+ a week\), \d+ of them proven dead by now, half within /);
  expect(body).toContain("### Past the time allowed\n\n- [RK-");
  expect(body).toContain("### Open by owner");
  expect(body, "nobody is mentioned").not.toMatch(/@\w/);
});

test("what a stranger wrote stays text in the week's issue", () => {
  const evil = "<img src=x> [key](https://evil.example) @everybody `x`";
  const body = weekBody(
    weekReport(
      [incident("RK-7F3K", ["10:01", { ...opened, credential: { ...opened.credential, title: evil } }])],
      "2026-03-20T09:00:00.000Z",
    ),
  );
  expect(body).not.toMatch(/<img|\]\(https:|@everybody/);
});

test("without incidents it says so in a line and shows no empty lists", () => {
  const body = weekBody(weekReport([], now));
  expect(body).toContain("No leaked credential has been found yet.");
  expect(body).not.toContain("###");
});
