import { expect, test } from "vitest";
import type { Finding } from "../../src/finding.ts";
import { numbered, Tally } from "../../src/source/scanner.ts";
import { finding } from "../report/finding.ts";

const weak = (value: string, line: number): Finding => {
  const committed = `rs1:11111111:${value.repeat(43)}`;
  return finding({
    bits: 50,
    committed,
    fingerprint: committed,
    id: value.repeat(16),
    location: { ...finding().location, startLine: line },
  });
};

test("the id of a weak value says nothing of the value, and still tells its neighbours apart", () => {
  const [one, two] = numbered([weak("a", 1), weak("b", 2)]);
  const [other, more] = numbered([weak("c", 1), weak("d", 2)]);
  expect([one?.id, two?.id]).toEqual([other?.id, more?.id]);
  expect(one?.id).not.toBe(two?.id);
  expect([one?.ordinal, two?.ordinal]).toEqual([1, 2]);
});

test("one weak value twice in a document is one finding, named by its first place", () => {
  const tally = new Tally({ scan: () => [weak("a", 1), weak("b", 2), weak("a", 3)] });
  const found = tally.read({ bytes: Buffer.from("x"), origin: { kind: "file", path: "a" } });
  expect(found.map(({ occurrences, location, ordinal }) => [occurrences, location.startLine, ordinal])).toEqual([
    [2, 1, 1],
    [1, 2, 2],
  ]);
});

test("a place that was not read is listed once, and a hole stays a hole", () => {
  const tally = new Tally({ scan: () => [] });
  tally.skip("a", "gone", true);
  tally.skip("a", "gone", false);
  tally.skip("a", "other", false);
  expect(tally.stats()).toEqual({
    files: 0,
    bytes: 0,
    complete: false,
    skipped: [
      { path: "a", reason: "gone" },
      { path: "a", reason: "other" },
    ],
  });
});
