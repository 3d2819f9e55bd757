import { html } from "hono/html";
import type { Chain, ChainLink } from "../incident/chain.ts";
import type { IncidentEvent, Recorded } from "../incident/event.ts";
import type { Incident } from "../incident/fold.ts";
import type { RuntimeReport } from "../incident/runtime.ts";
import { formatDuration } from "../metric/duration.ts";
import { blastSection } from "./blast.ts";
import { describeAlert, describeEvent } from "./event-text.ts";
import { type Html, join, nothing, page, time } from "./layout.ts";
import { planSection } from "./plan.ts";
import type { EffectView, OccurrenceView, ReceiptView } from "./readers.ts";
import { statusBadge } from "./status.ts";

export interface IncidentView {
  readonly incident: Incident;
  readonly timeline: readonly Recorded<IncidentEvent>[];
  readonly occurrences: readonly OccurrenceView[];
  readonly receipts: readonly ReceiptView[];
  readonly plan: { readonly hash: string; readonly playbook: string; readonly body: unknown } | undefined;
  /** The journal of its latest run. */
  readonly effects: readonly EffectView[];
  /** What the viewer may ask for. */
  readonly forms: Html;
  /** What else belongs to it. */
  readonly chain?: Chain;
  readonly now: string;
}

export function incidentPage(view: IncidentView): Html {
  const { incident, now } = view;
  return page(
    `${incident.id} ${incident.credential.title}`,
    join([
      html`<p class="crumb"><a href="/incidents">Incidents</a></p>
<h1><span class="id">${incident.id}</span> <bdi>${incident.credential.title}</bdi></h1>
<p class="state">${statusBadge(incident)}<span class="severity">${incident.severity}</span><span class="age">${elapsed(incident, now)}</span></p>`,
      held(incident),
      view.forms,
      chainSection(view.chain),
      facts(view),
      steps(incident),
      places(view.occurrences),
      blastSection(view.occurrences),
      planSection(view.plan),
      journal(view),
      receipts(view.receipts),
      timeline(view.timeline),
      html`<footer>As of ${time(now)}. <a href="/api/v1/incidents/${incident.id}">This incident as JSON</a>.</footer>`,
    ]),
    { here: "/incidents", live: incident.run?.state === "running" },
  );
}

function elapsed({ clock, state }: Incident, now: string): string {
  const since = (to: string, from: string) => formatDuration(Math.max(0, Date.parse(to) - Date.parse(from)));
  if (clock.dead !== undefined)
    return `dead ${since(clock.dead, clock.detected)} after detection, ${since(clock.dead, clock.exposed)} after exposure`;
  if (state === "open") return `open for ${since(now, clock.detected)}`;
  return `closed ${since(clock.closed ?? now, clock.detected)} after detection`;
}

function held({ run, state }: Incident): Html {
  if (state !== "open" || run?.state !== "held") return nothing;
  return html`<p class="held"><strong>The rotation waits for a person.</strong> <bdi>${run.message ?? ""}</bdi> <code>${run.code ?? ""}</code></p>`;
}

function facts({ incident, occurrences }: IncidentView): Html {
  const { identities, owner, environment, repository, credential, alerts, statement, acceptance, dismissal } = incident;
  const revoke = occurrences[0]?.finding.revoke;
  const { kind, report, settlement } = incident;
  const rows: [string, Html][] = [
    [
      "Identity",
      identities.length === 0
        ? html`unknown`
        : html`<ul class="plain">${identities.map((one) => html`<li><a href="/identity?id=${encodeURIComponent(one.id)}"><bdi>${one.name}</bdi></a> (${one.kind}, ${one.grade})${one.evidence === undefined ? nothing : html` <span class="note"><bdi>${one.evidence}</bdi></span>`}</li>`)}</ul>`,
    ],
    ["Owner", owner === undefined ? html`<strong class="missing">no owner</strong>` : html`<bdi>${owner}</bdi>`],
    ["Environment", html`<bdi>${environment ?? "not declared, counts as production"}</bdi>`],
    ...(repository === undefined ? [] : ([["Repository", html`<bdi>${repository}</bdi>`]] as [string, Html][])),
    ...(kind === undefined ? ([["Type", html`<code>${credential.detector}</code>`]] as [string, Html][]) : []),
    ...(report === undefined ? [] : reportRows(report)),
    ...(credential.subject === undefined ? [] : ([["Subject", html`<bdi>${credential.subject}</bdi>`]] as [string, Html][])),
    ...(kind === undefined ? ([["Fingerprint", html`<code class="long">${credential.fingerprint}</code>`]] as [string, Html][]) : []),
    ...(revoke === undefined ? [] : ([["Where to revoke it", revokePlace(revoke)]] as [string, Html][])),
    ...(alerts === undefined
      ? []
      : ([["On GitHub", html`<ul class="plain">${alerts.map((alert) => html`<li><bdi>${describeAlert(alert)}</bdi></li>`)}</ul>`]] as [
          string,
          Html,
        ][])),
    ...(settlement === undefined
      ? []
      : ([[settlement.contained ? "Contained" : "Resolved", html`<bdi>${settlement.by}</bdi>: <bdi>${settlement.reason}</bdi>`]] as [
          string,
          Html,
        ][])),
    ...(statement === undefined
      ? []
      : ([["Statement", html`<bdi>${statement.by}</bdi>: <bdi>${statement.how}</bdi>`]] as [string, Html][])),
    ...(acceptance === undefined
      ? []
      : ([
          [
            "Accepted",
            html`until ${acceptance.until.slice(0, 10)}, asked by <bdi>${acceptance.by}</bdi>${acceptance.approvers.length === 0 ? nothing : html`, agreed to by <bdi>${acceptance.approvers.join(", ")}</bdi>`}: <bdi>${acceptance.reason}</bdi>`,
          ],
        ] as [string, Html][])),
    ...(dismissal === undefined
      ? []
      : ([["Dismissed", html`<bdi>${dismissal.by}</bdi>: <bdi>${dismissal.reason}</bdi>`]] as [string, Html][])),
  ];
  return html`<section aria-labelledby="facts"><h2 id="facts">What it is</h2><dl class="facts">${rows.map(
    ([term, value]) => html`<div><dt>${term}</dt><dd>${value}</dd></div>`,
  )}</dl></section>`;
}

/** A leaked key and what happened to its agent: one matter where it is confirmed, otherwise only said to be. */
function chainSection(chain: Chain | undefined): Html {
  if (chain === undefined || chain.merged.length + chain.possible.length === 0) return nothing;
  const row = ({ incident, title, severity, state, at, grade, why }: ChainLink) =>
    html`<li><a href="/incidents/${incident}"><span class="id">${incident}</span> <bdi>${title}</bdi></a> <span class="severity">${severity}</span> ${state}, ${time(at)} <span class="grade">${grade}</span>
<ul class="evidence"><li><bdi>${why}</bdi></li></ul></li>`;
  const { merged, possible, owner, severity } = chain;
  return html`<section aria-labelledby="chain"><h2 id="chain">What belongs together</h2>
${
  merged.length === 0
    ? nothing
    : html`<p>One matter with ${merged.length === 1 ? "another incident" : `${merged.length} other incidents`}: severity <strong>${severity}</strong>, ${owner === undefined ? html`<strong class="missing">no owner</strong>` : html`owned by <bdi>${owner}</bdi>`}.</p>
<ul class="plain">${merged.map(row)}</ul>`
}${
  possible.length === 0
    ? nothing
    : html`<p class="note">Possibly connected: the same name at about the same time, not proven.</p>
<ul class="plain">${possible.map(row)}</ul>`
}</section>`;
}

/** What the source of a runtime event says. */
function reportRows({ source, count, lastAt, action, rule, tool, model, externalId, link }: RuntimeReport): [string, Html][] {
  const known: readonly (readonly [string, string | undefined])[] = [
    ["What the source did", action],
    ["Rule", rule],
    ["Tool", tool],
    ["Model", model],
    ["Id at the source", externalId],
  ];
  return [
    ["Reported by", html`<bdi>${source}</bdi>, ${count === 1 ? "once" : `${count} times`}, last for ${time(lastAt)}`],
    ...known.flatMap(([name, value]): [string, Html][] => (value === undefined ? [] : [[name, html`<bdi>${value}</bdi>`]])),
    ...(link === undefined ? [] : ([["At the source", revokePlace(link)]] as [string, Html][])),
  ];
}

/** Comes from a detector, which an organisation can write: a link only where it is a web page. */
function revokePlace(revoke: string): Html {
  return /^https:\/\/[^\s"'<>]+$/.test(revoke) ? html`<a rel="noreferrer" href="${revoke}">${revoke}</a>` : html`<bdi>${revoke}</bdi>`;
}

const stamps = ["exposed", "detected", "acknowledged", "contained", "replaced", "revoked", "dead", "closed"] as const;

function steps({ clock }: Incident): Html {
  const reached = stamps.flatMap((stamp) => {
    const at = clock[stamp];
    return at === undefined ? [] : [{ stamp, at }];
  });
  const ordered = reached.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return html`<section aria-labelledby="clock"><h2 id="clock">Clock</h2><ol class="clock">${ordered.map(({ stamp, at }, index) => {
    const before = ordered[index - 1];
    const after = before === undefined ? "" : `+ ${formatDuration(Date.parse(at) - Date.parse(before.at))}`;
    return html`<li class="${stamp}"><span class="stamp">${stamp}</span> ${time(at)} <span class="after">${after}</span></li>`;
  })}</ol></section>`;
}

function places(occurrences: readonly OccurrenceView[]): Html {
  if (occurrences.length === 0) return nothing;
  const first = occurrences[0]?.finding.evidence ?? [];
  return html`<section aria-labelledby="places"><h2 id="places">Where it was found, and why we think so</h2>
<ul class="plain">${occurrences.slice(0, 50).map(
    ({ repository, path, commit, pullRequest, finding, seenAt }) =>
      html`<li><code class="long"><bdi>${path ?? finding.location.kind}</bdi>:${finding.location.startLine}</code>
<span class="where">${repository === undefined ? nothing : html`<bdi>${repository}</bdi>, `}${commit === undefined ? nothing : html`commit <code>${commit.slice(0, 10)}</code>, `}${pullRequest === undefined ? nothing : html`pull request ${pullRequest}, `}seen ${time(seenAt)}</span></li>`,
  )}</ul>
${occurrences.length > 50 ? html`<p class="note">and ${occurrences.length - 50} more places</p>` : nothing}
${first.length === 0 ? nothing : html`<ul class="evidence">${first.map(({ grade, text }) => html`<li><span class="grade">${grade}</span> <bdi>${text}</bdi></li>`)}</ul>`}</section>`;
}

/** What the run did outside, as it was written before and after each call. */
function journal({ incident: { run }, effects }: IncidentView): Html {
  if (run === undefined) return nothing;
  const words: Readonly<Record<string, string>> = {
    intended: "about to be sent",
    sent: "sent, no answer yet",
    confirmed: "done",
    unknown: "answer lost, being looked at",
    undone: "taken back",
  };
  return html`<section aria-labelledby="journal"><h2 id="journal">Rotation <code>${run.id}</code>: ${run.state}</h2>
${
  effects.length === 0
    ? html`<p>Nothing was sent outside yet.</p>`
    : html`<div class="scroll" role="region" aria-label="Journal of the rotation" tabindex="0"><table>
<thead><tr><th scope="col">Effect</th><th scope="col">State</th><th scope="col">Destroys</th><th scope="col">Since</th></tr></thead>
<tbody>${effects.map(({ key, state, destroy, at }) => html`<tr><th scope="row"><code>${key}</code></th><td>${words[state] ?? state}</td><td>${destroy ? "yes" : "no"}</td><td>${time(at)}</td></tr>`)}</tbody></table></div>`
}</section>`;
}

function receipts(list: readonly ReceiptView[]): Html {
  if (list.length === 0) return nothing;
  return html`<section aria-labelledby="receipts"><h2 id="receipts">Receipts</h2>
<p class="note">A refusal counts only beside an accepted control in the same round.</p>
<div class="scroll" role="region" aria-label="Table of receipts" tabindex="0"><table>
<thead><tr><th scope="col">Round</th><th scope="col">Credential</th><th scope="col">Answer</th><th scope="col">Code</th><th scope="col">By</th><th scope="col">At</th></tr></thead>
<tbody>${list.map(
    ({ round, subject, answer, code, via, control, at }) =>
      html`<tr><td>${round}</td><td>${subject === "old" ? "leaked" : `control (${control})`}</td><td>${answer}</td><td><code>${code}</code></td><td>${via}</td><td>${time(at)}</td></tr>`,
  )}</tbody></table></div></section>`;
}

function timeline(events: readonly Recorded<IncidentEvent>[]): Html {
  return html`<section aria-labelledby="timeline"><h2 id="timeline">Everything that happened</h2><ol class="timeline">${events.map(
    ({ at, event }) => html`<li>${time(at)} <span>${describeEvent(event)}</span></li>`,
  )}</ol></section>`;
}
