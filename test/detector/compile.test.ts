import { describe, expect, test } from "vitest";
import { compileDetectors } from "../../src/detector/compile.ts";
import { loadRegexEngine } from "../../src/detector/regex.ts";
import { parseDetectorFile } from "../../src/detector/schema.ts";
import { expandTemplate, seededRandom } from "../../src/detector/template.ts";
import { matchBytes } from "../../src/scan/match.ts";
import { detectorFile } from "../scan/rules.ts";

const engines = ["re2", "re2js"] as const;

describe.each<[string, string, RegExp]>([
  [
    "an unknown checksum",
    "token: 'acme_{alnum:32}'\n    checksum: crc7",
    /'acme-key': unknown checksum 'crc7'; expected one of .*crc32-base62/,
  ],
  [
    "a template without a literal or a word near it",
    "token: '{hex:32}'",
    /'\{hex:32\}' has no literal of 3 bytes; give the words that stand near it/,
  ],
  ["a regex without anchors", "regex: '(?P<secret>[a-z]+)'", /a regex needs anchors/],
  ["look-around", "regex: 'a(?!b)(?P<secret>c+)'\n    anchors: [acme]", /look-around is not linear-time/],
  ["a back-reference", "regex: '(?P<secret>a)\\1'\n    anchors: [acme]", /not RE2 syntax/],
])("%s", (_, rule, expected) => {
  test.each(engines)("is refused with the detector's name on %s", async (name) => {
    const engine = await loadRegexEngine(name);
    await expect(compileDetectors([parseDetectorFile(detectorFile(rule), "acme.yml")], engine)).rejects.toThrow(expected);
  });
});

test("two detectors of one id are refused", async () => {
  const file = parseDetectorFile(detectorFile("token: 'acme_{alnum:32}'"), "acme.yml");
  await expect(compileDetectors([file, file], await loadRegexEngine())).rejects.toThrow(/two detectors have the id 'acme-key'/);
});

/** Whether the value is found in the text, on both engines, which must agree. */
async function found(rule: string, text: string): Promise<boolean> {
  const value = expandTemplate("{alnum:32}", seededRandom(text));
  const answers = await Promise.all(
    engines.map(async (name) => {
      const ruleset = await compileDetectors([parseDetectorFile(detectorFile(rule), "acme.yml")], await loadRegexEngine(name));
      return matchBytes(Buffer.from(text.replace("VALUE", value)), ruleset).some(({ secret }) => secret === value);
    }),
  );
  expect(new Set(answers).size).toBe(1);
  return answers[0] === true;
}

describe("a value behind a name", () => {
  const rule = "assign: { names: [acme_api_key], value: '{alnum:32}' }";

  test.each([
    "ACME_API_KEY=VALUE",
    'export ACME_API_KEY="VALUE"',
    "PROD_ACME_API_KEY: VALUE",
    '"acmeApiKey": "VALUE"',
    "const myAcmeApiKey = 'VALUE';",
    'os.environ["ACME_API_KEY"] = "VALUE"',
    'os.getenv("ACME_API_KEY", "VALUE")',
    'os.environ[\\"ACME_API_KEY\\"] = \\"VALUE\\"\\n',
    "--acme-api-key VALUE",
    "acme.api.key = VALUE",
    "ACME_API_KEY_PROD => 'VALUE'",
    "Acme-Api-Key: Bearer VALUE",
    "fields: acme_api_key := VALUE",
    "line one\\nACME_API_KEY=VALUE\\nline three",
    '- name: ACME_API_KEY\n          value: "VALUE"',
    '{ "name": "ACME_API_KEY", "value": "VALUE" }',
    '<add key="AcmeApiKey" value="VALUE" />',
    "<acmeApiKey>VALUE</acmeApiKey>",
    "| ACME_API_KEY | VALUE |",
    "The acme api key is `VALUE` on staging.",
    "**Acme API key**: VALUE",
    'let acme_api_key: &str = "VALUE";',
    'var AcmeApiKey string = "VALUE"',
    "const acmeApiKey = process.env.ACME_API_KEY ?? 'VALUE'",
    'variable "acme_api_key" {\n  type    = string\n  default = "VALUE"\n}',
  ])("is found in %s", async (text) => expect(await found(rule, text)).toBe(true));

  test.each([
    "VALUE",
    "HEXACME_API_KEY=VALUE",
    "acme_api_key_hash=VALUE",
    "ACME_API_KEY=VALUEx",
    "ACME_API_KEY=xVALUE",
    "ACME_API_KEY=VALUE()",
    "ACME_REGION=eu\nDIGEST=VALUE",
  ])("is not found in %s", async (text) => expect(await found(rule, text)).toBe(false));
});

describe("a value behind a vendor's word and a key-like name", () => {
  const rule = "assign: { vendor: [exa, exa_search], value: '{alnum:32}' }";

  test.each([
    "EXA_API_KEY=VALUE",
    "EXA_SDK_ACCESS_TOKEN=VALUE",
    "exaKey: VALUE",
    "const openExaSearchToken = 'VALUE'",
    "new Exa({ apiKey: 'VALUE' })",
    "exa:\n  url: https://api.acme.io\n  api_key: VALUE",
    '"exa": {\n    "endpoint": "eu",\n    "token": "VALUE"\n  }',
    "curl https://api.exa.ai/search -H 'x-api-key: VALUE'",
    "https://api.exa.ai/search?token=VALUE",
    "EXAAPIKEY=VALUE",
    '[exa]\nurl = "https://api.acme.io"\ntoken = "VALUE"',
    "the key for Exa is VALUE",
  ])("is found in %s", async (text) => expect(await found(rule, text)).toBe(true));

  test.each([
    "HEXA_API_KEY=VALUE",
    "EXACT_KEY=VALUE",
    "exact_token: VALUE",
    "EXA_COMMIT=VALUE",
    "exa:\n  url: x\nother:\n  api_key: VALUE",
    "exa is a search engine\n\n\n\n\n  token: VALUE",
  ])("is not found in %s", async (text) => expect(await found(rule, text)).toBe(false));
});
