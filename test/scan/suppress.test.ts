import { expect, test } from "vitest";
import type { Finding } from "../../src/finding.ts";
import { parseIgnore } from "../../src/scan/ignore-file.ts";
import { baselineLine, parseBaseline, suppress, unknownSalts } from "../../src/scan/suppress.ts";
import { finding } from "../report/finding.ts";

const strong = finding();
const committed = strong.committed;
const place = { ...strong.location, path: "db/conf.env" };
const weak = finding({ bits: 50, detector: "postgres-url", location: place, ordinal: 2 });

function kept(one: Finding, text: string, today = "2026-06-01"): boolean {
  const rules = { ignore: parseIgnore(`version: 1\nignore:\n${text}`, "ignore.yml"), baseline: new Set<string>(), today };
  return suppress([one], rules).kept.length === 1;
}

test("an entry by value silences it anywhere; with a subject only for that account", () => {
  const entry = `  - { fingerprint: '${committed}', reason: a test value }`;
  expect(kept(strong, entry)).toBe(false);
  expect(kept(finding({ location: place }), entry)).toBe(false);
  expect(kept(finding({ committed: committed.replace("B", "C") }), entry)).toBe(true);
  const bound = `  - { fingerprint: '${committed}', subject: staging, reason: a test value }`;
  expect(kept(finding({ subject: "staging" }), bound)).toBe(false);
  expect(kept(finding({ subject: "production" }), bound)).toBe(true);
  expect(kept(strong, bound)).toBe(true);
});

test("an accepted risk is reported again from its day on", () => {
  const entry = `  - { fingerprint: '${committed}', reason: accepted by Mara, until: 2026-06-02 }`;
  expect(kept(strong, entry, "2026-06-01")).toBe(false);
  expect(kept(strong, entry, "2026-06-02")).toBe(true);
});

test("an entry by place fits one place only", () => {
  const entry = (changes: string) => `  - { detector: postgres-url, path: db/conf.env, ordinal: 2, reason: a local one${changes} }`;
  expect(kept(weak, entry(""))).toBe(false);
  expect(kept({ ...weak, ordinal: 1 }, entry(""))).toBe(true);
  expect(kept({ ...weak, location: { ...place, path: "conf.env" } }, entry(""))).toBe(true);
  expect(kept({ ...weak, detector: "mysql-url" }, entry(""))).toBe(true);
  expect(kept(weak, entry(", pointer: /a"))).toBe(true);
  expect(kept({ ...weak, location: { ...place, pointer: "/a" } }, entry(", pointer: /a"))).toBe(false);
});

test("path rules are globs from the top, for some detectors or all", () => {
  expect(kept(weak, "  - { paths: ['db/**'], reason: fixtures }")).toBe(false);
  expect(kept(weak, "  - { paths: ['**/*.env'], detectors: [postgres-url], reason: fixtures }")).toBe(false);
  expect(kept(weak, "  - { paths: ['**/*.env'], detectors: [mysql-url], reason: fixtures }")).toBe(true);
  expect(kept(weak, "  - { paths: ['*.env'], reason: fixtures }")).toBe(true);
  expect(kept(weak, "  - { paths: ['!nothing'], reason: fixtures }")).toBe(true);
});

test("an inline allow counts with a reason only", () => {
  const rules = { ignore: [], baseline: new Set<string>(), today: "2026-01-01" };
  const { kept: left, suppressed } = suppress([finding({ allowed: "documented example" }), finding({ allowed: "" })], rules);
  expect(left).toHaveLength(1);
  expect(suppressed).toMatchObject([{ by: "inline", reason: "documented example" }]);
});

test("a baseline line stands for the value; for a weak one, for its place", () => {
  expect(baselineLine(strong)).toBe(committed);
  expect(baselineLine(finding({ subject: "user@host" }))).toMatch(/^rs1:11111111:B{43}\+[0-9a-f]{8}$/);
  expect(baselineLine(weak)).toBe("postgres-url 2 db/conf.env");
  expect(baselineLine({ ...weak, location: { ...place, pointer: "/a b" } })).toBe("postgres-url 2 db/conf.env#/a b");
  const lines = [strong, finding({ subject: "user@host" }), weak].map((one) => baselineLine(one));
  const baseline = parseBaseline(`# known\r\n\n${lines.join("  \n")}  # openrouter-api-key\n`.replace("  # openrouter-api-key", ""), "b");
  expect(suppress([strong, weak, finding({ subject: "user@host" })], { ignore: [], baseline, today: "x" }).kept).toEqual([]);
  expect(suppress([finding({ subject: "other@host" }), { ...weak, ordinal: 1 }], { ignore: [], baseline, today: "x" }).kept).toHaveLength(
    2,
  );
});

test("a value whose entry was written under an older salt is known by its other form", () => {
  const older = `rs1:22222222:${"C".repeat(43)}`;
  const baseline = parseBaseline(`${older}  # openrouter-api-key\n`, "b");
  expect(suppress([strong], { ignore: [], baseline, today: "x" }).kept).toHaveLength(1);
  expect(suppress([strong], { ignore: [], baseline, today: "x", aliases: new Map([[committed, [older]]]) }).kept).toEqual([]);
  expect(unknownSalts({ ignore: [], baseline }, ["11111111"])).toEqual(["22222222"]);
});

test("a baseline line that is none is an error with its line", () => {
  expect(() => parseBaseline(`# x\n${committed}\nrs1:short\n`, ".rekey/baseline")).toThrow(".rekey/baseline:3: expected 'rs1:");
  expect(() => parseBaseline("postgres-url zero a.env\n", "b")).toThrow("b:1: ");
});

const wrong: Record<string, string> = {
  "no reason": `  - { fingerprint: '${committed}' }`,
  "an empty reason": `  - { fingerprint: '${committed}', reason: '' }`,
  "an unknown key": `  - { fingerprint: '${committed}', reason: why not, expires: 2026-01-01 }`,
  "a tenant fingerprint": `  - { fingerprint: '${strong.fingerprint}', reason: why not }`,
  "an absolute path": "  - { paths: [/etc], reason: why not }",
  "an expiry on a path rule": "  - { paths: [a], reason: why not, until: 2026-01-01 }",
  "no ordinal": "  - { detector: a, path: b, reason: why not }",
};

for (const [what, entry] of Object.entries(wrong)) {
  test(`${what} is refused with the line`, () => {
    expect(() => parseIgnore(`version: 1\nignore:\n${entry}\n`, ".rekey/ignore.yml")).toThrow(/^\.rekey\/ignore\.yml:3:\d+: /);
  });
}
