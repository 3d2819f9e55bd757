import { expect, test } from "vitest";
import type { Grade } from "../../src/finding.ts";
import { parseIdentitiesFile } from "../../src/identity/declared.ts";
import { honeytokenOf } from "../../src/identity/honeytoken.ts";
import { finding } from "../report/finding.ts";

const declared = parseIdentitiesFile(
  `version: 1
identities:
  - { kind: agent, name: bait, credentials: [ { detector: openrouter-api-key, honeytoken: true } ] }
  - { kind: agent, name: triage, credentials: [ { detector: openrouter-api-key } ] }
honeytokens:
  - { fingerprint: 'fp1:00000000:${"C".repeat(43)}' }
  - { aws_account: '123456789012' }
  - { host: bait.corp.example }
`,
  ".rekey/identities.yml",
);

test.each([
  ["an account of a maker of canary tokens", { attributes: { account_id: "595918472158" } }],
  ["a server of canary tokens", { attributes: { host: "x1.canarytokens.com" } }],
  ["a declared value", { fingerprint: `fp1:00000000:${"C".repeat(43)}` }],
  ["a declared account", { attributes: { account_id: "123456789012" } }],
  ["a server below a declared one", { attributes: { host: "db1.BAIT.corp.example" } }],
])("%s is bait", (_, changes) => {
  expect(honeytokenOf(finding(changes), declared)).toEqual({ sure: true, text: expect.stringMatching(/raises an alarm/) });
});

test.each([
  ["another account", { attributes: { account_id: "595918472157" } }],
  ["a host that only ends alike", { attributes: { host: "notcanarytokens.com" } }],
  ["another value", { fingerprint: `fp1:00000000:${"D".repeat(43)}` }],
])("%s is not", (_, changes) => {
  expect(honeytokenOf(finding(changes), declared)).toBeUndefined();
});

test("a credential of an identity whose credential of that type is a honeytoken is bait, or may be; that of another identity is not", () => {
  const of = (name: string, grade: Grade) =>
    finding({ identities: [{ id: `agent:.#.rekey/identities.yml#${name}`, kind: "agent", name, relation: "authenticates_as", grade }] });
  expect(honeytokenOf(of("bait", "strong"), declared)).toMatchObject({ sure: true });
  expect(honeytokenOf(of("bait", "moderate"), declared)).toMatchObject({
    sure: false,
    text: expect.stringContaining("agent bait, which this may be"),
  });
  expect(honeytokenOf(of("triage", "strong"), declared)).toBeUndefined();
  expect(honeytokenOf({ ...of("bait", "strong"), detector: "xai-api-key" }, declared)).toBeUndefined();
});
