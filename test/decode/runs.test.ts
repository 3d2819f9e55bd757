import fc from "fast-check";
import { expect, test } from "vitest";
import { encodedRuns, longRuns } from "../../src/decode/runs.ts";

function byPattern(text: string): [number, number][] {
  return [...text.matchAll(/[A-Za-z0-9+/_-]{24,}={0,2}/g)].map((match) => [match.index, match.index + match[0].length]);
}

function byRuns(text: string): [number, number][] {
  const bytes = Buffer.from(text, "latin1");
  return encodedRuns(longRuns(bytes), bytes).map(({ start, end }) => [start, end]);
}

test("finds what the pattern matches, and nothing else", () => {
  const word = fc.nat({ max: 60 }).map((length) => "aB3+/_-".repeat(9).slice(0, length));
  const gap = fc.constantFrom("", " ", "=", "==", "===", "\n", "\u00ff", ".", "a");
  fc.assert(
    fc.property(fc.array(fc.tuple(word, gap), { maxLength: 12 }), (parts) => {
      const text = parts.flat().join("");
      expect(byRuns(text)).toEqual(byPattern(text));
    }),
    { numRuns: 2000 },
  );
});

test("a run of 24 counts, one of 23 does not, at both ends of a text", () => {
  expect(byRuns("a".repeat(24))).toEqual([[0, 24]]);
  expect(byRuns(`${"a".repeat(23)} `)).toEqual([]);
  expect(byRuns(`. ${"a".repeat(24)}===`)).toEqual([[2, 28]]);
  expect(byRuns("")).toEqual([]);
});
