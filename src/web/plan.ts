import { html } from "hono/html";
import { z } from "zod";
import { type Html, nothing } from "./layout.ts";

/** What the page reads of a plan; everything else in it is ignored, and a plan without steps shows its hash alone. */
const Steps = z.object({
  steps: z
    .array(
      z.object({
        id: z.string(),
        title: z.string().optional(),
        uses: z.string().optional(),
        effect: z.string().optional(),
        manual: z.object({ page: z.string() }).optional(),
      }),
    )
    .default([]),
  pointOfNoReturn: z.string().optional(),
});

export function planSection(plan: { hash: string; playbook: string; body: unknown } | undefined): Html {
  if (plan === undefined) return nothing;
  const read = Steps.safeParse(plan.body);
  const { steps, pointOfNoReturn } = read.success ? read.data : { steps: [], pointOfNoReturn: undefined };
  return html`<section aria-labelledby="plan"><h2 id="plan">Plan</h2>
<p>Playbook <bdi>${plan.playbook}</bdi>, hash <code class="long">${plan.hash}</code></p>
${
  steps.length === 0
    ? nothing
    : html`<ol class="steps">${steps.map(
        ({ id, title, uses, effect, manual }) =>
          html`<li>${id === pointOfNoReturn ? html`<span class="return">No way back from here.</span> ` : nothing}<bdi>${title ?? id}</bdi>
${uses === undefined ? nothing : html`<code>${uses}</code>`} ${effect === undefined ? nothing : html`<span class="effect ${effect === "destroy" ? "destroy" : "other"}">${effect}</span>`}
${manual === undefined ? nothing : html`<span class="note">by hand: <bdi>${manual.page}</bdi></span>`}</li>`,
      )}</ol>`
}</section>`;
}
