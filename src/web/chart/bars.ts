import { scaleBand, scaleLinear } from "d3-scale";
import { html } from "hono/html";
import { type Html, nothing } from "../layout.ts";

/** One group of bars. Values are counts. */
export interface Bars {
  readonly label: string;
  readonly values: readonly number[];
}

/**
 * Counts by week (or age) as grouped bars, `series` beside each other and told apart by shade and by the legend's order. `width` in
 * user units, which are pixels at full size; `id` makes the references unique on a page.
 */
export function barChart(
  bars: readonly Bars[],
  { series, title, width, id }: { series: readonly string[]; title: string; width: number; id: string },
): Html {
  const most = Math.max(1, ...bars.flatMap(({ values }) => values));
  const height = 200;
  const margin = { top: 12, right: 8, bottom: 28, left: 40 };
  const x = scaleBand(
    bars.map(({ label }) => label),
    [margin.left, width - margin.right],
  ).paddingInner(0.3);
  const inner = scaleBand(series, [0, x.bandwidth()]).paddingInner(0.1);
  const y = scaleLinear([0, most], [height - margin.bottom, margin.top]).nice(4);
  const every = Math.ceil((bars.length * 52) / (width - margin.left));
  return html`<svg class="bars" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title-${id}">
<title id="title-${id}">${title}</title>
${y
  .ticks(4)
  .filter(Number.isInteger)
  .map(
    (tick) => html`<line class="grid" x1="${margin.left}" x2="${width - margin.right}" y1="${round(y(tick))}" y2="${round(y(tick))}"/>
<text class="axis" x="${margin.left - 8}" y="${round(y(tick) + 4)}" text-anchor="end">${tick}</text>`,
  )}
${bars.map(
  ({ label, values }, index) => html`${values.map((value, at) => {
    const left = (x(label) ?? 0) + (inner(series[at] ?? "") ?? 0);
    return value === 0
      ? nothing
      : html`<rect class="bar s${at}" x="${round(left)}" y="${round(y(value))}" width="${round(inner.bandwidth())}" height="${round(height - margin.bottom - y(value))}"/>`;
  })}
${index % every === 0 ? html`<text class="axis" x="${round((x(label) ?? 0) + x.bandwidth() / 2)}" y="${height - 8}" text-anchor="middle">${label}</text>` : nothing}`,
)}
</svg>`;
}

/** The names of the series in the shades of the bars. */
export function legend(series: readonly string[]): Html {
  return html`<p class="legend">${series.map((name, index) => html`<span class="key s${index}">${name}</span> `)}</p>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
