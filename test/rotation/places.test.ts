import { expect, test } from "vitest";
import { behind } from "../../src/rotation/consumers.ts";
import type { Execution } from "../../src/rotation/execution.ts";
import { planOf } from "./rig.ts";

const places = ["secret/a", "secret/b"].map((path) => ({ connection: "store", sink: "memory", path, field: "KEY" }));

/** Two places, of which `reports` says what the consumer runs on; the run promoted version 2 in both. */
async function late(reports: Readonly<Record<string, string>>): Promise<string[]> {
  const plan = planOf("key-1", { sinks: places });
  const effects = new Map(
    places.map((_, index) => [
      `promote-${index}`,
      { key: `promote-${index}`, state: "confirmed" as const, destroy: false, result: { version: "2" } },
    ]),
  );
  const read = async (_consumer: string, { path }: { path: string }) =>
    reports[path] === undefined ? [] : [{ version: reports[path], at: 1 }];
  return behind({ plan, effects, deps: { reports: read } } as unknown as Execution, {});
}

test.each([
  ["one that reads a single place is on the new version there", { "secret/a": "2" }, []],
  ["one that reads both is on the new version in both", { "secret/a": "2", "secret/b": "3" }, []],
  ["one that reads both and is behind in one is behind", { "secret/a": "2", "secret/b": "1" }, ["triage"]],
  ["one that reported for no place is behind", {}, ["triage"]],
  ["one that is behind in its only place is behind", { "secret/b": "1" }, ["triage"]],
])("%s", async (_what, reports, expected) => {
  expect(await late(reports)).toEqual(expected);
});
