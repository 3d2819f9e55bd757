import { html } from "hono/html";
import { incidentKinds, kindNames } from "../incident/runtime.ts";
import { address, type Filter, type Page } from "./filter.ts";
import { incidentList } from "./incident-row.ts";
import { type Html, join, nothing, page, time } from "./layout.ts";
import type { HeldBack } from "./readers.ts";

/** The list of incidents: what is filtered stands in the address, so that it can be kept, sent and printed. */
export function incidentsPage({ rows, total, next }: Page, filter: Filter, now: string, held: readonly HeldBack[] = []): Html {
  return page(
    "Incidents",
    join([
      html`<h1>${title(filter, total)}</h1>`,
      heldBackNote(held),
      html`<form method="get" action="/incidents" class="filters">${fields.map((field) => select(field, filter))}${texts.map(
        ([name, label]) => text(name, label, filter),
      )}
<div class="actions"><button type="submit">Filter</button> <a href="/incidents">Clear</a></div></form>`,
      rows.length === 0
        ? html`<section aria-labelledby="none"><h2 id="none">Nothing here</h2><p>No incident fits these filters. <a href="/incidents">Show all</a>.</p></section>`
        : html`<section aria-labelledby="list"><h2 id="list">${rows.length < total ? `${rows.length} of ${total}` : `All ${total}`}</h2>${incidentList(rows, now)}</section>`,
      next === undefined
        ? nothing
        : html`<p class="more"><a href="${address("/incidents", filter, { after: next })}" rel="next">Next page</a></p>`,
      html`<footer>As of ${time(now)}. The same list as <a href="${address("/incidents.csv", filter)}">CSV</a>, <a href="${address("/incidents.ocsf", filter)}">OCSF</a> or <a href="${address("/api/v1/incidents", filter)}">JSON</a>.</footer>`,
    ]),
    { here: "/incidents" },
  );
}

/** What a flood left out is said where people look, not only in a log. */
export function heldBackNote(held: readonly HeldBack[]): Html {
  return join(
    held.map(
      ({ source, events, lastAt }) =>
        html`<p class="held">${events} more ${events === 1 ? "event" : "events"} of <bdi>${source}</bdi> opened no incident, since too many of its own are open; the last ${time(lastAt)}.</p>`,
    ),
  );
}

function title({ kind, state, validity, only }: Filter, total: number): string {
  const words = [state, validity === "active" ? "live" : undefined, only, kind?.replaceAll("-", " ")];
  const what = words.filter((word) => word !== undefined).join(" ");
  return `${total === 0 ? "No" : total} ${what === "" ? "" : `${what} `}${total === 1 ? "incident" : "incidents"}`;
}

type Choice = readonly [value: string, label: string];
const fields: readonly { name: keyof Filter; label: string; choices: readonly Choice[] }[] = [
  { name: "kind", label: "Kind", choices: incidentKinds.map((kind): Choice => [kind, kindNames[kind].toLowerCase()]) },
  {
    name: "state",
    label: "State",
    choices: [
      ["open", "open"],
      ["resolved", "resolved"],
    ],
  },
  {
    name: "validity",
    label: "Last probe",
    choices: [
      ["active", "accepted"],
      ["inactive", "refused"],
      ["unknown", "no clear answer"],
    ],
  },
  {
    name: "severity",
    label: "Severity",
    choices: ["critical", "high", "medium", "low", "info"].map((name): Choice => [name, name]),
  },
  {
    name: "only",
    label: "Only",
    choices: [
      ["overdue", "overdue"],
      ["held", "waiting for a person"],
      ["unowned", "without owner"],
    ],
  },
  {
    name: "origin",
    label: "Found",
    choices: [
      ["new", "as a new leak"],
      ["history", "in history"],
    ],
  },
  {
    name: "sort",
    label: "Order",
    choices: [
      ["oldest", "oldest first"],
      ["newest", "newest first"],
    ],
  },
];
const texts: readonly (readonly [name: keyof Filter, label: string])[] = [
  ["owner", "Owner"],
  ["repository", "Repository"],
  ["type", "Detector"],
  ["identity", "Identity"],
];

function select({ name, label, choices }: (typeof fields)[number], filter: Filter): Html {
  return html`<label>${label}<select name="${name}"><option value="">${name === "sort" ? "most urgent first" : "any"}</option>${choices.map(
    ([value, word]) => html`<option value="${value}"${filter[name] === value ? html` selected` : nothing}>${word}</option>`,
  )}</select></label>`;
}

function text(name: keyof Filter, label: string, filter: Filter): Html {
  return html`<label>${label}<input type="text" name="${name}" value="${filter[name] ?? ""}" maxlength="300" spellcheck="false"></label>`;
}
