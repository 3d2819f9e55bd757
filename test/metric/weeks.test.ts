import { expect, test } from "vitest";
import { automation } from "../../src/metric/automation.ts";
import { funnel } from "../../src/metric/funnel.ts";
import { groupBy } from "../../src/metric/groups.ts";
import { weekly } from "../../src/metric/weeks.ts";
import { incident, opened } from "../incident/build.ts";

const dead = { type: "dead", proof: "probe", receipts: 3, whenFound: false } as const;
const linked = {
  type: "identity-linked",
  identity: "agent:x#triage",
  kind: "agent",
  name: "triage",
  owner: "@mara",
  grade: "strong",
} as const;
const now = "2026-03-11T23:59:30.000Z";
const at = (day: string, time = "10:00") => `2026-${day}T${time}:00.000Z`;
const of = (day: string) => ({ ...opened, exposedAt: at(day, "09:00") });

/** Two weeks: three leaks in the first (two dead after 1 h and 3 h), one open in the second, one from history, one dismissed. */
const sample = [
  incident("RK-1", [at("03-02"), of("03-02")], [at("03-02"), linked], [at("03-02", "11:00"), dead]),
  incident("RK-2", [at("03-03"), of("03-03")], [at("03-03"), linked], [at("03-03", "13:00"), dead]),
  incident("RK-3", [at("03-08", "23:59"), of("03-08")]),
  incident(
    "RK-4",
    [at("03-09", "00:00"), of("03-08")],
    [at("03-09", "01:00"), { type: "run-held", run: "r", code: "sink-conflict", message: "m" }],
  ),
  incident("RK-5", [at("03-09"), { ...of("03-09"), preExisting: true }]),
  incident("RK-6", [at("03-09"), of("03-09")], [at("03-10"), { type: "false-positive", by: "dev", reason: "r" }]),
];

test("a week holds what was detected from its Monday to the next, history and false positives apart", () => {
  expect(weekly(sample, now, 3)).toEqual([
    { monday: "2026-02-23", detected: 0, dead: 0, closed: 0, openAtEnd: 0, preExistingOpenAtEnd: 0 },
    { monday: "2026-03-02", detected: 3, dead: 2, median: 3 * 3_600_000, closed: 2, openAtEnd: 1, preExistingOpenAtEnd: 0 },
    { monday: "2026-03-09", detected: 1, dead: 0, closed: 1, openAtEnd: 3, preExistingOpenAtEnd: 1 },
  ]);
});

test("the funnel counts who got how far and the median of each way, new leaks only", () => {
  const whole = incident(
    "RK-7",
    [at("03-02", "10:00"), of("03-02")],
    [at("03-02", "10:05"), { type: "approved", planHash: "p", by: "mara", role: "owner" }],
    [at("03-02", "10:15"), { type: "replaced", run: "r" }],
    [at("03-02", "10:20"), { type: "revoked", run: "r" }],
    [at("03-02", "10:21"), dead],
  );
  const steps = funnel([whole, ...sample]);
  expect(steps.map(({ stage, reached, median, n }) => [stage, reached, median, n])).toEqual([
    ["detected", 5, 3_600_000, 5],
    ["owned", 2, undefined, 0],
    ["acknowledged", 1, 300_000, 1],
    ["replaced", 1, 600_000, 1],
    ["revoked", 1, 300_000, 1],
    ["dead", 3, 60_000, 1],
  ]);
});

test("an identity that leaks again stands before one that leaked once; nobody's incidents are a group too", () => {
  const groups = groupBy(sample, "identity", now);
  expect(groups.map(({ name, incidents, open, again, provenDead }) => [name, incidents, open, again, provenDead])).toEqual([
    ["unknown identity", 4, 3, 0, 0],
    ["triage (agent)", 2, 0, 1, 2],
  ]);
  expect(groupBy(sample, "type", now)[0]).toMatchObject({ key: "openrouter-api-key", dismissed: 1 / 6, overdue: 1 });
});

test("what a playbook ended is told from what a person ended, and waiting rotations by their reason", () => {
  const done = incident(
    "RK-8",
    [at("03-02"), of("03-02")],
    [at("03-02"), { type: "run-started", run: "r", planHash: "p" }],
    [at("03-02"), { type: "run-ended", run: "r", result: "done" }],
    [at("03-02"), dead],
  );
  expect(automation([done, ...sample])).toEqual({ byPlaybook: 1, byHand: 2, held: 1, heldBy: [{ code: "sink-conflict", count: 1 }] });
});
