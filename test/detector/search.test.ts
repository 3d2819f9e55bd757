import fc from "fast-check";
import { expect, test } from "vitest";
import { decodings } from "../../src/decode/decode.ts";
import { buildFilter } from "../../src/detector/prefilter.ts";

const anchors = [
  { text: "key", exact: false },
  { text: "=a1", exact: true },
];

/** Words of letters of base64 with what stands between them, around the lengths that matter. */
const word = fc.nat({ max: 70 }).map((length) => "aB3+/_-".repeat(10).slice(0, length));
const gap = fc.constantFrom("", " ", "=", "==", "===", "\n", "\u00ff", ".", "key", "KEY ", "=a1", "`", "{", "@", "[");
const text = fc.array(fc.tuple(word, gap), { maxLength: 14 }).map((parts) => parts.flat().join(""));

test("an anchor is found for those of its users that have a run as long as they need, where they need it", () => {
  const need = fc.record({ least: fc.integer({ min: 16, max: 40 }), from: fc.integer({ min: -90, max: 40 }), reach: fc.nat({ max: 120 }) });
  fc.assert(
    fc.property(text, fc.array(fc.option(need, { nil: undefined }), { minLength: 2, maxLength: 5 }), (plain, all) => {
      const needs = all.map((one) => (one === undefined ? undefined : { ...one, to: one.from + one.reach }));
      const bytes = Buffer.from(plain, "latin1");
      const runs = [...plain.matchAll(/[A-Za-z0-9+/_-]{16,}/g)].map(({ index, 0: run }) => [index, index + run.length] as const);
      const expected = [needs.slice(1), needs.slice(0, 1)].flatMap((users, anchor) =>
        [...plain.matchAll(anchor === 0 ? /(?=key)/gi : /(?==a1)/g)].flatMap(({ index }) =>
          users.flatMap((user, number) => {
            const has = ([start, end]: readonly [number, number]) =>
              user !== undefined && start <= index + user.to && end - Math.max(start, index + user.from) >= user.least;
            return user === undefined || runs.some(has) ? [`${anchor * (needs.length - 1) + number} at ${index}`] : [];
          }),
        ),
      );
      const { hits, first, count } = buildFilter(
        anchors,
        [needs.slice(1), needs.slice(0, 1)].map((users) => users.map((run) => ({ run }))),
      ).search(bytes);
      const found = Array.from({ length: count }, (_, hit) => `${hits[first + 2 * hit]} at ${hits[first + 2 * hit + 1]}`);
      expect(found.toSorted()).toEqual(expected.toSorted());
    }),
    { numRuns: 300 },
  );
});

test("what it takes for encoded is all that decodes", () => {
  const filter = buildFilter(anchors);
  const piece = fc.oneof(
    fc.string({ maxLength: 60 }).map((plain) => Buffer.from(plain).toString("base64")),
    fc.string({ unit: "grapheme", maxLength: 40 }).map((plain) => Buffer.from(plain).toString("base64url")),
    fc.string({ maxLength: 40 }).map((plain) => Buffer.from(plain).toString("hex")),
    fc.string({ maxLength: 12 }).map((plain) => `%41${encodeURIComponent(plain)}`),
    fc
      .tuple(word, fc.constantFrom('" + "', '"\n"', '" +\n  f"', "' 'x'\n'", '"+', '"\n\n'))
      .map(([plain, joint]) => `"${plain}${joint}${plain}"`),
    fc.constantFrom("\\u0041bcdefghij", "\\x41bcdefghij", "\\n", "%4", "=", " ", "\n", '"'),
    fc.constantFrom(
      '"aB3aB3aB3aB3aB3aB3" + ',
      '"aB3"',
      "'aB3aB3aB3aB3aB3aB3'\n  ",
      "'x'",
      'rb"aB3aB3aB3aB3aB3aB3"',
      ' + "aB3aB3aB3aB3aB3aB3"',
    ),
    word,
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
      const bytes = Buffer.from(pieces.join(""), "latin1");
      const all = [...decodings(bytes)];
      expect([...decodings(bytes, undefined, filter.search(bytes).encoded)]).toEqual(all);
    }),
    { numRuns: 2000 },
  );
});
