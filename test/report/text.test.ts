import { expect, test } from "vitest";
import { textReport } from "../../src/report/text.ts";
import { complete, finding } from "./finding.ts";

test("a finding says what it is, where, whose, how to revoke and how to ignore it", () => {
  const mine = finding({
    identities: [
      { id: "x", kind: "mcp-server", name: "search", relation: "used_by", grade: "strong", owner: "@mara" },
      { id: "y", kind: "agent", name: "Claude Code", relation: "used_by", grade: "moderate" },
    ],
  });
  expect(textReport([mine], complete, { suppressed: 2 })).toBe(
    `HIGH  OpenRouter API key  src/a b.env:3:5
  belongs to  mcp-server search, owner @mara (used by, strong)
              agent Claude Code (used by, moderate)
  because     The text has the format of OpenRouter API key.
  revoke      https://openrouter.ai/settings/keys
  ignore      rekey ignore 0123456789abcdef --reason "…"

1 credential found, 2 files read (1.2 MB); 2 silenced by rules
`,
  );
});

test("one credential in two files of history is one credential in two places", () => {
  const commit = "c".repeat(40);
  const author = { name: "Dana", email: "dana@example.org" };
  const [a, b] = [finding().location, { ...finding().location, path: "b.env" }];
  const report = textReport(
    [finding({ location: { ...b, commit, author }, occurrences: 3 }), finding({ location: { ...a, commit, author } })],
    complete,
  );
  expect(report.match(/^HIGH.*$/gm)).toEqual([
    "HIGH  OpenRouter API key  b.env:3:5  in commit cccccccccccc by Dana  (3 versions)",
    "HIGH  OpenRouter API key  src/a b.env:3:5  in commit cccccccccccc by Dana",
  ]);
  expect(report).toContain("1 credential in 2 places found");
});

test("advice without a page is shown without its mark, and the typed folder leads the path", () => {
  const report = textReport([finding({ revoke: "none: ask the database's owner" })], complete, { prefix: "apps/web/" });
  expect(report).toContain("  revoke      ask the database's owner\n");
  expect(report).toContain("apps/web/src/a b.env:3:5");
});

test("an inline allow without a reason does not count, and the report says so", () => {
  expect(textReport([finding({ allowed: "" })], complete)).toContain("rekey:allow needs a reason");
});

test("what was not read is listed, and an incomplete scan says that it is", () => {
  const skipped = Array.from({ length: 22 }, (_, index) => ({ path: `f${index}`, reason: "cannot be read: EACCES" }));
  const report = textReport([], { ...complete, skipped, complete: false });
  expect(report.split("\n").slice(0, 3)).toEqual([
    "No credentials found, 2 files read (1.2 MB)",
    "22 not or not wholly read:",
    "  f0: cannot be read: EACCES",
  ]);
  expect(report).toContain("  and 2 more; --format json lists all\n");
  expect(report).toContain("The scan is not complete: there may be credentials that it did not see\n");
});

test("names that strangers chose cannot move the cursor, hide text or turn its direction", () => {
  const hostile = "a\u001b[2K\u001b]0;x\u0007\r\n\u202e\u200b\u2028.env";
  const report = textReport(
    [
      finding({
        location: { ...finding().location, path: hostile, commit: "c".repeat(40), author: { name: hostile, email: "x" } },
        identities: [{ id: "x", kind: "agent", name: hostile, relation: "used_by", grade: "weak", owner: hostile }],
        evidence: [{ method: "x", grade: "weak", text: hostile }],
      }),
    ],
    { ...complete, skipped: [{ path: hostile, reason: hostile }] },
  );
  expect(report.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  expect(report).toContain("a\\u{1b}[2K\\u{1b}]0;x\\u{7}\\u{d}\\u{a}\\u{202e}\\u{200b}\\u{2028}.env:3:5");
});
