import { beforeAll, describe, expect, test } from "vitest";
import { bruteForce } from "../../bench/differential.ts";
import { builtInDetectors, loadRuleset, readDetectorFolder } from "../../src/config/detectors.ts";
import { expandExample } from "../../src/detector/check.ts";
import type { Ruleset } from "../../src/detector/compile.ts";
import { parseDetectorFile } from "../../src/detector/schema.ts";
import { expandTemplate, seededRandom } from "../../src/detector/template.ts";
import { matchBytes } from "../../src/scan/match.ts";
import { detectorFile, rules } from "./rules.ts";

const random = seededRandom("match");
const make = (template: string) => expandTemplate(template, random);
const matches = (text: string, ruleset: Ruleset) => matchBytes(Buffer.from(text), ruleset);

describe("a token is not a piece of a longer one", () => {
  let ruleset: Ruleset;
  const token = make("acme_{b64url:21}Z");
  beforeAll(async () => {
    ruleset = await rules([detectorFile("token: 'acme_{b64url:22}'")]);
  });

  test.each([`${token}`, `K=${token}\n`, `"${token}"`, `(${token})`, `https://x/?k=${token}&y`, `"a\\n${token}\\n"`, `k%3D${token}`])(
    "it is found in %s",
    (text) => expect(matches(text, ruleset).map(({ secret }) => secret)).toEqual([token]),
  );

  test.each([`x${token}`, `${token}A`, `${token}_`, `${token}-x`, token.slice(0, -1)])("it is not found in %s", (text) =>
    expect(matches(text, ruleset)).toEqual([]),
  );
});

test("one secret that two rules of one detector find is one match, the longest", async () => {
  const ruleset = await rules([detectorFile("token: ['acme_{alnum:16}', 'acme_{alnum:16}.{hex:32}']")]);
  const token = make("acme_{alnum:16}.{hex:32}");
  expect(matches(`K=${token}`, ruleset).map(({ secret }) => secret)).toEqual([token]);
});

describe("which detector gets a text", () => {
  const token = make("acme_{alnum:32}");

  test("the declared one, though its confidence is lower", async () => {
    const plain = detectorFile("token: 'acme_{alnum:32}'", { id: "plain", confidence: "high" });
    const over = detectorFile("token: 'acme_{alnum:32}'\n    over: [plain]\n    near: [special]", { id: "special" });
    const ruleset = await rules([plain, over]);
    expect(matches(`special ${token}`, ruleset).map(({ rule }) => rule.detector.id)).toEqual(["special"]);
    expect(matches(`other ${token}`, ruleset).map(({ rule }) => rule.detector.id)).toEqual(["plain"]);
  });

  test("the more confident one otherwise", async () => {
    const ruleset = await rules([
      detectorFile("token: 'acme_{alnum:32}'", { id: "a-low", confidence: "low" }),
      detectorFile("token: 'acme_{alnum:32}'", { id: "b-high", confidence: "high" }),
    ]);
    expect(matches(token, ruleset)).toMatchObject([{ rule: { detector: { id: "b-high" } }, candidates: [] }]);
  });

  test("a fallback never, while another claims it", async () => {
    const ruleset = await rules([
      detectorFile("token: 'acme_{alnum:32}'\n    fallback: true", { id: "any", confidence: "high" }),
      detectorFile("token: 'acme_{alnum:32}'", { id: "vendor", confidence: "low" }),
    ]);
    expect(matches(token, ruleset)).toMatchObject([{ rule: { detector: { id: "vendor" } }, candidates: [] }]);
  });

  test("both as candidates where nothing decides", async () => {
    const ruleset = await rules([
      detectorFile("token: 'acme_{alnum:32}'", { id: "one" }),
      detectorFile("token: 'acme_{alnum:32}'", { id: "two" }),
    ]);
    expect(matches(token, ruleset)).toMatchObject([{ candidates: ["one", "two"] }]);
  });
});

describe("a composite credential", () => {
  let ruleset: Ruleset;
  beforeAll(async () => {
    const parts = [
      "parts:",
      "      id: { token: 'AKEY{uppernum:12}', secret: false, subject: true }",
      "      secret: { assign: { names: [secret], value: '{alnum:32}' } }",
      "    within: 2",
    ].join("\n");
    ruleset = await rules([detectorFile(parts)]);
  });
  const [id, other, secret] = [make("AKEY{uppernum:12}"), make("AKEY{uppernum:12}"), make("{alnum:32}")];

  test("is the secret, with the id as its subject, in either order", () => {
    for (const text of [`id: ${id}\nsecret: ${secret}`, `secret: ${secret}\nid: ${id}`])
      expect(matches(text, ruleset)).toMatchObject([{ secret, subject: id, attributes: { id } }]);
  });

  test("takes the nearest id", () => {
    expect(matches(`id: ${other}\n\nid: ${id}\nsecret: ${secret}`, ruleset)).toMatchObject([{ subject: id }]);
  });

  test("is nothing with one half, or with the halves too far apart", () => {
    expect(matches(`id: ${id}`, ruleset)).toEqual([]);
    expect(matches(`secret: ${secret}`, ruleset)).toEqual([]);
    expect(matches(`id: ${id}\n\n\nsecret: ${secret}`, ruleset)).toEqual([]);
  });
});

test("a wrong checksum lowers the confidence and hides nothing", async () => {
  const ruleset = await rules([detectorFile("token: 'acme_{alnum:30}{base62:6}'\n    checksum: crc32-base62", { confidence: "high" })]);
  expect(matches(make("acme_{alnum:36}"), ruleset)).toMatchObject([{ checksum: "invalid", confidence: "low" }]);
});

test("named groups but the secret are attributes, the declared ones the subject", async () => {
  const ruleset = await rules([
    detectorFile(
      "regex: 'acme://(?P<user>[a-z]+):(?P<secret>[A-Za-z0-9]+)@(?P<host>[a-z.]+)'\n    anchors: ['acme://']\n    subject: [user, host]",
    ),
  ]);
  const secret = make("{alnum:20}");
  expect(matches(`url=acme://svc:${secret}@db.acme.io/x`, ruleset)).toMatchObject([
    { secret, subject: "svc/db.acme.io", attributes: { user: "svc", host: "db.acme.io" } },
  ]);
});

describe("the search by anchors", () => {
  const samples = readDetectorFolder(builtInDetectors)
    .flatMap(({ path, text }) => parseDetectorFile(text, path).detectors)
    .flatMap(({ id, examples }) =>
      [...examples.match, ...examples.no_match].map((example, index) => expandExample(example, `${id}/differential/${index}`).text),
    );
  const shuffle = (seed: string) => {
    const next = seededRandom(seed);
    return samples.map((text) => ({ text, order: next(1 << 30) })).toSorted((a, b) => a.order - b.order);
  };

  test.each(["re2", "re2js"] as const)(
    "finds on %s what running every pattern over the whole text finds",
    async (engine) => {
      const ruleset = await loadRuleset({ engine });
      const brute = bruteForce(ruleset);
      const show = (rule: Ruleset, text: string) =>
        matches(text, rule).map((match) => `${match.rule.detector.id} at ${match.start}-${match.end}`);
      // groups of samples, so that the brute force stays affordable and neighbours differ
      const all = shuffle(engine).slice(0, engine === "re2" ? undefined : 300);
      for (let at = 0; at < all.length; at += 60) {
        const text = all
          .slice(at, at + 60)
          .map((entry) => entry.text)
          .join("\n\n\n\n\n\n\n\n");
        expect(show(ruleset, text)).toEqual(show(brute, text));
      }
    },
    120_000,
  );
});
