import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { builtInFiles, isRepositoryDetector, readRepositoryDetectors } from "../../src/config/detectors.ts";
import { repositoryDetectors } from "../../src/config/repository-detectors.ts";
import { compileDetectors } from "../../src/detector/compile.ts";
import { loadRegexEngine } from "../../src/detector/regex.ts";
import { expandTemplate, seededRandom } from "../../src/detector/template.ts";
import { matchBytes } from "../../src/scan/match.ts";
import { detectorFile } from "../scan/rules.ts";
import { temporaryFolder } from "../source/repository.ts";

const path = ".rekey/detectors/acme.yml";
const file = (rule = "token: 'acme_{lowernum:30}'", id = "acme-key") => ({ path, text: detectorFile(rule, { id }) });

test.each([
  [".rekey/detectors/a.yml", true],
  [".rekey/detectors/a.yaml", true],
  [".rekey/detectors/sub/a.yml", false],
  ["x/.rekey/detectors/a.yml", false],
  [".rekey/detectors/a.yml.orig", false],
])("%s holds detectors: %s", (name, expected) => {
  expect(isRepositoryDetector(name)).toBe(expected);
});

test.each([
  ["an unknown key", [{ path, text: `${file().text}\nextra: 1` }], /^\.rekey\/detectors\/acme\.yml:12:1: unknown key 'extra'/],
  ["too many files", Array.from({ length: 21 }, (_, index) => file(undefined, `a-${index}`)), /at most 20 files/],
  ["a large file", [{ path, text: `${file().text}\n${"#".repeat(1 << 19)}` }], /at most 262144 bytes/],
  [
    "too many detectors",
    Array.from({ length: 6 }, (_, number) => {
      const [head = "", one = ""] = file().text.split("detectors:\n");
      const ten = Array.from({ length: 10 }, (__, index) => one.replace("acme-key", `a-${number}-${index}`));
      return { path, text: `${head}detectors:\n${ten.join("\n")}` };
    }),
    /at most 50 detectors/,
  ],
  ["a check", [{ path, text: detectorFile("token: 'acme_{lowernum:30}'\n    check: { probe: acme }") }], /may send a value anywhere/],
  [
    "a detector over a built-in one",
    [{ path, text: detectorFile("token: 'acme_{lowernum:30}'\n    over: [openai-api-key]") }],
    /not a detector of this repository/,
  ],
])("a repository's detectors are refused: %s", (_name, texts, message) => {
  expect(() => repositoryDetectors(texts)).toThrow(message);
});

test("a repository's detector never takes a key from a built-in one", async () => {
  const own = repositoryDetectors([
    { path, text: detectorFile("regex: '(?P<secret>k=sk-or-v1-[0-9a-f]{64};)'\n    anchors: [sk-or-v1-]", { confidence: "high" }) },
  ]);
  const ruleset = await compileDetectors([...(await builtInFiles()), ...own], await loadRegexEngine());
  const text = `k=${expandTemplate("sk-or-v1-{hex:64}", seededRandom("own"))};`;
  expect(matchBytes(Buffer.from(text), ruleset).map(({ rule }) => rule.detector.id)).toEqual(["openrouter-api-key"]);
});

test("read from a working tree: files of it, no links", () => {
  const top = temporaryFolder();
  expect(readRepositoryDetectors(top)).toEqual([]);
  mkdirSync(join(top, ".rekey/detectors"), { recursive: true });
  writeFileSync(join(top, path), file().text);
  writeFileSync(join(top, ".rekey/detectors/notes.md"), "x");
  writeFileSync(join(top, "outside.yml"), "secret: x");
  symlinkSync(join(top, "outside.yml"), join(top, ".rekey/detectors/link.yml"));
  expect(readRepositoryDetectors(top)).toEqual([file()]);
});
