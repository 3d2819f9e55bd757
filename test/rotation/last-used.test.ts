import { expect, test } from "vitest";
import type { KeyRecord } from "../../src/driver.ts";
import type { PlannedConsumer } from "../../src/playbook/plan.ts";
import { behind, type LastUsedWatch } from "../../src/rotation/consumers.ts";
import type { Execution } from "../../src/rotation/execution.ts";
import { place, planOf } from "./rig.ts";

/** Just as much of a run as the look at its consumers needs. */
function world(consumers: readonly PlannedConsumer[]) {
  const state = { now: 1_000_000, old: undefined as string | undefined, fresh: undefined as string | undefined, said: [] as string[] };
  const record = (id: string, lastUsedAt: string | undefined): KeyRecord => ({
    id,
    state: "active",
    attributes: {},
    ...(lastUsedAt === undefined ? {} : { lastUsedAt }),
  });
  const execution = {
    plan: planOf("old-key", { consumers, timeouts: { consumers: 1000, soak: 500 } }),
    effects: new Map([
      ["issue", { key: "issue", state: "confirmed", destroy: false, result: { record: { id: "new-key" } } }],
      ["promote-0", { key: "promote-0", state: "confirmed", destroy: false, result: { version: "2" } }],
    ]),
    driver: { list: async () => [record("old-key", state.old), record("new-key", state.fresh)] },
    deps: {
      context: async () => ({ host: "x", timeout: 1 }),
      journal: { now: async () => state.now },
      reports: async () => state.said.map((version) => ({ version, at: state.now })),
    },
  } as unknown as Execution;
  return { state, look: (watch: LastUsedWatch) => behind(execution, watch) };
}

test("last-used: the new one must be used and the old one rest for the soak, counted anew with each use", async () => {
  const { state, look } = world([{ name: "batch", report: "last-used" }]);
  const watch: LastUsedWatch = {};
  state.old = "10:00";
  expect(await look(watch)).toHaveLength(1);
  state.now += 600;
  expect(await look(watch), "the new one is not used yet").toHaveLength(1);
  state.fresh = "10:01";
  state.old = "10:02";
  expect(await look(watch), "the old one was used again").toHaveLength(1);
  state.now += 499;
  expect(await look(watch), "the soak is not over").toHaveLength(1);
  state.now += 1;
  expect(await look(watch)).toEqual([]);
});

test("confirm: nothing but a person's word for the promoted version counts", async () => {
  const { state, look } = world([{ name: "mainframe", report: "confirm" }]);
  expect(await look({})).toEqual(["mainframe (a person must confirm it)"]);
  state.said = ["1"];
  expect(await look({}), `version 1 of ${place.path} is the old one`).toHaveLength(1);
  state.said = ["2"];
  expect(await look({})).toEqual([]);
});
