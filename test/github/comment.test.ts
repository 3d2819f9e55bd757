import { expect, test } from "vitest";
import { checkOf } from "../../src/github/check-run.ts";
import { renderComment } from "../../src/github/comment.ts";
import type { IncidentState, IncidentView, PullRequestView } from "../../src/github/view.ts";
import { anthropic } from "../../src/provider/anthropic.ts";
import { planOf } from "../rotation/rig.ts";

const incident: IncidentView = {
  id: "RK-7F3K",
  title: "OpenRouter API key",
  severity: "high",
  confidence: "high",
  state: "live",
  validity: "active",
  identity: { kind: "agent", name: "triage", environment: "staging", owner: "@mara" },
  path: ".mcp.json",
  line: 14,
  commit: "3f2a91c0000000000000000000000000000000000",
  evidence: ["The value stands in a slot."],
  revoke: "https://openrouter.ai/settings/keys",
  approvals: [],
  exposedAt: "2026-11-24T10:00:00.000Z",
  detectedAt: "2026-11-24T10:00:05.000Z",
};

const view = (incidents: readonly IncidentView[], change: Partial<PullRequestView> = {}): PullRequestView => ({
  number: 3,
  headSha: "a".repeat(40),
  disclosure: "full",
  incidents,
  complete: true,
  commits: 2,
  requests: [],
  ...change,
});

test("a pull request without findings has a green check and no comment", () => {
  expect(renderComment(view([]))).toBeUndefined();
  expect(checkOf(view([]))).toMatchObject({ status: "completed", conclusion: "success", title: "No leaked credentials added" });
});

test("a live credential: the whole comment but its list of commands", () => {
  expect(renderComment(view([incident]))?.split("<details><summary>Commands")[0]).toMatchInlineSnapshot(`
    "<!-- rekey:v1 pr=3 -->
    ### Rekey: 1 credential needs rotation

    | | Credential | Belongs to | Where | State |
    |---|---|---|---|---|
    | RK-7F3K | OpenRouter API key | agent **triage** (staging), owner \`@mara\` | \`.mcp.json:14\` (3f2a91c) | **live** |

    Deleting the line or force-pushing does not end the exposure. The check turns green when the old credential is verified dead.

    **RK-7F3K:** Revoke it by hand at https://openrouter.ai/settings/keys, then comment \`/rekey verify RK-7F3K\`.

    <details><summary>RK-7F3K: why we think so</summary>

    - The value stands in a slot.

    </details>

    "
  `);
});

test.each<[IncidentState, string, string]>([
  ["live", "completed", "action_required"],
  ["unverified", "completed", "action_required"],
  ["held", "completed", "action_required"],
  ["rotating", "in_progress", "undefined"],
  ["dead", "completed", "success"],
  ["dead-when-found", "completed", "success"],
  ["false-positive", "completed", "success"],
  ["stated", "completed", "neutral"],
  ["accepted", "completed", "neutral"],
])("the check of a credential that is %s is %s, %s", (state, status, conclusion) => {
  const check = checkOf(view([{ ...incident, state }]));
  expect([check.status, String(check.conclusion)]).toEqual([status, conclusion]);
});

test("a scan that is not complete is never green, also where everything found is dead", () => {
  expect(checkOf(view([], { complete: false, reason: "too large" })).conclusion).toBe("neutral");
  expect(checkOf(view([{ ...incident, state: "dead" }], { complete: false })).conclusion).toBe("neutral");
});

test("a low-confidence finding does not block, unless the key was seen alive", () => {
  expect(checkOf(view([{ ...incident, confidence: "low", state: "unverified", validity: "unknown" }])).conclusion).toBe("neutral");
  expect(checkOf(view([{ ...incident, confidence: "low", validity: "active" }])).conclusion).toBe("action_required");
});

test("in a public repository nothing says whether it works, whose it is, or how to use it", () => {
  const body = renderComment(view([incident], { disclosure: "private" })) ?? "";
  expect(body).toContain("OpenRouter API key");
  for (const word of ["live", "triage", "mara", "staging", "slot"]) expect(body.split("<details><summary>Commands")[0]).not.toContain(word);
  expect(checkOf(view([incident], { disclosure: "private" })).summary).not.toContain("live");
});

test("names that a stranger chose can neither break the markup nor mention anybody", () => {
  const hostile = "x](http://evil) <img src=x onerror=1> @acme/everyone | **b**\n# h \u202e";
  const body =
    renderComment(view([{ ...incident, path: "a`b`|c\n.env", identity: { kind: "agent", name: hostile }, evidence: [hostile] }])) ?? "";
  expect(body).not.toContain("<img");
  expect(body).not.toMatch(/@acme/);
  expect(body).not.toContain("](http");
  expect(body).not.toContain("\u202e");
  expect(body.split("\n").filter((line) => line.startsWith("| RK-"))).toHaveLength(1);
});

test("buttons fit GitHub's limits", () => {
  for (const { label, description, identifier } of checkOf(view([incident])).actions) {
    expect(label.length).toBeLessThanOrEqual(20);
    expect(description.length).toBeLessThanOrEqual(40);
    expect(identifier.length).toBeLessThanOrEqual(20);
  }
});

test("after a rotation the comment says where the new value is and how it is read", () => {
  const dead: IncidentView = {
    ...incident,
    state: "dead",
    deadAt: "2026-11-24T10:04:05.000Z",
    stored: [
      {
        connection: "demo-store",
        path: "secret/agents/triage",
        field: "KEY",
        command: "vault kv get -mount=secret -field=KEY agents/triage",
      },
    ],
  };
  expect(renderComment(view([dead]))).toContain(
    "**RK-7F3K:** The new value is in `demo-store:secret/agents/triage`, field `KEY` (`vault kv get -mount=secret -field=KEY agents/triage`).",
  );
  expect(renderComment(view([dead], { disclosure: "private" }))).not.toContain("vault kv get");
  expect(renderComment(view([{ ...dead, state: "rotating" }]))).not.toContain("vault kv get");
});

test("what would end the leak for good stands with its page as it is, so that it stays a link", () => {
  const page = "https://platform.claude.com/docs/en/api/workload-identity-federation";
  const plan = { ...planOf("apikey_1", { mode: "contain-first" }, "anthropic-key", anthropic), blockers: ["by hand"] };
  expect(renderComment(view([{ ...incident, plan }]))).toMatch(new RegExp(`^For good: replace the key by .*: ${page}$`, "m"));
});
