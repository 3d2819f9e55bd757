import { expect, test } from "vitest";
import type { Driver } from "../../src/driver.ts";
import type { IncidentEvent } from "../../src/incident/event.ts";
import { silentLog } from "../../src/log.ts";
import type { Execution } from "../../src/rotation/execution.ts";
import { proveDead } from "../../src/rotation/proof.ts";
import { Secret } from "../../src/secret.ts";
import { planOf } from "./rig.ts";

/** A run that minted nothing, at its last step. */
async function prove(of: { answer: "invalid" | "disabled" | "alive" | "unknown"; seenAlive: boolean; invalidMeansDead: boolean }) {
  let now = 0;
  const events: IncidentEvent[] = [];
  const driver = {
    manifest: {
      proof: "probe",
      propagation: { create: 1, revoke: 100 },
      invalidMeansDead: of.invalidMeansDead,
      pages: { revoke: "https://example.test/keys" },
    },
    probe: async () => ({ answer: of.answer, code: "401" }),
  } as unknown as Driver;
  const execution = {
    driver,
    plan: planOf("x", { mode: "revoke-first" }),
    run: { id: "run-1", incident: "RK-TEST" },
    effects: new Map(),
    lease: { run: "run-1", epoch: 1 },
    deps: {
      log: silentLog,
      context: async () => ({ host: "x", timeout: 1 }),
      recover: async () => Secret.from("generated"),
      seenAlive: async () => of.seenAlive,
      receipt: async () => undefined,
      emit: async (_incident: string, emitted: readonly IncidentEvent[]) => {
        events.push(...emitted);
      },
      journal: { now: async () => now, intend: async () => undefined, settle: async () => undefined },
      sleep: async (milliseconds: number) => {
        now += milliseconds;
      },
    },
  } as unknown as Execution;
  const held = await proveDead(execution).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : "?"),
  );
  return { held, dead: events.find((event) => event.type === "dead") };
}

test("where nothing was minted, a receipt that it was accepted is the control", async () => {
  const { held, dead } = await prove({ answer: "invalid", seenAlive: true, invalidMeansDead: false });
  expect(held).toBeUndefined();
  expect(dead).toMatchObject({ whenFound: false });
});

test("never seen alive and refused by a code that means nothing else: dead when found, counted apart", async () => {
  expect((await prove({ answer: "invalid", seenAlive: false, invalidMeansDead: true })).dead).toMatchObject({ whenFound: true });
});

test.each([
  [
    "never seen alive, and the refusal may mean something else",
    { answer: "invalid", seenAlive: false, invalidMeansDead: false },
    "nobody ever saw it accepted",
  ],
  ["disabled is contained, not dead", { answer: "disabled", seenAlive: true, invalidMeansDead: true }, "(disabled)"],
  ["still accepted", { answer: "alive", seenAlive: true, invalidMeansDead: true }, "(alive)"],
  ["no clear answer", { answer: "unknown", seenAlive: true, invalidMeansDead: true }, "(unknown)"],
] as const)("%s: held, and a person is sent to the exact page", async (_name, of, why) => {
  const { held, dead } = await prove(of);
  expect(dead).toBeUndefined();
  expect(held).toContain(why);
  expect(held).toContain("https://example.test/keys");
});
