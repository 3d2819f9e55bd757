import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodings, undo } from "../../src/decode/decode.ts";

const said = "api_key=generated-at-run-time";
const found = (text: string) =>
  [...decodings(Buffer.from(text))].map(({ step, bytes, start, end }) => ({
    step,
    text: Buffer.from(bytes).toString(),
    encoded: text.slice(start, end),
  }));

describe("an encoded stretch is found with its place", () => {
  const base64 = Buffer.from(said).toString("base64");
  const url = Buffer.from(`${said}?>>>`).toString("base64url");
  const hex = Buffer.from(said).toString("hex");
  const percent = said.replace("=", "%3D");
  const unicode = said.replace("=", "\\u003d");

  test.each([
    ["base64", `data: ${base64}\n`, base64, said],
    ["base64", `"${base64}"`, base64, said],
    ["base64", `token=${url};`, url, `${said}?>>>`],
    ["hex", `x="${hex}"`, hex, said],
    ["percent", `https://x/?q=1 ${percent} end`, percent, said],
    ["unicode-escape", `"${unicode}"`, unicode, said],
  ])("%s in %s", (step, text, encoded, decoded) => {
    expect(found(text)).toContainEqual({ step, encoded, text: decoded });
  });
});

test.each(["plain words of a sentence", "d41d8cd98f00b204e9800998ecf8427e", "AKIA", "100% sure", "C:\\users\\x"])(
  "nothing is made of %s",
  (text) => {
    expect(found(text).filter(({ text: decoded }) => /[^\x20-\x7e\s]/.test(decoded))).toEqual([]);
  },
);

test("a run gives what undoing it gives: no text is turned away by its first letters", () => {
  const texts = fc.string({ unit: "grapheme", minLength: 8, maxLength: 60 });
  const encoded = fc.oneof(
    texts.map((text) => Buffer.from(text).toString("base64url")),
    texts.map((text) => Buffer.from(text).toString("base64")),
    texts.map((text) => Buffer.from(text).toString("hex")),
    fc.uint8Array({ minLength: 18, maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("base64")),
  );
  fc.assert(
    fc.property(
      encoded.filter((run) => /^[\w+/-]{24,}={0,2}$/.test(run)),
      (run) => {
        const expected = (["base64", "hex"] as const).flatMap((step) => {
          const bytes = undo(step, run);
          return bytes === undefined ? [] : [{ step, text: Buffer.from(bytes).toString(), encoded: run }];
        });
        expect(found(run)).toEqual(expected);
      },
    ),
    { numRuns: 2000 },
  );
});

describe("undoing one step", () => {
  test("gives nothing where the text is not of that encoding", () => {
    expect(undo("hex", "abc")).toBeUndefined();
    expect(undo("base64", "AAAAAAAAAAAAAAAAAAAAAAAA")).toBeUndefined();
  });

  test("reads UTF-16 in both byte orders", () => {
    const little = Buffer.from(said, "utf16le");
    expect(Buffer.from(undo("utf-16le", little.toString("latin1")) ?? []).toString()).toBe(said);
    expect(Buffer.from(undo("utf-16be", Buffer.from(little).swap16().toString("latin1")) ?? []).toString()).toBe(said);
  });

  test("unescapes a JSON string", () => {
    expect(Buffer.from(undo("json-string", '{\\"key\\": \\"caf\\u00e9 ok\\"}') ?? []).toString()).toBe('{"key": "café ok"}');
  });
});

describe("hostile input", () => {
  // every one of these is quadratic for a matcher that starts again at each character
  test.each([
    ["one line without white space", "a".repeat(1 << 20)],
    ["one line of percent signs that escape nothing", "%".repeat(1 << 20)],
    ["one line of escapes", "%41".repeat(300_000)],
    ["one line of backslashes", "\\".repeat(1 << 20)],
    ["many short words with an escape", "x%41 ".repeat(200_000)],
    ["nested base64", "QUFB".repeat(1 << 18)],
  ])("%s is read to the end, within the bounds", (_, text) => {
    const all = [...decodings(Buffer.from(text))];
    expect(all.length).toBeLessThanOrEqual(2000);
    expect(all.every(({ start, end }) => start < end && end <= text.length)).toBe(true);
  });
});
