import { scaleLinear, scaleLog } from "d3-scale";
import { area, curveStepAfter, line } from "d3-shape";
import { html } from "hono/html";
import { formatDuration, formatShare } from "../../metric/duration.ts";
import { type Step, type Survival, shareEndedBy } from "../../metric/survival.ts";
import { type Html, nothing } from "../layout.ts";

const minute = 60_000;
const ticks: readonly { ms: number; label: string }[] = [
  { ms: minute, label: "1 min" },
  { ms: 10 * minute, label: "10 min" },
  { ms: 60 * minute, label: "1 h" },
  { ms: 24 * 60 * minute, label: "24 h" },
  { ms: 7 * 24 * 60 * minute, label: "7 d" },
  { ms: 30 * 24 * 60 * minute, label: "30 d" },
  { ms: 365 * 24 * 60 * minute, label: "1 y" },
];

/**
 * The survival curve as SVG: steps over logarithmic time, with its interval, censorings and how many were still followed.
 * `width` in user units, which are pixels at full size; `id` makes the references unique on a page.
 */
export function survivalChart(survival: Survival, { width, id }: { width: number; id: string }): Html {
  const { steps, median } = survival;
  const last = steps.at(-1);
  if (last === undefined) return nothing;
  const height = width < 500 ? 260 : 340;
  const margin = { top: 14, right: 16, bottom: 56, left: 46 };
  const firstEnd = steps.find(({ events }) => events > 0)?.ms ?? minute;
  const [start, end] = [Math.min(minute, Math.max(1000, firstEnd)), Math.max(last.ms * 1.3, 90 * minute)];
  const x = scaleLog([start, end], [margin.left, width - margin.right]).clamp(true);
  const y = scaleLinear([0, 1], [height - margin.bottom, margin.top]);
  const bottom = height - margin.bottom;

  const apart = (list: readonly Step[]) => distinct(list, ({ ms, survival }) => [x(ms), y(survival)]);
  const points = [{ ms: start, survival: 1, low: 1, high: 1 }, ...apart(steps)];
  const path = line<Pick<Step, "ms" | "survival">>(
    ({ ms }) => x(ms),
    (step) => y(step.survival),
  )
    .curve(curveStepAfter)
    .digits(1)(points);
  const band = area<Pick<Step, "ms" | "survival" | "low" | "high">>(
    ({ ms }) => x(ms),
    (step) => y(step.low ?? step.survival),
    (step) => y(step.high ?? step.survival),
  )
    .curve(curveStepAfter)
    .digits(1)(points);
  const room = width < 500 ? 42 : 60;
  const marks = spaced(
    ticks.filter(({ ms }) => ms >= start && ms <= end),
    ({ ms }) => x(ms),
    room,
  );

  return html`<svg class="survival" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title-${id} desc-${id}">
<title id="title-${id}">Share of leaked credentials still usable</title>
<desc id="desc-${id}">${describe(survival)}</desc>
${[0, 0.25, 0.5, 0.75, 1].map(
  (share) => html`<line class="grid" x1="${margin.left}" x2="${width - margin.right}" y1="${round(y(share))}" y2="${round(y(share))}"/>
<text class="axis" x="${margin.left - 8}" y="${round(y(share) + 4)}" text-anchor="end">${formatShare(share)}</text>`,
)}
${marks.map(
  ({ ms, label }) => html`<line class="tick" x1="${round(x(ms))}" x2="${round(x(ms))}" y1="${bottom}" y2="${bottom + 5}"/>
<text class="axis" x="${round(x(ms))}" y="${bottom + 19}" text-anchor="middle">${label}</text>
<text class="risk" x="${round(x(ms))}" y="${bottom + 50}" text-anchor="middle">${followed(steps, ms)}</text>`,
)}
<text class="risk" x="0" y="${bottom + 34}">Still followed:</text>
<path class="band" d="${band}"/>
${median === undefined ? nothing : html`<path class="median" d="M${margin.left} ${round(y(0.5))}H${round(x(median))}V${bottom}"/>`}
<path class="curve" d="${path}"/>
${apart(steps.filter(({ censored }) => censored > 0)).map((step) => html`<path class="censored" d="M${round(x(step.ms))} ${round(y(step.survival) - 5)}v10"/>`)}
</svg>`;
}

/** The same numbers as a table, for who cannot or will not read the picture. */
export function survivalTable({ steps }: Survival): Html {
  const rows = steps.map(
    (
      step,
    ) => html`<tr><th scope="row">${formatDuration(step.ms)}</th><td>${step.atRisk}</td><td>${step.events}</td><td>${step.censored}</td>
<td>${formatShare(step.survival)}</td><td>${step.low === undefined || step.high === undefined ? "–" : `${formatShare(step.low)} to ${formatShare(step.high)}`}</td></tr>`,
  );
  return html`<div class="scroll" role="region" aria-label="Survival table" tabindex="0"><table>
<thead><tr><th scope="col">After</th><th scope="col">Followed</th><th scope="col">Dead</th><th scope="col">Last seen</th><th scope="col">Still usable</th><th scope="col">95 % interval</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

function describe(survival: Survival): string {
  const { n, events, median } = survival;
  const dead = shareEndedBy(survival, 24 * 60 * minute)?.share;
  const half = median === undefined ? "Half of them were not dead yet." : `Half were dead after ${formatDuration(median)}.`;
  return `${events} of ${n} died. ${half}${dead === undefined ? "" : ` After 24 hours ${formatShare(1 - dead)} were still usable.`}`;
}

function followed(steps: readonly Step[], ms: number): number {
  return steps.find((step) => step.ms >= ms)?.atRisk ?? 0;
}

/** Leaves out ticks whose labels would touch. */
function spaced<T>(items: readonly T[], at: (item: T) => number, room: number): T[] {
  const kept: T[] = [];
  for (const item of items) {
    const before = kept.at(-1);
    if (before === undefined || at(item) - at(before) >= room) kept.push(item);
  }
  return kept;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Leaves out what would be drawn on the same half pixel as the one before it; the last one stays. */
function distinct<T>(items: readonly T[], at: (item: T) => readonly [x: number, y: number]): T[] {
  let [left, top] = [Number.NaN, Number.NaN];
  return items.filter((item, index) => {
    const [x, y] = at(item);
    if (index < items.length - 1 && Math.abs(x - left) < 0.5 && Math.abs(y - top) < 0.5) return false;
    [left, top] = [x, y];
    return true;
  });
}
