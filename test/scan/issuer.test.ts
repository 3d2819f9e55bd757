import { beforeAll, expect, test } from "vitest";
import type { Ruleset } from "../../src/detector/compile.ts";
import { expandTemplate, seededRandom } from "../../src/detector/template.ts";
import { matchBytes } from "../../src/scan/match.ts";
import { detectorFile, rules } from "./rules.ts";

const random = seededRandom("issuer");
const right = expandTemplate("{alnum:32}", random);
const short = right.slice(1);
let ruleset: Ruleset;

beforeAll(async () => {
  ruleset = await rules([
    detectorFile("assign: { names: [api_key, token], value: '{b64url:20..80}' }\n    fallback: true\n    without_issuer: true", {
      id: "any-secret",
      confidence: "low",
    }),
    detectorFile("assign: { vendor: [exampla], value: '{alnum:32}' }", { id: "exampla-key" }),
    detectorFile("token: 'gz_{alnum:40}'", { id: "gizmo-key" }),
  ]);
});

const claims = (text: string) => matchBytes(Buffer.from(text), ruleset).map(({ rule }) => rule.detector.id);

test.each([
  `curl -H "X-Api-Key: ${right}" https://api.exampla.io/v1`,
  `exampla: { "url": "https://x.io", "api_key": "${right}" }`,
  `GET https://api.exampla.io/v1\nApi-Key: ${right}`,
])("a value of the named vendor's format goes to it: %s", (text) => expect(claims(text)).toEqual(["exampla-key"]));

test("a hash beside the vendor in a table is its key only in a column of keys", async () => {
  const hashes = await rules([detectorFile("assign: { vendor: [exampla], value: '{hex:40}' }", { id: "exampla-key" })]);
  const hash = expandTemplate("{hex:40}", random);
  const table = (heading: string) => `| service | ${heading} | note |\n|---|---|---|\n| Other | x | y |\n| Exampla | ${hash} | z |\n`;
  const found = (text: string) => matchBytes(Buffer.from(text), hashes).length;
  expect([found(table("API key")), found(table("commit")), found(`| Exampla | ${hash} |\n`)]).toEqual([1, 0, 0]);
});

test("a client of an imported SDK is the vendor's, for a value of its format only", () => {
  const client = (value: string) => `from exampla import Client\n\nclient = Client(\n    api_key="${value}",\n)\n`;
  expect(claims(client(right))).toEqual(["exampla-key"]);
  expect(claims(client(short))).toEqual(["any-secret"]);
});

test.each([
  `EXAMPLA_API_KEY=${short}`,
  `curl -H "X-Api-Key: ${short}" https://api.exampla.io/v1`,
  `api_key=gz_${short}`,
  `api_key=GZ-${short}`,
])("a value that has not the format of the vendor beside it is nobody's: %s", (text) => expect(claims(text)).toEqual([]));

test("a vendor on another line says nothing", () => {
  expect(claims(`EXAMPLA_REGION=eu\nWIDGET_API_KEY=${short}\nEXAMPLA_TIER=2`)).toEqual(["any-secret"]);
});
