import fc from "fast-check";
import { expect, test } from "vitest";
import { type Anchor, buildFilter } from "../../src/detector/prefilter.ts";

/** Every place of every anchor by the plainest means. */
function plainSearch(anchors: readonly Anchor[], bytes: Buffer): string[] {
  const text = bytes.toString("latin1");
  const lower = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return anchors.flatMap(({ text: anchor, exact }, index) => {
    const found: string[] = [];
    const [where, what] = exact ? [text, anchor] : [lower, anchor.toLowerCase()];
    for (let at = where.indexOf(what); at !== -1; at = where.indexOf(what, at + 1)) found.push(`${index} at ${at}`);
    return found;
  });
}

function search(anchors: readonly Anchor[], bytes: Uint8Array): string[] {
  const { hits, first, count } = buildFilter(anchors).search(bytes);
  return Array.from({ length: count }, (_, hit) => `${hits[first + 2 * hit]} at ${hits[first + 2 * hit + 1]}`);
}

/** Few letters, so that anchors overlap each other and themselves. */
const letters = fc.constantFrom("a", "A", "b", "_", "=", "é");
const word = fc.array(letters, { minLength: 3, maxLength: 9 }).map((all) => all.join(""));

test("every anchor is found once at each of its places, whatever its length, the address of the text and its edges", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ text: word, exact: fc.boolean() }), { minLength: 1, maxLength: 12 }),
      fc.array(fc.oneof(letters, word), { maxLength: 40 }).map((all) => all.join("")),
      fc.integer({ min: 0, max: 3 }),
      (anchors, text, shift) => {
        // the text lies in the middle of a buffer in which more anchors stand
        const around = Buffer.from(`${"a".repeat(8)}${text}${"a".repeat(8)}`, "latin1");
        const memory = Buffer.alloc(around.length + 4);
        around.copy(memory, shift);
        const bytes = memory.subarray(shift + 8, shift + 8 + text.length);
        expect(search(anchors, bytes).toSorted()).toEqual(plainSearch(anchors, bytes).toSorted());
      },
    ),
    { numRuns: 400 },
  );
});

test("more hits than one document had before are all kept", () => {
  const anchors = [{ text: "aaa", exact: true }];
  expect(search(anchors, Buffer.alloc(50_000, "a")).length).toBe(49_998);
  expect(search(anchors, Buffer.alloc(0))).toEqual([]);
});

test("an anchor that is in every text is refused", () => {
  expect(() => buildFilter([{ text: "ab", exact: true }])).toThrow(/'ab' has fewer than 3 bytes/);
});
