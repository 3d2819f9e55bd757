import { expect, test } from "vitest";
import { chainOf } from "../../src/incident/chain.ts";
import type { IncidentFacts } from "../../src/incident/fold.ts";

const day = 86_400_000;

interface Made {
  kind?: IncidentFacts["kind"];
  on?: string;
  grade?: string;
  day?: number;
  owner?: string;
  severity?: IncidentFacts["severity"];
  resolution?: IncidentFacts["resolution"];
  uses?: string;
}

function made(
  id: string,
  { kind, on = "agent:bot", grade = "confirmed", day: at = 0, owner, severity = "high", resolution, uses }: Made = {},
): IncidentFacts {
  const when = new Date(Date.UTC(2026, 0, 1) + at * day).toISOString();
  return {
    id,
    ...(kind === undefined ? {} : { kind }),
    credential: { fingerprint: id, detector: kind ?? "openrouter-api-key", title: id },
    severity,
    state: resolution === undefined ? "open" : "resolved",
    ...(resolution === undefined ? {} : { resolution }),
    clock: { exposed: when, detected: when },
    validity: "unknown",
    preExisting: false,
    identities: [{ id: on, kind: "agent", name: "bot", grade, ...(owner === undefined ? {} : { owner }) }],
    ...(uses === undefined ? {} : { usedCredential: { incident: uses, method: "key-hash", evidence: "" } }),
    reopened: [],
    seq: 1,
  };
}

const ids = (incident: IncidentFacts, ...others: IncidentFacts[]) => {
  const { merged, possible } = chainOf(incident, [incident, ...others], 7 * day);
  return { merged: merged.map((link) => link.incident), possible: possible.map((link) => `${link.incident} ${link.grade}`) };
};

test("a leaked key and an injection on one identity are one matter, seen from both, with one owner and the worst severity", () => {
  const leak = made("leak", { owner: "@mara", severity: "high" });
  const injection = made("injection", { kind: "prompt-injection", severity: "critical", day: 2 });
  for (const [one, other] of [
    [leak, injection],
    [injection, leak],
  ] as const) {
    const chain = chainOf(one, [leak, injection], 7 * day);
    expect(chain).toMatchObject({ merged: [{ incident: other.id }], possible: [], owner: "@mara", severity: "critical" });
  }
});

test.each([
  ["two leaked keys", made("b")],
  ["a runtime event of another identity", made("b", { kind: "data-leakage", on: "agent:other" })],
  ["one after the window", made("b", { kind: "data-leakage", day: 7.1 })],
  ["one before the window", made("b", { kind: "data-leakage", day: -7.1 })],
  ["a false alarm", made("b", { kind: "data-leakage", resolution: "false_positive" })],
])("%s is no chain", (_what, other) => {
  expect(ids(made("a"), other)).toEqual({ merged: [], possible: [] });
});

test("what one side only says is possible, and changes neither owner nor severity", () => {
  const leak = made("leak", { severity: "low" });
  const said = made("said", { kind: "prompt-injection", grade: "weak", owner: "@eve", severity: "critical" });
  expect(ids(leak, said)).toEqual({ merged: [], possible: ["said weak"] });
  expect(chainOf(leak, [leak, said], 7 * day)).toMatchObject({ severity: "low" });
  expect(chainOf(leak, [leak, said], 7 * day).owner).toBeUndefined();
  expect(ids(made("leak", { grade: "strong" }), made("b", { kind: "data-leakage" })).possible).toEqual(["b strong"]);
});

test("what is confirmed reaches on through each other; what is possible does not", () => {
  const chain = [
    made("a", { kind: "prompt-injection" }),
    made("b", { kind: "data-leakage", day: 6 }),
    made("c", { kind: "unsafe-tool-use", day: 12 }),
  ] as const;
  expect(ids(chain[0], chain[1], chain[2]).merged).toEqual(["b", "c"]);
  const weak = made("d", { kind: "policy-violation", day: 18, grade: "weak" });
  expect(ids(chain[0], ...chain.slice(1), weak)).toEqual({ merged: ["b", "c"], possible: [] });
});

test("a call that was made with the leaked key is one matter with it, whatever the names say", () => {
  const leak = made("leak", { on: "agent:x", grade: "weak" });
  const call = made("call", { kind: "prompt-injection", on: "agent:y", grade: "weak", uses: "leak" });
  expect(ids(leak, call)).toEqual({ merged: ["call"], possible: [] });
  expect(ids(call, leak)).toEqual({ merged: ["leak"], possible: [] });
});

test("a thousand events of one identity are bounded, and come to an end", () => {
  const events = Array.from({ length: 1000 }, (_, index) => made(`e${index}`, { kind: "prompt-injection" }));
  const [first] = events;
  if (first === undefined) throw new Error("no event");
  expect(chainOf(first, events, 7 * day).merged.length).toBeLessThanOrEqual(1000);
});
