import { expect, test } from "vitest";
import type { Usage } from "../../src/driver.ts";
import { judgeUsage } from "../../src/playbook/usage.ts";

const office = { by: "10.0.0.5", count: 3 };
const stranger = { by: "203.0.113.9", count: 12, at: "2026-11-24T03:00:00Z" };
const counted = { count: 7, at: "2026-11-24" };
const known = [{ name: "triage", report: "version", seen_as: ["10.0.0.5"] }] as const;
const nameless = [...known, { name: "batch", report: "version" }] as const;
const record = (seen: Usage["seen"], complete = false): Usage => ({ seen, complete });

test.each([
  ["no such answer", undefined, known, "cannot-be-known", /the vendor does not say who used a key/],
  [
    "a declared consumer, complete record",
    record([office], true),
    known,
    "known-consumers-only",
    /complete record shows known consumers only/,
  ],
  ["a declared consumer, incomplete record", record([office]), known, "cannot-be-known", /not complete, so others may have used it/],
  ["a declared consumer in other letters", record([{ by: " 10.0.0.5 " }], true), known, "known-consumers-only", /known consumers only/],
  ["a stranger beside it", record([office, stranger], true), known, "unknown-use", /203\.0\.113\.9 \(12 times\) at 2026-11-24T03:00:00Z/],
  ["one digit off the declared address", record([{ by: "10.0.0.55" }], true), known, "unknown-use", /10\.0\.0\.55/],
  ["a consumer whose looks are not declared", record([stranger], true), nameless, "cannot-be-known", /how it sees batch is not declared/],
  ["counted, not named", record([counted]), known, "cannot-be-known", /a use \(7 times\) at 2026-11-24\), and does not say by whom/],
  ["counted, and nobody should", record([counted]), "none", "unknown-use", /a use \(7 times\)/],
  ["named, and nobody should", record([stranger]), "none", "unknown-use", /203\.0\.113\.9/],
  ["nobody said who uses it", record([stranger]), "unknown", "cannot-be-known", /nobody declared who uses it/],
  ["nothing seen, incomplete", record([]), "none", "cannot-be-known", /shows no use, but it is not complete, so that says nothing/],
] as const)("%s", (_name, usage, consumers, answer, sentence) => {
  const verdict = judgeUsage(usage, consumers);
  expect(verdict.answer).toBe(answer);
  expect(verdict.sentence).toMatch(sentence);
  expect(verdict.sentence).not.toMatch(/not used|unused/i);
});
