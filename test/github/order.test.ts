import { expect, test } from "vitest";
import { orderLines } from "../../src/github/order.ts";
import type { IncidentView } from "../../src/github/view.ts";
import type { Plan } from "../../src/playbook/plan.ts";

const one = (id: string, change: Partial<IncidentView> = {}): IncidentView => ({
  id,
  title: "OpenRouter API key",
  severity: "high",
  confidence: "high",
  state: "live",
  validity: "active",
  evidence: [],
  revoke: "https://openrouter.ai/settings/keys",
  approvals: [],
  exposedAt: "2026-11-24T10:00:00.000Z",
  detectedAt: "2026-11-24T10:00:05.000Z",
  ...change,
});
const used = { facts: { usage: { answer: "unknown-use", sentence: "" } } } as unknown as Plan;
const staging = { kind: "agent", name: "triage", environment: "staging" } as const;
const production = { kind: "agent", name: "billing" } as const;

test("what strangers use comes first, then what lives, then by severity, production and age", () => {
  const lines = orderLines([
    one("RK-1", { state: "unverified", validity: "unknown", severity: "critical" }),
    one("RK-2", { severity: "low", plan: used }),
    one("RK-3", { severity: "medium" }),
    one("RK-4", { identity: staging }),
    one("RK-5", { identity: production }),
    one("RK-6", { exposedAt: "2026-11-24T09:00:00.000Z", identity: staging }),
    one("RK-7", { state: "held", validity: "unknown" }),
  ]);
  expect(lines).toEqual([
    "**In this order:**",
    "",
    "1. RK-2: used by somebody unknown, live, low",
    "2. RK-5: live, high, production",
    "3. RK-6: live, high, staging",
    "4. RK-4: live, high, staging",
    "5. RK-3: live, medium",
    "6. RK-1: not verified, critical",
    "7. RK-7: its rotation waits for a person, high",
    "",
  ]);
});

test("one that waits needs no order, nor does what is rotating, dead or accepted", () => {
  const others = (["rotating", "dead", "accepted", "stated"] as const).map((state, index) => one(`RK-${index + 2}`, { state }));
  expect(orderLines([one("RK-1"), ...others])).toEqual([]);
});

test("a long list is cut, and says so", () => {
  const lines = orderLines(Array.from({ length: 30 }, (_, index) => one(`RK-${index}`)));
  expect(lines.at(-2)).toBe("11. 20 more, as the table lists them");
});
