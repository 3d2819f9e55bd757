import { html } from "hono/html";
import { describeEvent } from "./event-text.ts";
import { type Html, join, nothing, page, time } from "./layout.ts";
import type { LoggedEvent, Place } from "./readers.ts";

/** The log of everything that happened, newest first. `last` is where the page behind this one begins. */
export function auditPage(events: readonly LoggedEvent[], last: Place | undefined): Html {
  return page(
    "Audit",
    join([
      html`<h1>Everything that happened</h1>
<p class="lead">Events are only ever added, and each is chained to the one before it by its hash. <code>rekey audit verify</code> recomputes every chain.</p>`,
      events.length === 0
        ? html`<section aria-labelledby="none"><h2 id="none">Nothing yet</h2><p>The log begins with the first incident.</p></section>`
        : html`<section aria-labelledby="log"><h2 id="log">Newest first</h2><ol class="timeline">${events.map(
            ({ at, stream, event, hash }) =>
              html`<li>${time(at)} <span><a href="/incidents/${stream}"><span class="id">${stream}</span></a> <bdi>${describeEvent(event)}</bdi> <code class="hash">${hash.slice(0, 12)}</code></span></li>`,
          )}</ol></section>`,
      last === undefined ? nothing : html`<p class="more"><a href="/audit?before=${placeText(last)}" rel="next">Earlier</a></p>`,
    ]),
    { here: "/audit" },
  );
}

function placeText({ at, stream, seq }: Place): string {
  return `${at}~${stream}~${seq}`;
}

/** The place that an address names; undefined where it is none. */
export function parsePlace(text: string): Place | undefined {
  const [, at, stream, seq] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)~(RK-[0-9A-Z]{1,12})~(\d{1,6})$/.exec(text) ?? [];
  if (at === undefined || stream === undefined || seq === undefined || Number.isNaN(Date.parse(at))) return undefined;
  return { at, stream, seq: Number(seq) };
}
