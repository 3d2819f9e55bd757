import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { automaton } from "../../src/detector/automaton.ts";
import type { Gate } from "../../src/detector/gate.ts";
import { continuation, type Demand, stretchOf, templateSteps, valueStretch } from "../../src/detector/precheck.ts";
import { buildFilter } from "../../src/detector/prefilter.ts";
import { loadRegexEngine } from "../../src/detector/regex.ts";
import { bytesOf, lengthsOf, type Shape, shapeOf } from "../../src/detector/regex-shape.ts";
import { expandTemplate, seededRandom } from "../../src/detector/template.ts";

const random = seededRandom("precheck");
const bytes = (text: string) => Buffer.from(text, "latin1");

/** Whether a gate is open at one of the places of an anchor. */
function isOpen(gate: Gate, text: string, anchor: string): boolean {
  return buildFilter([{ text: anchor, exact: false }], [[gate]]).search(bytes(text)).count > 0;
}

/** Whether the gate is open and a match may end somewhere, there. */
function mayMatch(demand: Demand | undefined, text: string, anchor: string): boolean {
  const places = [...text.toLowerCase().matchAll(new RegExp(anchor, "g"))].map(({ index }) => index);
  return demand !== undefined && isOpen(demand.gate, text, anchor) && places.some((at) => demand.reach?.(bytes(text), at) !== -1);
}

/** A text that the shape matches: the checks may never refuse one. */
function example(shape: Shape): string {
  if (shape.kind === "sequence") return shape.items.map(example).join("");
  if (shape.kind === "choice") return example(shape.options[random(shape.options.length)] as Shape);
  if (shape.kind === "repeat") {
    const most = Math.min(shape.max, shape.min + 3);
    return Array.from({ length: shape.min + random(most - shape.min + 1) }, () => example(shape.item)).join("");
  }
  // ASCII, since V8's \s has more members than RE2's
  const members = [...shape.bytes.keys()].filter((byte) => shape.bytes[byte] === 1 && byte < 128 && byte !== 11);
  return String.fromCharCode(members[random(members.length)] ?? 0);
}

describe("the shape of a regular expression", () => {
  test.each([
    ["abc", 3, 3],
    ["a{2,5}b?", 2, 6],
    ["(?P<secret>[A-Z]{3}|xz)y*", 2, Number.POSITIVE_INFINITY],
    ["\\bfoo\\.\\d{2}$", 6, 6],
    ["(?i:bearer[ :]+)?[^\\s\"']{4,8}", 4, Number.POSITIVE_INFINITY],
    ["[]\\-a]{2}", 2, 2],
  ])("%s matches %i to %i bytes", (source, min, max) => {
    expect(lengthsOf(shapeOf(source) as Shape)).toEqual({ min, max });
  });

  test.each(["\\pL", "[[:letter:]]", "(?x: a)", "a\\Qb\\E", "(", "(?=a)"])("%s is left to the engine", (source) => {
    expect(shapeOf(source)).toBeUndefined();
  });

  test.each([
    "(?i:authorization[\"']?\\s*[:=,]\\s*[\"'`]?basic\\s+)(?P<secret>[A-Za-z0-9+/]{12,}={0,2})",
    "[a-z][a-z0-9+.-]{1,20}://(?P<user>[^\\s:/?#@]{0,128}):(?P<secret>[^\\s:/?#@]{5,256})@(?P<host>[a-z.-]{1,255})",
    "(?:\\r?\\n|[^\\n\\\\]{1,3})+x{3}(?i:A|bc)\\x41",
  ])("what it makes of %s is what the expression matches", (source) => {
    const whole = new RegExp(`^(?:${source.replaceAll("(?P<", "(?<")})$`);
    for (let run = 0; run < 100; run++) expect(example(shapeOf(source) as Shape)).toMatch(whole);
  });

  test.each([
    "[[:alpha:]]",
    "[[:^space:]]",
    "[^[:punct:]x]",
    "[[:word:]-]",
    "[[:cntrl:][:blank:]]",
    "(?i:[[:lower:]])",
    "(?s:.)",
    "(?s).",
    "(?s)(?-s:.)",
    "(?i)(?-i)k",
    "(?is-U:[J-L.])",
  ])("the bytes of %s are those of the expression", async (source) => {
    const { compile } = await loadRegexEngine();
    const [set, regex] = [bytesOf(shapeOf(source) as Shape), compile(`\\A(?:${source})\\z`)];
    // outside of ASCII a caseless set may be too large
    for (let byte = 0; byte < 128; byte++)
      expect([byte, set[byte] === 1]).toEqual([byte, regex.exec(String.fromCharCode(byte)) !== undefined]);
  });
});

describe("a check never refuses what the pattern matches", () => {
  test.each([
    ["(?:basic|bearer)\\s+(?P<secret>[A-Za-z0-9]{12,}={0,2})", "basic"],
    ["(?:basic|bearer)\\s+(?P<secret>[A-Za-z0-9]{12,}={0,2})", "bearer"],
    ["[a-z]{2,20}://[^\\s:/@]{0,30}:[^\\s:/@]{5,40}@[a-z]+", "://"],
    ["(?:key=(?:a|bc){2,40};)+(?:end)?", "key="],
    ["(?i:sig)=[0-9a-f]{64}", "sig"],
    ["x(?:\\s{0,4}sig=[a-z]?){2,3}[0-9]", "sig="],
    // the anchor as it is written in one alternative, and with a part left out in the other
    ["(?:login\\s+as|log[ -]?in\\s+to)\\s+[a-z]{8}", "login"],
    ["lo(?:g-?)in=[0-9]{4}", "login"],
  ])("%s behind %s", (source, anchor) => {
    const shape = shapeOf(source) as Shape;
    const demand = continuation(shape, anchor);
    const texts = Array.from({ length: 200 }, () => example(shape)).filter((text) => text.toLowerCase().includes(anchor));
    expect(texts.length).toBeGreaterThan(50);
    for (const text of texts) expect(mayMatch(demand, text, anchor)).toBe(true);
  });

  test("of a template, with the text at either edge", () => {
    const templates = ["acme_{hex:12}", "{alnum:3}-acme-{b64url:8..20}Z", "{digits:1..4}.acme{upper:2}"];
    fc.assert(
      fc.property(
        fc.constantFrom(...templates),
        fc.constantFrom("", "x", " = "),
        fc.constantFrom("", "!", "abc"),
        (template, before, after) => {
          const text = before + expandTemplate(template, random) + after;
          const literal = /-?acme[-_]?/.exec(template)?.[0] ?? "";
          const lead = template.startsWith("{digits") ? undefined : template.indexOf(literal) === 0 ? 0 : 3;
          const anchor = template.startsWith("{digits") ? ".acme" : literal;
          expect(isOpen({ steps: templateSteps(template, anchor, lead), stretch: valueStretch(template, -20, 20) }, text, anchor)).toBe(
            true,
          );
        },
      ),
    );
  });
});

describe("a check refuses what cannot match", () => {
  test.each([
    ["https://github.com/acme/app", false],
    ["https://deploy:hunter22@git.acme.io", true],
    ["https://user@host.example:8080/path", false],
    ["https://host:8080/", false],
    ["https://", false],
  ])("%s as a URL with a password: %s", (text, expected) => {
    const shape = shapeOf("[a-z]{2,20}://(?P<user>[^\\s:/@]{0,128}):(?P<secret>[^\\s:/@]{5,256})@(?P<host>[a-z.]{1,255})") as Shape;
    expect(mayMatch(continuation(shape, "://"), text, "://")).toBe(expected);
  });

  test("a run that is one byte too short, or begins one byte too late", () => {
    const stretch = valueStretch("{hex:8}", 0, 10);
    expect(isOpen({ stretch }, "key = 1234abcd", "key")).toBe(true);
    expect(isOpen({ stretch }, "key = 1234abc", "key")).toBe(false);
    expect(isOpen({ stretch }, "key          1234abcd", "key")).toBe(false);
    expect(isOpen({ stretch }, "key       1234abcd", "key")).toBe(true);
  });

  test("an anchor beside the match says nothing, the match's longest run does", () => {
    const shape = shapeOf("\\b(?P<secret>SK[0-9a-f]{32})\\b") as Shape;
    expect(continuation(shape, "twilio")).toBeUndefined();
    const stretch = stretchOf(shape, -50, 50);
    expect(isOpen({ stretch }, `SK${"0".repeat(32)} twilio`, "twilio")).toBe(true);
    expect(isOpen({ stretch }, `SK${"0".repeat(31)} twilio`, "twilio")).toBe(false);
  });
});

describe("the automaton of a shape", () => {
  test.each([
    ["ab{2,3}c?", ["abb", "abbb", "abbc"], ["", "a", "ab", "b", "abbd"]],
    ["(?:x|yz){2}", ["xx", "xyz", "yzyz"], ["x", "xy", "zx"]],
    ["[ab]{0,100}c", ["c", "abac"], ["", "ab", "cc"]],
    ["a*", ["", "a", "aaaa"], ["b", "ab"]],
  ])("%s", (source, yes, no) => {
    const { ends } = automaton(shapeOf(source) as Shape);
    const isWhole = (text: string) => ends(bytes(text), 0, 1000).at(-1) === text.length;
    for (const text of yes) expect([text, isWhole(text)]).toEqual([text, true]);
    for (const text of no) expect([text, isWhole(text)]).toEqual([text, false]);
  });

  test("forgets its states rather than fill the memory, and goes on", () => {
    // which of the last 15 letters was an a: 2^15 states
    const text = Array.from({ length: 20_000 }, () => (random(2) === 0 ? "a" : "b")).join("");
    const expected = [...text].flatMap((_, end) => (end >= 16 && text[end - 16] === "a" ? [end] : []));
    expect(automaton(shapeOf("[ab]*a[ab]{15}") as Shape).ends(bytes(text), 0, text.length - 1)).toEqual(expected);
  });

  test("looks so far and no farther", () => {
    const { reach, ends } = automaton(shapeOf("a{2,}b") as Shape);
    expect([reach(bytes("aaaa"), 0, 3, 9), reach(bytes("aaaa"), 0, 9, 9)]).toEqual([Number.POSITIVE_INFINITY, -1]);
    expect([reach(bytes("xaab"), 1, 3, 9), reach(bytes("aabab"), 0, 9, 0), reach(bytes("aac"), 0, 9, 9)]).toEqual([
      4,
      Number.POSITIVE_INFINITY,
      -1,
    ]);
    expect(ends(bytes("aabaab"), 3, 3)).toEqual([6]);
    expect(ends(bytes("aabaab"), 3, 2)).toEqual([]);
  });
});
