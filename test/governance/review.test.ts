import { describe, expect, test } from "vitest";
import { changesSince, type Decision, type Item, judgeDecision, type Snapshot, snapshotHash } from "../../src/governance/review.ts";
import { accountsCsv, entitlementsCsv, parseDecisionsCsv } from "../../src/report/review-feeds.ts";

const snapshot: Snapshot = {
  identity: { id: "agent:acme#triage", kind: "agent", name: "triage", owner: "@mara" },
  access: { kind: "stored", connection: "prod", path: "secret/triage", field: "KEY" },
  permissions: ["crm", "billing"],
  lifetime: "standing",
  authors: ["mara"],
  evidence: ["It is declared."],
};
const item = (change: Partial<Item> = {}): Item => ({
  id: "RI-7F3KX",
  campaign: "RV-2B0X1",
  snapshot,
  hash: snapshotHash(snapshot),
  state: "open",
  decisions: [],
  ...change,
});
const kept = (by: string): Decision => ({ verdict: "keep", by, reason: "used", via: "issue", at: "2026-03-01T10:00:00.000Z" });
const people = { owners: ["@mara", "mara"], securityTeam: ["dana"] };
const unmade: Snapshot = { ...snapshot };
Reflect.deleteProperty(unmade, "authors");

describe("who may decide", () => {
  test.each([
    ["a stranger", item(), { verdict: "deny", by: "dev" }, "refused"],
    ["the owner denies what they made", item(), { verdict: "deny", by: "@Mara" }, "accepted"],
    ["the owner keeps what they made, alone", item(), { verdict: "keep", by: "mara" }, "second-needed"],
    ["the same person twice is not two", item({ decisions: [kept("mara")] }), { verdict: "keep", by: "Mara" }, "second-needed"],
    ["a second person agrees", item({ decisions: [kept("mara")] }), { verdict: "keep", by: "dana" }, "accepted"],
    ["a stranger's earlier word does not count", item({ decisions: [kept("dev")] }), { verdict: "keep", by: "mara" }, "second-needed"],
    [
      "one operator names two people",
      item({ snapshot: unmade, decisions: [{ ...kept("dana"), via: "operator" }] }),
      { verdict: "keep", by: "mara", via: "import" },
      "second-needed",
    ],
    [
      "an operator names one, the other says so on GitHub",
      item({ snapshot: unmade, decisions: [{ ...kept("dana"), via: "operator" }] }),
      { verdict: "keep", by: "mara" },
      "accepted",
    ],
    ["who did not make it needs nobody", item(), { verdict: "keep", by: "dana" }, "accepted"],
    ["nobody knows who made it", item({ snapshot: unmade }), { verdict: "keep", by: "dana" }, "second-needed"],
    [
      "nobody knows who made it, and two agree",
      item({ snapshot: unmade, decisions: [kept("dana")] }),
      { verdict: "keep", by: "mara" },
      "accepted",
    ],
  ] as const)("%s", (_, of, given, expected) => {
    expect(judgeDecision(of, { via: "issue", ...given }, people).state).toBe(expected);
  });

  test("an owner that is an e-mail address may decide as such", () => {
    const owned = { owners: ["mara@acme.example"], securityTeam: [] };
    expect(judgeDecision(item(), { verdict: "deny", by: "mara@acme.example", via: "import" }, owned).state).toBe("accepted");
    expect(judgeDecision(item(), { verdict: "deny", by: "mara", via: "import" }, owned).sentence).toContain("who may: mara@acme.example");
  });
});

test("a snapshot's hash does not depend on the order of its fields, and everything in it counts", () => {
  const { evidence, ...rest } = snapshot;
  expect(snapshotHash({ evidence, ...rest })).toBe(snapshotHash(snapshot));
  expect(snapshotHash({ ...snapshot, lastUsed: "2026-03-01T10:00:00.000Z" })).not.toBe(snapshotHash(snapshot));
});

test("what changes by itself does not spoil a decision; a further permission does", () => {
  expect(changesSince(snapshot, { ...snapshot, lastUsed: "2026-03-01T10:00:00.000Z", permissions: ["billing", "crm"] })).toEqual([]);
  expect(changesSince(snapshot, { ...snapshot, permissions: ["billing", "crm", "payroll"] })).toEqual(["its permissions changed"]);
  expect(changesSince(snapshot, undefined)).toEqual(["the access is no longer there"]);
});

describe("feeds", () => {
  test("an account line for each identity, an entitlement line for each item", () => {
    const items = [item(), item({ id: "RI-7F3KY", snapshot: { ...snapshot, access: { kind: "identity" } } })];
    expect(accountsCsv(items)).toBe(
      "account_id,account_name,account_type,owner,repository,entitlements\r\nagent:acme#triage,triage,agent,'@mara,,2\r\n",
    );
    expect(entitlementsCsv(items).split("\r\n")[1]).toContain(
      `RI-7F3KX,${item().hash},RV-2B0X1,agent:acme#triage,stored,prod:secret/triage#KEY,crm; billing,standing`,
    );
  });

  test("the entitlement feed, filled in and given back, is read as it was meant", () => {
    const [header = "", line = ""] = entitlementsCsv([item()]).split("\r\n");
    const names = header.split(",");
    const cells = line.split(",");
    cells[names.indexOf("decision")] = "Revoke";
    cells[names.indexOf("reviewer")] = "'@mara";
    cells[names.indexOf("reason")] = '"gone, says ""ops"""';
    expect(parseDecisionsCsv(`\uFEFF${header}\n${cells.join(",")}`)).toEqual([
      { item: "RI-7F3KX", hash: item().hash, verdict: "deny", by: "@mara", reason: 'gone, says "ops"' },
    ]);
  });

  test.each([
    ["item_id,decision\nRI-1,keep", /line 1: .*missing: snapshot_hash, reviewer, reason/],
    ["item_id,snapshot_hash,decision,reviewer,reason\nRI-1,ab,maybe,m,r", /line 2: decision: expected keep or deny, got 'maybe'/],
    ["item_id,snapshot_hash,decision,reviewer,reason\nRI-1,,keep,m,r", /line 2: snapshot_hash is empty/],
    ['item_id,snapshot_hash,decision,reviewer,reason\nRI-1,"ab,keep,m,r', /no CSV/],
  ])("a broken file decides nothing: %j", (text, problem) => {
    expect(() => parseDecisionsCsv(text)).toThrow(problem);
  });

  test("lines without a decision are left out", () => {
    expect(parseDecisionsCsv("item_id,snapshot_hash,decision,reviewer,reason\nRI-1,ab,,,\n\n")).toEqual([]);
  });
});
