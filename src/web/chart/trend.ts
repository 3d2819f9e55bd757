import { scaleLog, scalePoint } from "d3-scale";
import { html } from "hono/html";
import { formatDuration } from "../../metric/duration.ts";
import type { Week } from "../../metric/weeks.ts";
import { type Html, nothing } from "../layout.ts";

/** Under this many leaks of a week its median says little: it is drawn hollow. */
const few = 10;
const marks: readonly [ms: number, label: string][] = [
  [60_000, "1 min"],
  [3_600_000, "1 h"],
  [86_400_000, "1 d"],
  [7 * 86_400_000, "7 d"],
  [30 * 86_400_000, "30 d"],
];

/** Median and 90 % of the time to remediate by week of detection, on a logarithmic scale. Weeks without either have no mark. */
export function trendChart(weeks: readonly Week[], { width, id }: { width: number; id: string }): Html {
  const times = weeks.flatMap(({ median, p90 }) => [median, p90].filter((ms) => ms !== undefined && ms > 0) as number[]);
  if (times.length === 0) return nothing;
  const height = 220;
  const margin = { top: 12, right: 12, bottom: 28, left: 52 };
  const x = scalePoint(
    weeks.map(({ monday }) => monday),
    [margin.left + 12, width - margin.right - 12],
  );
  const y = scaleLog([Math.max(1000, Math.min(...times) / 2), Math.max(...times) * 2], [height - margin.bottom, margin.top]).clamp(true);
  const [low = 0, high = 0] = y.domain();
  const every = Math.ceil((weeks.length * 60) / (width - margin.left));
  return html`<svg class="trend" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title-${id} desc-${id}">
<title id="title-${id}">Time to remediate by week</title>
<desc id="desc-${id}">${describe(weeks)}</desc>
${marks
  .filter(([ms]) => ms >= low && ms <= high)
  .map(
    ([ms, label]) => html`<line class="grid" x1="${margin.left}" x2="${width - margin.right}" y1="${round(y(ms))}" y2="${round(y(ms))}"/>
<text class="axis" x="${margin.left - 8}" y="${round(y(ms) + 4)}" text-anchor="end">${label}</text>`,
  )}
${weeks.map(({ monday, median, p90, detected }, index) => {
  const at = round(x(monday) ?? 0);
  return html`${median === undefined || p90 === undefined ? nothing : html`<line class="span" x1="${at}" x2="${at}" y1="${round(y(p90))}" y2="${round(y(median))}"/>`}
${p90 === undefined ? nothing : html`<path class="p90" d="M${at - 5} ${round(y(p90))}h10"/>`}
${median === undefined ? nothing : html`<circle class="${detected < few ? "middle few" : "middle"}" cx="${at}" cy="${round(y(median))}" r="4.5"/>`}
${index % every === 0 ? html`<text class="axis" x="${at}" y="${height - 8}" text-anchor="middle">${monday.slice(5)}</text>` : nothing}`;
})}
</svg>`;
}

export function trendTable(weeks: readonly Week[]): Html {
  const shown = (ms: number | undefined) => (ms === undefined ? "–" : formatDuration(ms));
  return html`<div class="scroll" role="region" aria-label="Table by week" tabindex="0"><table>
<thead><tr><th scope="col">Week of</th><th scope="col">Leaked</th><th scope="col">Dead by now</th><th scope="col">Half dead within</th><th scope="col">90 % within</th><th scope="col">Closed</th><th scope="col">Open at its end</th><th scope="col">of these from history</th></tr></thead>
<tbody>${weeks.map(
    (week) =>
      html`<tr><th scope="row">${week.monday}</th><td>${week.detected}</td><td>${week.dead}</td><td>${shown(week.median)}</td><td>${shown(week.p90)}</td><td>${week.closed}</td><td>${week.openAtEnd}</td><td>${week.preExistingOpenAtEnd}</td></tr>`,
  )}</tbody></table></div>`;
}

function describe(weeks: readonly Week[]): string {
  const known = weeks.filter(({ median }) => median !== undefined);
  const [first, last] = [known[0], known.at(-1)];
  if (first?.median === undefined || last?.median === undefined) return "No week has a median yet.";
  return `Half of the leaks of the week of ${first.monday} were dead within ${formatDuration(first.median)}, of the week of ${last.monday} within ${formatDuration(last.median)}.`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
