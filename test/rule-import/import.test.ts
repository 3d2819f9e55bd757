import { expect, test } from "vitest";
import { parse } from "yaml";
import { builtInFiles } from "../../src/config/detectors.ts";
import type { Claims } from "../../src/detector/check.ts";
import { checkExamples, checkRawText } from "../../src/detector/check.ts";
import { compileDetectors } from "../../src/detector/compile.ts";
import { lazily, loadRegexEngine } from "../../src/detector/regex.ts";
import { type DetectorFile, parseDetectorFile } from "../../src/detector/schema.ts";
import { expandTemplate, seededRandom } from "../../src/detector/template.ts";
import { ConfigError } from "../../src/errors.ts";
import { importRules } from "../../src/rule-import/import.ts";
import { entropy } from "../../src/scan/entropy.ts";
import { matchBytes } from "../../src/scan/match.ts";

const engine = await loadRegexEngine();

async function claimsOf(file: DetectorFile): Promise<Claims> {
  const ruleset = await compileDetectors([...(await builtInFiles()), file], lazily(engine));
  return (text) =>
    matchBytes(Buffer.from(text), ruleset).map(({ rule, candidates, secret }) => ({ detector: rule.detector.id, candidates, secret }));
}

function imported(text: string, others: Readonly<Record<string, string>> = {}) {
  return importRules(text, {
    file: "rules.toml",
    name: "own",
    syntaxError(source) {
      try {
        engine.compile(source);
        return undefined;
      } catch (error) {
        return String(error);
      }
    },
    readExtended(path) {
      const extended = others[path];
      if (extended === undefined) throw new ConfigError("no such file", { file: path });
      return { file: path, text: extended };
    },
    claimsOf,
  });
}

const rule = (...lines: string[]) => ["[[rules]]", 'id = "one"', ...lines].join("\n");
const acme = `regex = '''acme[ =:]{1,3}["']?([a-z0-9]{32})["';\\s]'''\nkeywords = ["ACME"]`;

test("a rule becomes a detector that proves itself", async () => {
  const { yaml = "", imported: names, rejected, changed } = await imported(rule('description = "Acme key. Old."', acme, "entropy = 3.2"));
  expect([names, rejected, changed]).toEqual([["one"], [], []]);
  const file = parseDetectorFile(yaml, "own.yml");
  expect(file.detectors[0]).toMatchObject({
    id: "own-one",
    name: "Acme key",
    anchors: ["acme"],
    boundary: "none",
    confidence: "medium",
  });
  expect(file.detectors[0]?.entropy).toBeGreaterThan(3.2);
  const claims = await claimsOf(file);
  expect([...checkExamples(file, claims), ...checkRawText("own.yml", yaml, claims)]).toEqual([]);
});

test.each([
  ["look-around", "regex = '''foo(?=bar)'''", 3, /linear/],
  ["not RE2", "regex = '''foo(bar'''", 3, /not RE2 syntax/],
  ["a path alone", "path = '''\\.p12$'''", 3, /not files/],
  ["neither regex nor path", 'description = "changes another"', 3, /neither regex nor path/],
  ["several rules in one", `${acme}\n[[rules.required]]\nid = "two"`, 3, /several rules/],
  ["an auxiliary rule", `${acme}\nskipReport = true`, 3, /several/],
  ["nothing to look for", "regex = '''[0-9a-f]{64}'''", 3, /every byte/],
  ["a keyword too short", "regex = '''[0-9a-f]{64}'''\nkeywords = ['ab']", 3, /fewer/],
  ["a secret in one of two groups", "regex = '''left-(\\w{10})|right-(\\w{10})'''", 3, /set secretGroup/],
  ["a group that is not there", "regex = '''left-(\\w{10})'''\nsecretGroup = 2", 3, /has 1 groups/],
  ["an unknown field", `${acme}\ncolour = "red"`, 7, /colour: the format has no such field/],
  ["a field of the wrong type", `${acme}\nentropy = "high"`, 7, /entropy/],
  ["both forms of allowlist", `${acme}\n[rules.allowlist]\nstopwords=["a"]\n[[rules.allowlists]]\nstopwords=["a"]`, 3, /one of them/],
  ["letters outside of ASCII", "regex = '''schlüssel=(\\w{10})'''", 3, /ASCII/],
])("what cannot be imported is listed with its line: %s", async (_name, lines, line, reason) => {
  const { rejected, yaml } = await imported(`# rules\n\n${rule(lines)}`);
  expect(yaml).toBeUndefined();
  expect(rejected).toHaveLength(1);
  expect(rejected[0]).toMatchObject({ file: "rules.toml", rule: "one" });
  expect(rejected[0]?.reason).toMatch(reason);
  expect(rejected[0]?.line).toBe(line);
});

test("a built-in detector that finds the same is named instead", async () => {
  const { covered, imported: names } = await imported(rule("regex = '''sk-or-v1-[0-9a-f]{64}'''", "keywords = ['sk-or-v1-']"));
  expect([names, covered]).toEqual([
    [],
    [{ file: "rules.toml", line: 1, rule: "one", reason: "'openrouter-api-key' finds what it finds" }],
  ]);
});

test("what is not evaluated is said, and lowers the confidence", async () => {
  const { file, changed } = await imported(rule(acme, "filter = '''entropy(finding.secret) < 3'''", "validate = '''http.get()'''"));
  expect(file?.detectors[0]?.confidence).toBe("low");
  expect(changed.map(({ reason }) => reason)).toEqual([expect.stringMatching(/filter/), expect.stringMatching(/validate/)]);
});

test("exceptions of a rule, of all rules and of named ones", async () => {
  const text = `${rule(acme, "[[rules.allowlists]]", "condition = '&&'", "regexTarget = 'line'", "regexes = ['fixture']", "stopwords = ['ABC']")}
[[rules]]
id = "two"
regex = '''zork-([0-9a-z]{30})'''
[[allowlists]]
paths = ['''^a|b|c$''']
[[allowlists]]
targetRules = ["two", "gone"]
commits = ["0123456789abcdef0123456789abcdef01234567"]
`;
  const { file, changed, rejected } = await imported(text);
  expect(rejected).toEqual([]);
  expect(file?.detectors[0]?.allow).toEqual([
    { reason: expect.any(String), condition: "all", target: "line", regexes: ["fixture"], stopwords: ["ABC"] },
  ]);
  expect(file?.allow).toEqual([
    { reason: expect.any(String), condition: "any", target: "secret", paths: ["^(?:a|b|c)$"] },
    { reason: expect.any(String), condition: "any", target: "secret", commits: [expect.any(String)], detectors: ["own-two"] },
  ]);
  expect(changed).toMatchObject([{ rule: "(allowlist)", reason: expect.stringContaining("^(?:a|b)$") }]);
});

test("an exception that is no expression is left out and said; its rule stays", async () => {
  const { imported: names, changed } = await imported(rule(acme, "[[rules.allowlists]]", "regexes = ['(']"));
  expect([names, changed.map(({ reason }) => reason)]).toEqual([["one"], [expect.stringContaining("left out")]]);
});

test("files that extend others: fields are replaced, lists appended, rules switched off, circles refused", async () => {
  const base = `${rule(acme, "entropy = 1.0")}\n[[rules]]\nid = "off"\nregex = '''zork-([0-9a-z]{30})'''\n`;
  const text = `[extend]\npath = "base.toml"\ndisabledRules = ["off"]\n${rule("entropy = 3.0", "keywords = ['second']")}`;
  const { file, imported: names } = await imported(text, { "base.toml": base });
  expect(names).toEqual(["one"]);
  expect(file?.detectors[0]?.entropy).toBeGreaterThan(3);
  const circle = `[extend]\npath = "rules.toml"\n${rule(acme)}`;
  await expect(imported(circle, { "rules.toml": circle })).rejects.toThrow("rules.toml:1: files extend each other more than 2 times");
  const { rejected } = await imported(`[extend]\nuseDefault = true\n${rule(acme)}`);
  expect(rejected).toEqual([{ file: "rules.toml", line: 1, rule: "(extend)", reason: expect.stringContaining("useDefault") }]);
});

test("text that is no TOML is refused with its line and without a word of it", async () => {
  const key = expandTemplate("sk-or-v1-{hex:64}", seededRandom("toml"));
  const failure = await imported(`title = "x"\nbad = ${key}`).catch((error: Error) => error);
  expect(failure).toBeInstanceOf(ConfigError);
  expect(failure).toMatchObject({ line: 2 });
  expect(String(failure)).not.toContain(key);
});

test("a licence at the head of the file stays with the rules", async () => {
  const { yaml = "" } = await imported(`# Copyright Some Org\n# MIT\n\n${rule(acme)}`);
  expect(yaml).toContain("\n# Copyright Some Org\n# MIT\n");
  expect(parse(yaml)).toHaveProperty("provider", "own");
});

/** The format's own order, on text of one fragment: keyword, expression, group, entropy, exceptions. */
function oracle(text: string): string[] {
  if (!/acme|zork/i.test(text)) return [];
  return [...text.matchAll(/(?:acme|zork)\w{0,8}[ =:]{1,3}["']?([a-zA-Z0-9]{16,24})(?:["';\s]|$)/gi)]
    .map((match) => match[1] ?? "")
    .filter((secret) => entropy(secret) > 3.4 && !/^a/i.test(secret) && !secret.toLowerCase().includes("q7"));
}

test("finds what the format says, on generated text", async () => {
  const { file } = await imported(
    rule(
      `regex = '''(?i)(?:acme|zork)\\w{0,8}[ =:]{1,3}["']?([a-z0-9]{16,24})(?:["';\\s]|$)'''`,
      "entropy = 3.4",
      "keywords = ['acme', 'zork']",
      "[[rules.allowlists]]",
      "regexes = ['(?i)^a']",
      "stopwords = ['q7']",
    ),
  );
  const claims = await claimsOf(file as DetectorFile);
  const random = seededRandom("oracle");
  const pick = <T>(items: readonly T[]): T => items[random(items.length)] as T;
  let found = 0;
  for (let run = 0; run < 300; run++) {
    const lines = Array.from({ length: 5 }, () => {
      const value = expandTemplate(pick(["{alnum:16..26}", "a{lowernum:18}", "{lower:4}q7{alnum:12}", "{digits:18}"]), random);
      return `${pick(["", "x ", "MY_"])}${pick(["acme", "ZORK", "acne", "zork_key"])}${pick(["=", ": ", " = ", "=="])}${pick(['"', "", "'"])}${value}${pick(['"', "'", ";", "", "-"])}`;
    });
    const expected = lines.flatMap(oracle);
    const got = claims(lines.join("\n")).flatMap(({ detector, secret }) => (detector === "own-one" ? [secret] : []));
    expect(got).toEqual(expected);
    found += expected.length;
  }
  expect(found).toBeGreaterThan(200);
});
