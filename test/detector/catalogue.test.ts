import { basename } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { builtInDetectors, loadRuleset, readDetectorFolder } from "../../src/config/detectors.ts";
import { type Claims, checkExamples, checkRawText, expandExample } from "../../src/detector/check.ts";
import type { Ruleset } from "../../src/detector/compile.ts";
import { parseDetectorFile } from "../../src/detector/schema.ts";
import { matchBytes } from "../../src/scan/match.ts";

const files = readDetectorFolder(builtInDetectors).map(({ path, text }) => ({ path, text, file: parseDetectorFile(text, path) }));

function claimsOf(ruleset: Ruleset): Claims {
  return (text) =>
    matchBytes(Buffer.from(text), ruleset).map(({ rule, candidates, secret }) => ({
      detector: rule.detector.id,
      candidates,
      secret: Buffer.from(secret, "latin1").toString(),
    }));
}

test("the native engine is the one that is loaded", async () => {
  expect((await loadRuleset()).engine).toBe("re2");
});

describe.each(["re2", "re2js"] as const)("the built-in detectors on %s", (engine) => {
  let ruleset: Ruleset;
  beforeAll(async () => {
    ruleset = await loadRuleset({ engine, prove: true });
  });

  test("prove themselves by their own examples", () => {
    expect(ruleset.engine).toBe(engine);
    expect(files.flatMap(({ file }) => checkExamples(file, claimsOf(ruleset)))).toEqual([]);
  });

  test("have no example that another detector takes or shares", () => {
    const taken = files.flatMap(({ file }) =>
      file.detectors.flatMap((detector) =>
        detector.examples.match.flatMap((example, index) => {
          const { text, secret } = expandExample(example, `${detector.id}/match/${index}`);
          const claim = claimsOf(ruleset)(text).find((entry) => entry.secret === secret);
          return claim?.detector === detector.id && claim.candidates.length === (detector.candidates ?? []).length
            ? []
            : [`${detector.id}: ${claim?.detector ?? "nobody"}`];
        }),
      ),
    );
    expect(taken).toEqual([]);
  });
});

test("no detector file looks like a key to our own detectors", async () => {
  const claims = claimsOf(await loadRuleset());
  expect(files.flatMap(({ path, text }) => checkRawText(path, text, claims))).toEqual([]);
});

test("a file is named for its provider, and every detector says where such a key is revoked and from whom the facts come", () => {
  expect(files.filter(({ path, file }) => basename(path, ".yml") !== file.provider).map(({ path }) => path)).toEqual([]);
  expect(files.filter(({ file }) => file.references.some((url) => !url.startsWith("https://"))).map(({ path }) => path)).toEqual([]);
});

test("precedence names detectors that exist", () => {
  const ids = new Set(files.flatMap(({ file }) => file.detectors.map(({ id }) => id)));
  const unknown = files.flatMap(({ file }) =>
    file.detectors.flatMap(({ id, over }) => over.filter((other) => !ids.has(other)).map((other) => `${id} over ${other}`)),
  );
  expect(unknown).toEqual([]);
});

test("a value without a prefix is never found bare: its detector asks for a name or for words near it", () => {
  const bare = files.flatMap(({ file }) =>
    file.detectors.flatMap((detector) =>
      (detector.token ?? [])
        .filter((template) => template.replace(/\{[^{}]*\}/g, "").length < 3 && detector.near === undefined)
        .map(() => detector.id),
    ),
  );
  expect(bare).toEqual([]);
});
