import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { byHand, cases, disturb, faultText, points, settle } from "./matrix.ts";
import { type Fault, kinds, simulate } from "./simulation.ts";

/**
 * The ordinary run takes each point of the matrix with one of its kinds, turn by turn; `./rekey test --full` takes the whole product
 * (test/full/fault-matrix.test.ts) and writes docs/fault-matrix.md.
 */
const all = cases();
const runnable = all.filter((one) => byHand(one).length === 0);

test("every built-in playbook runs by itself, or says what a person does", () => {
  expect(runnable.length).toBeGreaterThan(3);
  for (const one of all) if (!runnable.includes(one)) expect(byHand(one).join(), one.playbook.name).not.toBe("");
});

describe.each(runnable.map((one) => ({ name: `${one.playbook.name}, ${one.mode}`, one })))("$name", ({ one }) => {
  test("whatever goes wrong at a point: one live credential, known to the journal, and no consumer refused", async () => {
    const wrong: string[] = [];
    for (const [index, fault] of (await points(one)).entries()) {
      if (index % kinds.length !== fault.at % kinds.length) continue;
      const verdict = await disturb(one, [fault]);
      if (verdict.wrong.length > 0) wrong.push(`${faultText(fault)}: ${verdict.wrong.join("; ")}`);
    }
    expect(wrong).toEqual([]);
  });

  test("any schedule of faults, and a cancel at any time, leaves one credential in use", async () => {
    const fault = fc.record({
      in: fc.constantFrom("call" as const, "journal" as const),
      at: fc.integer({ min: 1, max: 60 }),
      when: fc.constantFrom("before" as const, "after" as const),
      kind: fc.constantFrom(...kinds),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fault, { maxLength: 4 }), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        async (workers, cancel) => {
          const simulation = simulate(one.playbook, one.manifest, one.mode);
          const run = await simulation.start();
          for (const faults of workers as Fault[][]) {
            const ended = await simulation.work(run, faults);
            if (ended !== "crashed" && ended.state !== "running") break;
          }
          if (cancel && !["done", "undone"].includes((await simulation.journal.get(run))?.state ?? ""))
            await simulation.journal.cancel(run);
          const ended = await settle(simulation, run, []);
          expect(await simulation.faultsAtRest(ended)).toEqual([]);
        },
      ),
      { numRuns: process.env["REKEY_TEST_FULL"] === "1" ? 2000 : 60 },
    );
  });
});
