import { describe, expect, test } from "vitest";
import { classes, expandTemplate, seededRandom, templateSource } from "../../src/detector/template.ts";

const expand = (template: string, seed = "seed") => expandTemplate(template, seededRandom(seed));

test.each<[string, RegExp]>([
  ["sk-or-v1-{hex:64}", /^sk-or-v1-[0-9a-f]{64}$/],
  ["{uuid}:fx", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:fx$/],
  ["llx-{alnum:44..52}", /^llx-[A-Za-z0-9]{44,52}$/],
  ["x.{b64url:20+}", /^x\.[\w-]{20,}$/],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the text of a template
  ["access_token$production${lowernum:16}", /^access_token\$production\$[a-z0-9]{16}$/],
  ['{"key": "{digits:3}"}', /^\{"key": "\d{3}"\}$/],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: what is not a class stays as it is
  ["${SECRET} {{ value }}", /^\$\{SECRET\} \{\{ value \}\}$/],
])("%s expands to what it says, and matches itself", (template, expected) => {
  expect(expand(template)).toMatch(expected);
  expect(expand(template)).toMatch(new RegExp(`^${templateSource(template)}$`));
});

test("the same seed gives the same text, another seed another", () => {
  expect(expand("{alnum:40}", "a")).toBe(expand("{alnum:40}", "a"));
  expect(expand("{alnum:40}", "a")).not.toBe(expand("{alnum:40}", "b"));
});

describe("a range", () => {
  test("is matched between its ends only", () => {
    const pattern = new RegExp(`^${templateSource("{hex:3..5}")}$`);
    expect(["ab", "abc", "abcde", "abcdef"].map((text) => pattern.test(text))).toEqual([false, true, true, false]);
  });
});

test("every class stands for its own characters when it becomes a pattern", () => {
  for (const [name, alphabet] of Object.entries(classes)) {
    const pattern = new RegExp(`^${templateSource(`{${name}:1}`)}$`);
    const accepted = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).filter((character) =>
      pattern.test(character),
    );
    expect([name, accepted.sort().join("")]).toEqual([name, [...new Set(alphabet)].sort().join("")]);
  }
});
