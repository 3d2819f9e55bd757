import { expect, test } from "vitest";
import { expandTemplate, seededRandom } from "../../src/detector/template.ts";
import { aliasingScan } from "../../src/scan/aliases.ts";
import { suppress } from "../../src/scan/suppress.ts";
import { scopeSalt } from "../../src/secret.ts";
import { detectorFile, rules } from "./rules.ts";

const key = expandTemplate("acme_{lowernum:30}", seededRandom("exceptions"));
const keyring = { tenant: [], salts: [scopeSalt("test")] };

/** What is reported of a text at a place, and what an exception silences. */
async function reported(limits: string, text: string, place: { path?: string; commit?: string } = { path: "src/a.txt" }) {
  const ruleset = await rules([`${detectorFile("token: 'acme_{lowernum:30}'")}\n${limits}`]);
  const { scan, placed } = aliasingScan(ruleset, keyring);
  const found = scan({ bytes: Buffer.from(text), origin: { kind: "file", ...place } });
  const { kept, suppressed } = suppress(found, { ignore: [], baseline: new Set(), today: "2026-01-01", placed });
  return [kept.length, suppressed.map(({ by, reason }) => `${by}: ${reason}`)];
}

const allow = (fields: string) => `allow: [{ reason: known, ${fields} }]`;
const silenced = [0, ["detector: known"]];

test.each([
  ["regexes on the secret", allow("regexes: ['^acme_[a-z0-9]+$']"), `k=${key}`, 0],
  ["regexes on the secret do not see the line", allow("regexes: ['k=']"), `k=${key}`, 1],
  ["regexes on the line", allow("regexes: ['fixture'], target: line"), `k=${key} # fixture`, 0],
  ["regexes on the line do not see the next one", allow("regexes: ['fixture'], target: line"), `k=${key}\n# fixture`, 1],
  ["stopwords, in any case", allow(`stopwords: ['${key.slice(6, 12).toUpperCase()}']`), `k=${key}`, 0],
  ["stopwords stand in the secret, not beside it", allow("stopwords: ['fixture']"), `fixture=${key}`, 1],
  ["of two fields one is enough", allow("regexes: ['^never$'], stopwords: ['acme']"), `k=${key}`, 0],
  ["with all, both must fit", allow("condition: all, regexes: ['^never$'], stopwords: ['acme']"), `k=${key}`, 1],
  ["with all, both fit", allow("condition: all, regexes: ['^acme'], stopwords: ['acme']"), `k=${key}`, 0],
  ["of another detector", "allow: [{ reason: known, detectors: [other], stopwords: ['acme'] }]", `k=${key}`, 1],
])("an exception by value: %s", async (_name, limits, text, count) => {
  expect(await reported(limits, text)).toEqual([count, []]);
});

test.each([
  ["a path", allow("paths: ['^test/']"), { path: "test/a.txt" }, silenced],
  ["another path", allow("paths: ['^test/']"), { path: "src/test/a.txt" }, [1, []]],
  ["a commit, in any case", allow("commits: ['ABCDEF0']"), { path: "a", commit: "abcdef0123" }, silenced],
  ["another commit", allow("commits: ['abcdef0']"), { path: "a", commit: "bcdef01" }, [1, []]],
  ["all: path and value", allow("condition: all, paths: ['^test/'], stopwords: [acme]"), { path: "test/a" }, silenced],
  ["all: path without value", allow("condition: all, paths: ['^test/'], stopwords: [never]"), { path: "test/a" }, [1, []]],
  ["all: value without path", allow("condition: all, paths: ['^test/'], stopwords: [acme]"), { path: "src/a" }, [1, []]],
])("an exception by place: %s", async (_name, limits, place, outcome) => {
  expect(await reported(limits, `k=${key}`, place)).toEqual(outcome);
});

test("a detector with a path sees no other file, and what it does not see is not called silenced", async () => {
  const file = detectorFile("token: 'acme_{lowernum:30}'").replace("severity: high", () => "severity: high\n    path: '\\.env$'");
  const { scan, placed } = aliasingScan(await rules([file]), keyring);
  const at = (path: string) =>
    suppress(scan({ bytes: Buffer.from(key), origin: { kind: "file", path } }), {
      ignore: [],
      baseline: new Set(),
      today: "2026-01-01",
      placed,
    });
  expect([at("a/.env").kept.length, at("a/env.txt").kept.length, at("a/env.txt").suppressed.length]).toEqual([1, 0, 0]);
});

test("keywords may stand anywhere in the file, in any case, but must stand in it", async () => {
  const file = detectorFile("token: 'acme_{lowernum:30}'").replace("severity: high", "severity: high\n    keywords: [Billing]");
  const { scan } = aliasingScan(await rules([file]), keyring);
  const count = (text: string) => scan({ bytes: Buffer.from(text), origin: { kind: "file", path: "a" } }).length;
  expect([count(`BILLING\n${"x\n".repeat(5000)}${key}`), count(`invoices\n${key}`)]).toEqual([1, 0]);
});
