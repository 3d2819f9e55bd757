import { html } from "hono/html";
import type { ExceptionRow } from "../governance/exception.ts";
import { type Html, join, nothing, page, time } from "./layout.ts";

const parts = [
  { id: "asked", title: "Asked for, and waiting for agreement", fits: ({ state }: ExceptionRow) => state === "asked" },
  { id: "expiring", title: "End within 14 days", fits: ({ state }: ExceptionRow) => state === "expiring" },
  { id: "active", title: "Accepted risks", fits: ({ state, kind }: ExceptionRow) => state === "active" && kind === "accepted-risk" },
  { id: "over", title: "Over", fits: ({ state }: ExceptionRow) => state === "expired" || state === "ended" },
  { id: "dismissed", title: "Dismissed: no credential, or one for tests", fits: ({ kind }: ExceptionRow) => kind !== "accepted-risk" },
] as const;

/** At most so many rows stand on the page; the CSV has all. */
const most = 200;

export function exceptionsPage(rows: readonly ExceptionRow[], now: string): Html {
  return page(
    "Exceptions",
    join([
      html`<h1>${sentence(rows)}</h1>
<p class="lead">Whoever accepts the risk of a credential that lives, or may live, needs a second person of the security team and a date. When the date has passed, the incident is open again and its clock has never stopped.</p>`,
      ...parts.map(({ id, title, fits }) => section(id, title, rows.filter(fits))),
      html`<footer>As of ${time(now)}. <a href="/api/v1/exceptions">This list as JSON</a>, <a href="/exceptions.csv">as CSV</a>.</footer>`,
    ]),
    { here: "/governance" },
  );
}

function sentence(rows: readonly ExceptionRow[]): string {
  const count = (fits: (row: ExceptionRow) => boolean) => rows.filter(fits).length;
  const open = count(({ state, kind }) => kind === "accepted-risk" && (state === "active" || state === "expiring"));
  const ending = count(({ state }) => state === "expiring");
  const asked = count(({ state }) => state === "asked");
  if (open + asked === 0) return "No risk is accepted";
  return `${open === 1 ? "1 risk is" : `${open} risks are`} accepted${ending === 0 ? "" : `, ${ending} for 14 days or less`}${asked === 0 ? "" : `; ${asked} ${asked === 1 ? "waits" : "wait"} for agreement`}`;
}

function section(id: string, title: string, rows: readonly ExceptionRow[]): Html {
  if (rows.length === 0) return nothing;
  return html`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2>
<div class="scroll" role="region" aria-label="Table: ${title.toLowerCase()}" tabindex="0"><table><thead><tr><th scope="col">Incident</th><th scope="col">Identity and owner</th><th scope="col">Asked by</th><th scope="col">Agreed</th><th scope="col">Until</th></tr></thead><tbody>${rows
    .slice(0, most)
    .map(row)}</tbody></table></div>
${rows.length > most ? html`<p class="note">and ${rows.length - most} more, in the CSV</p>` : nothing}</section>`;
}

function row({ incident, title, identity, owner, askedBy, askedAt, approvedBy, until, endedAt, why, reason, kind }: ExceptionRow): Html {
  const over =
    endedAt === undefined
      ? nothing
      : html`<br>${why === undefined ? "expired" : "ended"} ${endedAt.slice(0, 10)}${why === undefined ? nothing : html`: <bdi>${why}</bdi>`}`;
  return html`<tr><th scope="row"><a href="/incidents/${incident}"><span class="id">${incident}</span> <bdi>${title}</bdi></a><div class="where reason"><bdi>${reason}</bdi></div></th><td>${
    identity === undefined
      ? "unknown identity"
      : html`<a href="/identity?id=${encodeURIComponent(identity.id)}"><bdi>${identity.name}</bdi></a>`
  }, ${owner === undefined ? html`<strong class="missing">no owner</strong>` : html`<bdi>${owner}</bdi>`}</td><td><bdi>${askedBy}</bdi> ${askedAt.slice(0, 10)}</td><td>${
    approvedBy.length === 0 ? (kind === "accepted-risk" ? "nobody else" : "–") : html`<bdi>${approvedBy.join(", ")}</bdi>`
  }</td><td>${until === undefined ? "–" : until.slice(0, 10)}${over}</td></tr>`;
}
