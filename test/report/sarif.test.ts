import { randomInt } from "node:crypto";
import { expect, test } from "vitest";
import { loadRuleset } from "../../src/config/detectors.ts";
import { expandTemplate } from "../../src/detector/template.ts";
import { sarifReport } from "../../src/report/sarif.ts";
import { scan } from "../../src/scan/scan.ts";
import { fingerprintKey, scopeSalt } from "../../src/secret.ts";
import { Tally } from "../../src/source/scanner.ts";
import { complete, finding } from "./finding.ts";

function run(...args: Parameters<typeof sarifReport>) {
  const log = JSON.parse(sarifReport(...args));
  expect(log.version).toBe("2.1.0");
  return log.runs[0];
}

test("a result names rule, place, whose it is and where to revoke it, and holds no text of the file", () => {
  const { results, tool } = run(
    [
      finding({
        identities: [{ id: "x", kind: "agent", name: "triage", relation: "authenticates_as", grade: "confirmed", owner: "@mara" }],
      }),
    ],
    complete,
    "1.2.3",
  );
  expect(tool.driver).toMatchObject({ name: "Rekey", version: "1.2.3" });
  expect(tool.driver.rules).toMatchObject([
    {
      id: "openrouter-api-key",
      helpUri: "https://openrouter.ai/settings/keys",
      help: { text: "Revoke it: https://openrouter.ai/settings/keys" },
    },
  ]);
  expect(results).toEqual([
    {
      ruleId: "openrouter-api-key",
      ruleIndex: 0,
      level: "error",
      message: {
        text: "OpenRouter API key. Authenticates as agent triage, owner @mara (confirmed). Revoke it: https://openrouter.ai/settings/keys",
      },
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: "src/a%20b.env", uriBaseId: "SRCROOT" },
            region: { startLine: 3, startColumn: 5, endLine: 3, endColumn: 78 },
          },
        },
      ],
      partialFingerprints: { "rekeyFinding/v1": "0123456789abcdef", "rekeyCredential/v1": `rs1:11111111:${"B".repeat(43)}` },
      properties: { confidence: "high" },
    },
  ]);
});

test("alerts do not depend on the machine: the tenant's fingerprint does not appear, nor a weak value's committed one", () => {
  const report = sarifReport([finding({ bits: 63 })], complete, "1");
  expect(report).not.toContain("fp1:");
  expect(report).not.toContain("rs1:");
});

test("one rule for many results; results point at theirs", () => {
  const { results, tool } = run(
    [finding({ detector: "b" }), finding({ detector: "a", id: "1" }), finding({ detector: "b", id: "2" })],
    complete,
    "1",
  );
  expect(tool.driver.rules.map(({ id }: { id: string }) => id)).toEqual(["a", "b"]);
  for (const { ruleId, ruleIndex } of results) expect(tool.driver.rules[ruleIndex].id).toBe(ruleId);
});

test("a finding outside files has a logical place too; an incomplete scan is no successful execution", () => {
  const location = { kind: "commit-message", startLine: 1, startColumn: 1, endLine: 1, endColumn: 9, commit: "c".repeat(40) } as const;
  const { results, invocations } = run(
    [finding({ location })],
    { ...complete, complete: false, skipped: [{ path: "x", reason: "y" }] },
    "1",
  );
  expect(results[0].locations).toMatchObject([
    { logicalLocations: [{ name: "commit-message", kind: "resource" }], physicalLocation: { artifactLocation: { uri: "commit-message" } } },
  ]);
  expect(invocations).toEqual([{ executionSuccessful: false, toolExecutionNotifications: [{ level: "note", message: { text: "x: y" } }] }]);
});

test("a value that moves keeps its fingerprints: other lines, another indentation, a second copy, another machine's key", async () => {
  const key = expandTemplate("sk-or-v1-{hex:64}", (below) => randomInt(below));
  const ruleset = await loadRuleset();
  const fingerprints = (text: string, tenant: number) => {
    const keyring = { tenant: [fingerprintKey(Buffer.alloc(32, tenant))], salts: [scopeSalt("github.com/acme/app")] };
    const tally = new Tally({ scan: (document) => scan(document, ruleset, keyring) });
    const found = tally.read({ bytes: Buffer.from(text), origin: { kind: "file", path: "a.env" } });
    const { results } = run(found, tally.stats(), "1");
    return results.map((result: { partialFingerprints: unknown; locations: unknown }) => [result.partialFingerprints, result.locations]);
  };
  const [[before, placed]] = fingerprints(`KEY=${key}\n`, 1);
  for (const text of [`# a\n# b\nKEY=${key}\n`, `\t  KEY=${key}`, `KEY=${key}\nOTHER=${key}\n`, `export KEY="${key}" # moved`]) {
    const all = fingerprints(text, 2);
    expect(all).toHaveLength(1);
    expect(all[0][0]).toEqual(before);
    if (!text.startsWith("KEY")) expect(all[0][1]).not.toEqual(placed);
  }
  const other = expandTemplate("sk-or-v1-{hex:64}", (below) => randomInt(below));
  expect(fingerprints(`KEY=${other}\n`, 1)[0][0]).not.toEqual(before);
});
