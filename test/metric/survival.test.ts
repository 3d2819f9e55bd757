import fc from "fast-check";
import { expect, test } from "vitest";
import { type Duration, kaplanMeier, shareEndedBy } from "../../src/metric/survival.ts";

/** Weeks in remission, Freireich et al. 1963, as printed in Cox and Oakes 1984; `+` = still in remission when last seen. */
const mercaptopurine = data("6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+");
const placebo = data("1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23");

function data(text: string): Duration[] {
  return text.split(" ").map((word) => ({ ms: Number.parseInt(word, 10), observed: !word.endsWith("+") }));
}

test("the 6-MP group gives the published table", () => {
  const { steps, n, events, median, interval } = kaplanMeier(mercaptopurine);
  const rounded = (value: number | undefined) => (value === undefined ? undefined : Math.round(value * 1e4) / 1e4);
  const table = steps
    .filter((step) => step.events > 0)
    .map((step) => [step.ms, step.atRisk, step.events, ...[step.survival, step.low, step.high].map(rounded)]);
  expect(table).toEqual([
    [6, 21, 3, 0.8571, 0.6197, 0.9516],
    [7, 17, 1, 0.8067, 0.5631, 0.9228],
    [10, 15, 1, 0.7529, 0.5032, 0.8894],
    [13, 12, 1, 0.6902, 0.4316, 0.8491],
    [16, 11, 1, 0.6275, 0.3675, 0.8049],
    [22, 7, 1, 0.5378, 0.2678, 0.7468],
    [23, 6, 1, 0.4482, 0.1881, 0.6801],
  ]);
  expect({ n, events, median, interval }).toEqual({ n: 21, events: 9, median: 23, interval: { low: 13 } });
});

test("the placebo group, without censoring, has median 8 with interval 4 to 11", () => {
  expect(kaplanMeier(placebo)).toMatchObject({ n: 21, events: 21, median: 8, interval: { low: 4, high: 11 } });
});

test("a curve that lies exactly on one half takes the middle of its flat part", () => {
  expect(kaplanMeier(data("1 2 4 8")).median).toBe(3);
  expect(kaplanMeier(data("1 2 3+ 4+")).median).toBe(2);
});

test("while more than half are alive there is no median, and nothing is said beyond the last look", () => {
  const survival = kaplanMeier(data("5 10+ 10+ 20+"));
  expect(survival.median).toBeUndefined();
  expect(shareEndedBy(survival, 4)).toEqual({ share: 0 });
  expect(shareEndedBy(survival, 20)?.share).toBe(0.25);
  expect(shareEndedBy(survival, 21)).toBeUndefined();
});

test("when all ended, all had ended ever after", () => {
  expect(shareEndedBy(kaplanMeier(data("1 2 3")), 1000)).toEqual({ share: 1 });
  expect(kaplanMeier([])).toEqual({ n: 0, events: 0, steps: [], interval: {} });
  expect(shareEndedBy(kaplanMeier([]), 1)).toBeUndefined();
});

test("a duration below 0 or without a value is an error, not a curve", () => {
  for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => kaplanMeier([{ ms, observed: true }])).toThrow(RangeError);
});

const durations = fc.array(fc.record({ ms: fc.integer({ min: 0, max: 30 }), observed: fc.boolean() }), { maxLength: 40 });

test("the estimate equals the product over single deaths, with ends before censorings in a tie", () => {
  fc.assert(
    fc.property(durations, (sample) => {
      const ordered = sample.toSorted((a, b) => a.ms - b.ms || Number(b.observed) - Number(a.observed));
      let alive = 1;
      const expected = new Map<number, number>();
      for (const [index, { ms, observed }] of ordered.entries()) {
        const left = ordered.length - index;
        if (observed) alive *= (left - 1) / left;
        expected.set(ms, alive);
      }
      for (const step of kaplanMeier(sample).steps) expect(step.survival).toBeCloseTo(expected.get(step.ms) ?? Number.NaN, 10);
    }),
  );
});

test("the curve falls, stays in its interval and counts everybody once, in any order and unit", () => {
  fc.assert(
    fc.property(durations, fc.integer({ min: 2, max: 1000 }), (sample, factor) => {
      const survival = kaplanMeier(sample);
      let before = 1;
      let left = sample.length;
      for (const step of survival.steps) {
        expect(step.survival).toBeLessThanOrEqual(before);
        if (step.low !== undefined) expect(step.low).toBeLessThanOrEqual(step.survival);
        if (step.high !== undefined) expect(step.high).toBeGreaterThanOrEqual(step.survival);
        expect(step.atRisk).toBe(left);
        before = step.survival;
        left -= step.events + step.censored;
      }
      expect(left).toBe(0);
      expect(kaplanMeier(sample.toReversed())).toEqual(survival);
      const scaled = kaplanMeier(sample.map(({ ms, observed }) => ({ ms: ms * factor, observed })));
      expect(scaled.median).toEqual(survival.median === undefined ? undefined : survival.median * factor);
    }),
  );
});

test("without censoring it is the share that was still alive", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 30 }), (times) => {
      const survival = kaplanMeier(times.map((ms) => ({ ms, observed: true })));
      for (const step of survival.steps) expect(step.survival).toBeCloseTo(times.filter((ms) => ms > step.ms).length / times.length, 10);
    }),
  );
});
