import { expect, test } from "vitest";
import { ownerRuleFor, parseCodeowners } from "../../src/identity/codeowners.ts";

/** https://docs.github.com/articles/about-code-owners */
const cases: [pattern: string, path: string, owned: boolean][] = [
  ["*", "a/b/c.txt", true],
  ["*.js", "src/deep/a.js", true],
  ["*.js", "a.jsx", false],
  ["/build/logs/", "build/logs/a/b.txt", true],
  ["/build/logs/", "x/build/logs/a.txt", false],
  ["docs/*", "docs/getting-started.md", true],
  ["docs/*", "docs/build-app/troubleshooting.md", false],
  ["apps/", "apps/a.txt", true],
  ["apps/", "x/apps/y/a.txt", true],
  ["apps/", "apps", false],
  ["/docs/", "docs/a/b.md", true],
  ["/scripts", "scripts/run.sh", true],
  ["/scripts", "x/scripts/run.sh", false],
  ["**/logs", "build/logs/a.txt", true],
  ["**/logs", "deeply/nested/logs", true],
  ["/.mcp.json", ".mcp.json", true],
  ["/.mcp.json", "x/.mcp.json", false],
  [".mcp.json", "x/.mcp.json", true],
  ["/a/**/b", "a/x/y/b/c", true],
  ["/a/**/b", "a/b", true],
  ["/a/**/b", "a/x/c", false],
  ["/A.txt", "a.txt", false],
  ["/a?c", "abc", true],
  ["/a?c", "a/c", false],
  ["a\\ b.txt", "x/a b.txt", true],
];

test.each(cases)("%s takes %s: %s", (pattern, path, owned) => {
  expect(ownerRuleFor(path, parseCodeowners(`${pattern} @o`)) !== undefined).toBe(owned);
});

test("the last rule that matches decides, also without owners", () => {
  const rules = parseCodeowners("* @a\n/x/ @b @acme/team # both\n/x/free\n");
  expect(ownerRuleFor("x/y", rules)).toEqual({ pattern: "/x/", owners: ["@b", "@acme/team"], line: 2 });
  expect(ownerRuleFor("x/free", rules)).toEqual({ pattern: "/x/free", owners: [], line: 3 });
  expect(ownerRuleFor("z", rules)?.owners).toEqual(["@a"]);
});

test("lines that GitHub does not understand are skipped", () => {
  expect(parseCodeowners("!x @a\n[ab].txt @a\n/x not-an-owner\n# comment\n\n*.md docs@example.com\n")).toEqual([
    { pattern: "*.md", owners: ["docs@example.com"], line: 6 },
  ]);
});

test("a pattern made to hurt costs nothing", () => {
  const rules = parseCodeowners(`${"**/".repeat(60)}${"*a".repeat(50)} @o`);
  expect(ownerRuleFor(`${"a/".repeat(60)}${"a".repeat(300)}b`, rules)).toBeUndefined();
});
