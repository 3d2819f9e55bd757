import { expect, test } from "vitest";
import { type Limits, limitOf, type PastRun, type Situation } from "../../src/rotation/limits.ts";
import { planOf } from "./rig.ts";

const minute = 60_000;
const now = Date.parse("2026-11-25T10:00:00Z");
const limits: Limits = { runsPerHour: 5, perProvider: 10, perIdentity: 2, breaker: { failures: 3, coolDown: 30 * minute } };
const plan = planOf("hash");
const run = (minutesAgo: number, change: Partial<PastRun> = {}): PastRun => ({
  driver: plan.driver,
  identity: `agent:${minutesAgo}`,
  state: "done",
  startedAt: now - minutesAgo * minute,
  endedAt: now - minutesAgo * minute + 1000,
  ...change,
});
const at = (recent: readonly PastRun[], more: Partial<Situation> = {}, caps: Partial<Limits> = {}) =>
  limitOf({ now, recent, ...more }, plan, { ...limits, ...caps });
const fault = (minutesAgo: number, change: Partial<PastRun> = {}) =>
  run(minutesAgo, { state: "held", code: "provider-unavailable", ...change });

test("nothing stands against a first run", () => {
  expect(at([])).toBeUndefined();
  expect(at([run(10), run(20)])).toBeUndefined();
});

test("a pause stops everything, with its reason", () => {
  expect(at([], { paused: { by: "the operator", reason: "migration" } })).toMatchObject({
    kind: "paused",
    all: true,
    sentence: "All rotations are paused by the operator (migration); rekey resume ends that",
  });
});

test("the caps of the hour, of the provider and of the identity, each until the oldest leaves the hour", () => {
  const others = [1, 2, 3, 4, 50].map((ago) => run(ago, { driver: "other/key" }));
  expect(at(others)).toMatchObject({ kind: "runs-per-hour", all: true, until: now + 10 * minute });
  expect(at(others.slice(0, 4))).toBeUndefined();
  expect(
    at(
      [1, 2, 3, 40].map((ago) => run(ago)),
      {},
      { perProvider: 4 },
    ),
  ).toMatchObject({ kind: "provider", all: false, until: now + 20 * minute });
  expect(at([run(5, { identity: "agent:test" }), run(59, { identity: "agent:test" })])).toMatchObject({
    kind: "identity",
    until: now + minute,
  });
  expect(at([run(5, { identity: "agent:test" }), run(61, { identity: "agent:test" })])).toBeUndefined();
});

test("the breaker opens after three faults in a row, half opens after the cool-down, and closes with a success", () => {
  expect(at([fault(3), fault(2)])).toBeUndefined();
  expect(at([fault(3), fault(2), fault(1)])).toMatchObject({ kind: "breaker", all: false });
  const { endedAt: _, ...trying } = run(1, { state: "running" });
  expect(at([fault(50), fault(40), fault(31)]), "one may try").toBeUndefined();
  expect(at([fault(50), fault(40), fault(31), trying]), "while it tries, no other").toMatchObject({
    kind: "breaker",
  });
  expect(at([fault(50), fault(40), fault(32), run(1)]), "it succeeded").toBeUndefined();
});

test("what a person stopped, another provider and a success between are no reason for the breaker", () => {
  expect(at([fault(3, { code: "paused" }), fault(2, { code: "manual-step" }), fault(1)])).toBeUndefined();
  expect(at([1, 2, 3].map((ago) => fault(ago, { driver: "other/key" })))).toBeUndefined();
  expect(at([fault(4), run(3), fault(2), fault(1)])).toBeUndefined();
});
