import { html } from "hono/html";
import type { IncidentFacts } from "../incident/fold.ts";
import { formatDuration } from "../metric/duration.ts";
import { ageOf } from "../metric/summary.ts";
import type { WeekReport } from "../metric/week-report.ts";
import { headline, medianSentence } from "../report/metrics-text.ts";
import { groupTable } from "./groups.ts";
import { type Html, join, nothing, page, time } from "./layout.ts";

/** The last whole week, for print and for a file: everything that it needs stands on the page. */
export function weekPage({ week, before, summary, overdue, held, again, owners }: WeekReport): Html {
  return page(
    `Week of ${week.monday}`,
    join([
      html`<h1>Leaked credentials, week of ${week.monday}</h1><p class="lead">${headline(summary)}</p>`,
      html`<section aria-labelledby="week"><h2 id="week">The week, and the four before</h2>
<div class="scroll" role="region" aria-label="Table of weeks" tabindex="0"><table><thead><tr><th scope="col">Week of</th><th scope="col">New leaks</th><th scope="col">Of them dead</th><th scope="col">Half within</th><th scope="col">Closed</th><th scope="col">Open at its end</th></tr></thead>
<tbody>${[...before, week].map(
        ({ monday, detected, dead, median, closed, openAtEnd }) =>
          html`<tr><th scope="row">${monday}</th><td>${detected}</td><td>${dead}</td><td>${median === undefined ? "–" : formatDuration(median)}</td><td>${closed}</td><td>${openAtEnd}</td></tr>`,
      )}</tbody></table></div>
<p>Median time to remediate of all new leaks: ${medianSentence(summary.remediation)}.</p></section>`,
      list("overdue", "Past the time allowed", overdue, (incident) => `open for ${formatDuration(ageOf(incident, summary.at))}`),
      list("held", "Rotations that wait for a person", held, ({ run }) => run?.code ?? "no reason was kept"),
      again.length === 0
        ? nothing
        : html`<section aria-labelledby="again"><h2 id="again">AI identities that leaked again</h2>${groupTable("identity", again, 20)}</section>`,
      owners.length === 0
        ? nothing
        : html`<section aria-labelledby="owners"><h2 id="owners">Open by owner</h2>${groupTable("owner", owners, 20)}</section>`,
      html`<footer>As of ${time(summary.at)}.</footer>`,
    ]),
    { here: "/week" },
  );
}

function list(id: string, title: string, incidents: readonly IncidentFacts[], what: (incident: IncidentFacts) => string): Html {
  if (incidents.length === 0) return nothing;
  return html`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2><ul class="deaths">${incidents
    .slice(0, 50)
    .map(
      (incident) =>
        html`<li><a href="/incidents/${incident.id}"><span class="id">${incident.id}</span> <bdi>${incident.credential.title}</bdi></a> <span>${what(incident)}, ${
          incident.owner === undefined ? html`<strong class="missing">nobody owns it</strong>` : html`<bdi>${incident.owner}</bdi>`
        }</span></li>`,
    )}</ul>${incidents.length > 50 ? html`<p class="note">and ${incidents.length - 50} more</p>` : nothing}</section>`;
}
