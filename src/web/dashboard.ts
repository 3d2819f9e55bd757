import { html } from "hono/html";
import type { Tile } from "../governance/overview.ts";
import type { IncidentFacts, ListedIncident } from "../incident/fold.ts";
import { kindNames, runtimeKinds } from "../incident/runtime.ts";
import { type Automation, automation } from "../metric/automation.ts";
import { formatDuration, formatShare } from "../metric/duration.ts";
import { type FunnelStage, type FunnelStep, funnel } from "../metric/funnel.ts";
import { groupBy } from "../metric/groups.ts";
import { type Cohort, durationOf, type Summary, summarize } from "../metric/summary.ts";
import { type Week, weekly } from "../metric/weeks.ts";
import { fewest, headline, medianSentence, runtimeSentence } from "../report/metrics-text.ts";
import { barChart, legend } from "./chart/bars.ts";
import { survivalChart, survivalTable } from "./chart/survival.ts";
import { trendChart, trendTable } from "./chart/trend.ts";
import { groupTable } from "./groups.ts";
import { incidentList } from "./incident-row.ts";
import { heldBackNote } from "./incidents.ts";
import { type Html, join, nothing, page, time } from "./layout.ts";
import { tileRow } from "./overview.ts";
import type { HeldBack } from "./readers.ts";

/** At most this many open incidents stand on the first page. */
const shown = 10;

/** The first page, in the order in which somebody in charge asks: what is alive and whose is it, who is waited for, how long does it take. */
export function dashboardPage(
  incidents: readonly ListedIncident[],
  now: string,
  { tiles = [], held = [] }: { readonly tiles?: readonly Tile[]; readonly held?: readonly HeldBack[] } = {},
): Html {
  const summary = summarize(incidents, now);
  // pictures of a handful of incidents would pretend to know more than the list above them
  const weeks = summary.remediation.survival.n < fewest ? [] : sinceTheFirst(weekly(incidents, now));
  return page(
    "Overview",
    join([
      html`<h1>${headline(summary)}</h1>`,
      openIncidents(summary),
      openRuntime(summary),
      heldBackNote(held),
      waiting(incidents),
      numbers(summary),
      tiles.length === 0 ? nothing : tileRow(tiles),
      remediation(summary, incidents),
      trend(weeks),
      openByAge(summary),
      backlog(weeks),
      where(funnel(incidents)),
      again(incidents, now),
      howEnded(automation(incidents)),
      html`<footer>As of ${time(summary.at)}, ${count(summary.incidents, "incident", "incidents")} in all. <a href="/week">The last week, for print</a>, <a href="/api/v1/metrics">numbers as JSON</a>, <a href="/incidents.csv">incidents as CSV</a>.</footer>`,
    ]),
    { here: "/" },
  );
}

function openIncidents({ open, at }: Summary): Html {
  if (open.length === 0) return nothing;
  return html`<section aria-labelledby="open"><h2 id="open">Open credentials and their owners</h2>
${incidentList(open.slice(0, shown), at)}
${open.length > shown ? html`<p class="more"><a href="/incidents?state=open">All ${open.length} open ones</a></p>` : nothing}</section>`;
}

/** In the same queue, with its own numbers: a runtime event ends by a person's word, not by a proof. */
function openRuntime({ runtime, at }: Summary): Html {
  if (runtime.incidents === 0) return nothing;
  const { open, openByKind, overdue, resolved, contained, accepted, dismissed, median } = runtime;
  const kinds = runtimeKinds.filter((kind) => openByKind[kind] > 0);
  return html`<section aria-labelledby="runtime"><h2 id="runtime">What happened to agents at runtime</h2>
<p>Of ${count(runtime.incidents, "runtime event", "runtime events")}, ${runtimeSentence(runtime)}${
    kinds.length === 0
      ? nothing
      : html`: ${kinds.map((kind, index) => html`${index === 0 ? "" : ", "}<a href="/incidents?state=open&amp;kind=${kind}">${openByKind[kind]} ${kindNames[kind].toLowerCase()}</a>`)}`
  }.${overdue === 0 ? nothing : html` ${overdue} past the time allowed.`}</p>
${incidentList(open.slice(0, shown), at)}
<p class="note">Resolved ${resolved}, contained ${contained}, accepted ${accepted}, dismissed ${dismissed}${median === undefined ? nothing : html`; half were closed within ${formatDuration(median)}`}. In none of the numbers of leaked credentials.</p></section>`;
}

function waiting(incidents: readonly IncidentFacts[]): Html {
  const held = incidents.filter(({ state, run }) => state === "open" && run?.state === "held");
  if (held.length === 0) return nothing;
  return html`<section aria-labelledby="held"><h2 id="held">Rotations that wait for a person</h2>
<ul class="deaths">${held.slice(0, shown).map(
    ({ id, credential, owner, run }) => html`<li><a href="/incidents/${id}"><span class="id">${id}</span> <bdi>${credential.title}</bdi></a>
<span><bdi>${run?.message ?? run?.code ?? "no reason was kept"}</bdi> ${owner === undefined ? html`<strong class="missing">Nobody owns it.</strong>` : html`Waits for <bdi>${owner}</bdi>.`}</span></li>`,
  )}</ul>
${held.length > shown ? html`<p class="more"><a href="/incidents?only=held">All ${held.length}</a></p>` : nothing}</section>`;
}

function numbers(summary: Summary): Html {
  const { provenDead, revokedByStatement, accepted, deadWhenFound, dismissed } = summary;
  if (summary.incidents === 0) return nothing;
  return html`<section aria-labelledby="numbers"><h2 id="numbers">What became of the rest</h2>
<dl class="numbers">
<div class="dead"><dt>Proven dead</dt><dd>${provenDead}</dd></div>
<div class="stated"><dt>Revoked by statement</dt><dd>${revokedByStatement}</dd></div>
<div class="accepted"><dt>Risk accepted</dt><dd>${accepted}</dd></div>
</dl>
<p class="note">Only the first is proof, so they are never added. Counted apart: ${deadWhenFound} dead when found, ${dismissed} dismissed.</p></section>`;
}

function remediation(summary: Summary, incidents: readonly IncidentFacts[]): Html {
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

function deaths(summary: Summary, incidents: readonly IncidentFacts[]): Html {
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
${atBothWidths((width, id) => survivalChart(survival, { width, id }))}
<figcaption>Share of leaked credentials still usable, by time since detection. The band is the 95 % interval; a tick on the line is one that was still open, stated or accepted when last seen.</figcaption>
<details><summary>The curve as a table</summary>${survivalTable(survival)}</details>
</figure>`;
}

function trend(weeks: readonly Week[]): Html {
  if (weeks.filter(({ median }) => median !== undefined).length < 2) return nothing;
  return html`<section aria-labelledby="trend"><h2 id="trend">Is it getting faster</h2>
<figure>${atBothWidths((width, id) => trendChart(weeks, { width, id: `trend-${id}` }))}
<figcaption>Time to remediate of the leaks of each week. The dot: half were dead within this time; the bar above it: 90 %. A hollow dot stands on fewer than ten leaks and says little.</figcaption>
<details><summary>The weeks as a table</summary>${trendTable(weeks)}</details></figure></section>`;
}

/** The weeks before Rekey came say nothing; four are kept, so that one week is not a picture of its own. */
function sinceTheFirst(weeks: readonly Week[]): readonly Week[] {
  const first = weeks.findIndex(({ detected, closed, openAtEnd }) => detected + closed + openAtEnd > 0);
  return weeks.slice(Math.max(0, Math.min(first, weeks.length - 4)));
}

function openByAge({ open, openByAge: buckets, overdue }: Summary): Html {
  if (open.length === 0) return nothing;
  const severities = (["critical", "high", "medium", "low", "info"] as const).filter((severity) =>
    open.some((one) => one.severity === severity),
  );
  const most = Math.max(...buckets.map(({ count: many }) => many));
  return html`<section aria-labelledby="ages"><h2 id="ages">Open by age</h2>
<div class="scroll" role="region" aria-label="Table of open credentials by age" tabindex="0"><table class="ages"><thead><tr><th scope="col">Age</th><th scope="col">Open</th>${severities.map((severity) => html`<th scope="col">${severity}</th>`)}</tr></thead><tbody>${buckets.map(
    ({ label, count: many, bySeverity }) =>
      html`<tr><th scope="row">${label}</th><td><span class="meter"><meter min="0" max="${most}" value="${many}" aria-hidden="true"></meter> ${many}</span></td>${severities.map((severity) => html`<td>${bySeverity[severity] ?? 0}</td>`)}</tr>`,
  )}</tbody></table></div>
${overdue === 0 ? nothing : html`<p class="note"><a href="/incidents?state=open&amp;only=overdue">${count(overdue, "one is", "are")} past the time allowed</a> for its severity.</p>`}</section>`;
}

function backlog(weeks: readonly Week[]): Html {
  if (weeks.length === 0) return nothing;
  const series = ["detected", "closed", "open at the end"];
  const bars = weeks.map(({ monday, detected, closed, openAtEnd }) => ({ label: monday.slice(5), values: [detected, closed, openAtEnd] }));
  return html`<section aria-labelledby="backlog"><h2 id="backlog">What comes in and what is closed</h2>
<figure>${legend(series)}${atBothWidths((width, id) => barChart(bars, { series, title: "Detected, closed and still open by week", width, id: `backlog-${id}` }))}
<figcaption>By week, false positives left out of what was detected; what was found in history counts as open, not as detected.</figcaption></figure></section>`;
}

const stageNames: Readonly<Record<FunnelStage, string>> = {
  detected: "Detected",
  owned: "Has an owner",
  acknowledged: "Acknowledged",
  replaced: "New one in use",
  revoked: "Revoked",
  dead: "Proven dead",
};

function where(steps: readonly FunnelStep[]): Html {
  const [first] = steps;
  if (first === undefined || first.reached === 0) return nothing;
  return html`<section aria-labelledby="funnel"><h2 id="funnel">Where the time goes</h2>
<div class="scroll" role="region" aria-label="Table of stages" tabindex="0"><table class="ages"><thead><tr><th scope="col">Stage</th><th scope="col">New leaks that got there</th><th scope="col">Median time from the stage before</th></tr></thead><tbody>${steps.map(
    ({ stage, reached, median, n }) =>
      html`<tr><th scope="row">${stageNames[stage]}</th><td><span class="meter"><meter min="0" max="${first.reached}" value="${reached}" aria-hidden="true"></meter> ${reached}</span></td><td>${median === undefined ? "–" : `${formatDuration(median)} (${n})`}</td></tr>`,
  )}</tbody></table></div>
<p class="note">In brackets: how many the median is made of. An incident that needed no new credential skips that stage.</p></section>`;
}

function again(incidents: readonly IncidentFacts[], now: string): Html {
  const groups = groupBy(incidents, "identity", now, 8);
  if (groups.length === 0) return nothing;
  return html`<section aria-labelledby="again"><h2 id="again">AI identities, the most pressing first</h2>
${groupTable("identity", groups)}
<p class="more"><a href="/identities">All identities</a>, by <a href="/owners">owner</a>, <a href="/repositories">repository</a>, <a href="/types">credential type</a></p></section>`;
}

function howEnded({ byPlaybook, byHand, heldBy }: Automation): Html {
  if (byPlaybook + byHand + heldBy.length === 0) return nothing;
  const share = byPlaybook + byHand === 0 ? undefined : byPlaybook / (byPlaybook + byHand);
  return html`<section aria-labelledby="ended"><h2 id="ended">Who ended them</h2>
<p>${
    share === undefined
      ? "None is proven dead yet."
      : `Of ${count(byPlaybook + byHand, "credential", "credentials")} proven dead, a playbook ended ${byPlaybook} (${formatShare(share)}) and people ${byHand}.`
  }${heldBy.length === 0 ? nothing : html` Rotations wait because of ${heldBy.map(({ code, count: many }, index) => html`${index === 0 ? "" : ", "}<code>${code}</code> (${many})`)}.`}</p></section>`;
}

/** One picture for wide screens and one for narrow ones: text in a picture that is only scaled gets too small to read. */
function atBothWidths(draw: (width: number, id: string) => Html): Html {
  return html`<div class="wide">${draw(900, "wide")}</div><div class="narrow">${draw(340, "narrow")}</div>`;
}

function count(many: number, one: string, more: string): string {
  return many === 1 && one.startsWith("one") ? one.charAt(0).toUpperCase() + one.slice(1) : `${many} ${many === 1 ? one : more}`;
}
