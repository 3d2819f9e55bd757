import fc from "fast-check";
import { expect, test } from "vitest";
import { kaplanMeier } from "../../src/metric/survival.ts";
import { survivalChart, survivalTable } from "../../src/web/chart/survival.ts";

const minute = 60_000;
const sample = [2, 5, 9, 30, 30, 45, 70].map((minutes) => ({ ms: minutes * minute, observed: true }));
const survival = kaplanMeier([
  ...sample,
  { ms: 20 * minute, observed: false },
  { ms: 100 * minute, observed: false },
  { ms: 0, observed: false },
]);

async function svg(width = 900): Promise<string> {
  return String(await survivalChart(survival, { width, id: "x" }));
}

test("the picture says in words what it shows, and nothing about times that nobody was followed to", async () => {
  expect(await svg()).toContain('<desc id="desc-x">7 of 10 died. Half were dead after 30 min.</desc>');
  const longer = kaplanMeier([...sample, { ms: 30 * 60 * minute, observed: false }]);
  expect(String(await survivalChart(longer, { width: 900, id: "x" }))).toContain("After 24 hours 13 % were still usable.");
  expect(String(await survivalChart(kaplanMeier(sample.slice(0, 1)), { width: 900, id: "x" }))).toContain(
    "After 24 hours 0 % were still usable.",
  );
});

test("the curve only falls, from 100 % at the left to its end, and the numbers followed stand under it", async () => {
  const picture = await svg();
  const path = /class="curve" d="([^"]+)"/.exec(picture)?.[1] ?? "";
  const points = [...path.matchAll(/([\d.]+),([\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)] as const);
  expect(points[0]).toEqual([46, 14]);
  for (const [index, [x, y]] of points.entries()) {
    const [beforeX, beforeY] = points[index - 1] ?? [0, 0];
    expect(x).toBeGreaterThanOrEqual(beforeX);
    expect(y).toBeGreaterThanOrEqual(beforeY);
  }
  expect([...picture.matchAll(/class="risk"[^>]*middle">(\d+)</g)].map(([, count]) => count)).toEqual(["9", "6", "2"]);
  expect(picture.match(/class="censored"/g)).toHaveLength(3);
});

test("the table twin has every step", async () => {
  const text = String(await survivalTable(kaplanMeier(sample.slice(0, 3))));
  const rows = [...text.matchAll(/<tr><th scope="row">(.*?)<\/tr>/gs)].map(([, row]) =>
    row
      ?.replaceAll(/<[^>]+>|\n/g, " ")
      .trim()
      .split(/\s{2,}/),
  );
  expect(rows).toEqual([
    ["2 min", "3", "1", "0", "67 %", "5.4 % to 94.5 %"],
    ["5 min", "2", "1", "0", "33 %", "0.9 % to 77 %"],
    ["9 min", "1", "1", "0", "0 %", "–"],
  ]);
});

test("no data and any data draw without NaN, at both widths", async () => {
  expect(String(await survivalChart(kaplanMeier([]), { width: 340, id: "x" }))).toBe("");
  const durations = fc.array(fc.record({ ms: fc.integer({ min: 0, max: 3 * 365 * 86_400_000 }), observed: fc.boolean() }), {
    minLength: 1,
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(durations, fc.constantFrom(340, 900), async (list, width) => {
      const picture = String(await survivalChart(kaplanMeier(list), { width, id: "x" }));
      expect(picture).not.toMatch(/NaN|Infinity|undefined|null/);
      for (const [, number] of picture.matchAll(/[ "](?:x|x1|x2)="(-?[\d.]+)"/g)) expect(Number(number)).toBeLessThanOrEqual(width);
    }),
  );
});
