import { html } from "hono/html";
import type { IncidentFacts } from "../incident/fold.ts";
import { formatDuration } from "../metric/duration.ts";
import { ageOf, durationOf } from "../metric/summary.ts";
import { type Html, nothing } from "./layout.ts";
import { statusBadge } from "./status.ts";

/** Incidents as a list: what, whose, where, how it stands and for how long. */
export function incidentList(incidents: readonly IncidentFacts[], now: string): Html {
  return html`<ul class="incidents">${incidents.map((incident) => row(incident, now))}</ul>`;
}

function row(incident: IncidentFacts, now: string): Html {
  const { id, credential, identities, owner, severity, repository, preExisting } = incident;
  const [identity] = identities;
  return html`<li>
<div class="what"><a href="/incidents/${id}"><span class="id">${id}</span> <bdi>${credential.title}</bdi></a>
<p class="who">${identity === undefined ? html`unknown identity` : html`<bdi class="name">${identity.name}</bdi> (${identity.kind})`}${
    owner === undefined ? html`, <strong class="missing">no owner</strong>` : html`, owned by <bdi class="owner">${owner}</bdi>`
  }</p>
${repository === undefined ? nothing : html`<p class="where"><bdi>${repository}</bdi>${preExisting ? ", found in history" : ""}</p>`}</div>
<div class="state">${statusBadge(incident)}<span class="severity">${severity}</span><span class="age">${age(incident, now)}</span></div>
</li>`;
}

function age(incident: IncidentFacts, now: string): string {
  if (incident.state === "open") return `open for ${formatDuration(ageOf(incident, now))}`;
  const { ms } = durationOf(incident, incident.clock.detected, now);
  return `${incident.death === undefined ? "closed" : "dead"} after ${formatDuration(ms)}`;
}
