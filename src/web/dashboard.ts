import { html } from "hono/html";
import type { Incident } from "../incident/fold.ts";
import { formatDuration, formatShare } from "../metric/duration.ts";
import { ageOf, type Cohort, durationOf, type Summary } from "../metric/summary.ts";
import { fewest, headline, medianSentence } from "../report/metrics-text.ts";
import { survivalChart, survivalTable } from "./chart.ts";
import { type Html, join, nothing, page, time } from "./layout.ts";
import { statusBadge } from "./status.ts";

/** At most this many open incidents stand on the first page. */
const shown = 100;

/** The first page, in the order in which somebody in charge asks: what is alive and whose is it, what is done, how long does it take. */
export function dashboardPage(summary: Summary, incidents: readonly Incident[]): Html {
  return page(
    "Overview",
    join([
      html`<h1>${headline(summary)}</h1>`,
      openIncidents(summary),
      numbers(summary),
      remediation(summary, incidents),
      openByAge(summary),
      html`<footer>As of ${time(summary.at)}, ${count(summary.incidents, "incident", "incidents")} in all. <a href="/api/v1/metrics">Numbers as JSON</a>, <a href="/api/v1/incidents">incidents as JSON</a>.</footer>`,
    ]),
  );
}

function openIncidents({ open, at }: Summary): Html {
  if (open.length === 0) return nothing;
  const rest = open.length - shown;
  return html`<section aria-labelledby="open"><h2 id="open">Open credentials and their owners</h2>
<ul class="incidents">${open.slice(0, shown).map((incident) => openIncident(incident, at))}</ul>
${rest > 0 ? html`<p class="note">and ${rest} more: <a href="/api/v1/incidents?state=open&amp;limit=100000">all open ones as JSON</a></p>` : nothing}</section>`;
}

function openIncident(incident: Incident, now: string): Html {
  const { id, credential, identities, owner, severity, repository, preExisting } = incident;
  const [identity] = identities;
  return html`<li>
<div class="what"><a href="/incidents/${id}"><span class="id">${id}</span> <bdi>${credential.title}</bdi></a>
<p class="who">${identity === undefined ? html`unknown identity` : html`<bdi class="name">${identity.name}</bdi> (${identity.kind})`}${
    owner === undefined ? html`, <strong class="missing">no owner</strong>` : html`, owned by <bdi class="owner">${owner}</bdi>`
  }</p>
${repository === undefined ? nothing : html`<p class="where"><bdi>${repository}</bdi>${preExisting ? ", found in history" : ""}</p>`}</div>
<div class="state">${statusBadge(incident)}<span class="severity">${severity}</span><span class="age">open for ${formatDuration(ageOf(incident, now))}</span></div>
</li>`;
}

function numbers(summary: Summary): Html {
  const { provenDead, revokedByStatement, accepted, deadWhenFound, dismissed } = summary;
  return html`<section aria-labelledby="numbers"><h2 id="numbers">What became of the rest</h2>
<dl class="numbers">
<div class="dead"><dt>Proven dead</dt><dd>${provenDead}</dd></div>
<div class="stated"><dt>Revoked by statement</dt><dd>${revokedByStatement}</dd></div>
<div class="accepted"><dt>Risk accepted</dt><dd>${accepted}</dd></div>
</dl>
<p class="note">Only the first is proof, so they are never added. Counted apart: ${deadWhenFound} dead when found, ${dismissed} dismissed.</p></section>`;
}

function remediation(summary: Summary, incidents: readonly Incident[]): Html {
  const { remediation: cohort, exposure, preExisting } = summary;
  const { n, events } = cohort.survival;
  if (n === 0) return nothing;
  const before = preExisting.survival;
  return html`<section aria-labelledby="time"><h2 id="time">Time until a leaked credential is dead</h2>
${
  n < fewest
    ? html`<p class="lead">${events} of ${n} dead. A median and a curve are shown from ${fewest} incidents on.</p>`
    : html`<p class="lead">Median time to remediate: ${medianSentence(cohort)}.</p><p>Median exposure window: ${medianSentence(exposure)}.</p>`
}
${shares(cohort)}
${n < fewest ? deaths(summary, incidents) : curve(cohort)}
${before.n === 0 ? nothing : html`<p class="note">Found in history and not mixed in: ${before.events} of ${before.n} dead.</p>`}</section>`;
}

function shares({ within, survival }: Cohort): Html {
  return html`<dl class="shares">${within.map(
    ({ label, share, low, high }) => html`<div><dt>Dead within ${label}</dt>
<dd>${share === undefined ? "not known yet" : formatShare(share)}${
      low === undefined || high === undefined || survival.n < fewest
        ? nothing
        : html` <small>${formatShare(low)} to ${formatShare(high)}</small>`
    }</dd></div>`,
  )}</dl>`;
}

function deaths(summary: Summary, incidents: readonly Incident[]): Html {
  const dead = incidents.filter(({ death, preExisting }) => !preExisting && death !== undefined && !death.whenFound);
  if (dead.length === 0) return nothing;
  return html`<ul class="deaths">${dead.map(
    (
      incident,
    ) => html`<li><a href="/incidents/${incident.id}"><span class="id">${incident.id}</span> <bdi>${incident.credential.title}</bdi></a>
<span>dead after ${formatDuration(durationOf(incident, incident.clock.detected, summary.at).ms)}</span></li>`,
  )}</ul>`;
}

function curve({ survival }: Cohort): Html {
  return html`<figure>
<div class="wide">${survivalChart(survival, { width: 900, id: "wide" })}</div>
<div class="narrow">${survivalChart(survival, { width: 340, id: "narrow" })}</div>
<figcaption>Share of leaked credentials still usable, by time since detection. The band is the 95 % interval; a tick on the line is one that was still open, stated or accepted when last seen.</figcaption>
<details><summary>The curve as a table</summary>${survivalTable(survival)}</details>
</figure>`;
}

function openByAge({ open, openByAge: buckets, overdue }: Summary): Html {
  if (open.length === 0) return nothing;
  const most = Math.max(...buckets.map(({ count: many }) => many));
  return html`<section aria-labelledby="ages"><h2 id="ages">Open by age</h2>
<table class="ages"><thead><tr><th scope="col">Age</th><th scope="col">Open</th></tr></thead><tbody>${buckets.map(
    ({ label, count: many }) =>
      html`<tr><th scope="row">${label}</th><td><meter min="0" max="${most}" value="${many}" aria-hidden="true"></meter> ${many}</td></tr>`,
  )}</tbody></table>
${overdue === 0 ? nothing : html`<p class="note">${count(overdue, "one is", "are")} past the time allowed for its severity.</p>`}</section>`;
}

function count(many: number, one: string, more: string): string {
  return many === 1 && one.startsWith("one") ? one.charAt(0).toUpperCase() + one.slice(1) : `${many} ${many === 1 ? one : more}`;
}
