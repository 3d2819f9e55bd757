import { html } from "hono/html";
import { accessText, type Campaign, type Item, isDone } from "../governance/review.ts";
import type { ListedCampaign } from "./governance-readers.ts";
import { type Html, join, nothing, page, time } from "./layout.ts";

export function reviewsPage(campaigns: readonly ListedCampaign[], now: string): Html {
  return page(
    "Access reviews",
    join([
      html`<h1>${campaigns.length === 0 ? "No access review yet" : sentence(campaigns, now)}</h1>
<p class="lead">A review freezes what each AI identity may reach; its owner keeps or denies it, and a denied credential is ended and proven dead.</p>`,
      campaigns.length === 0
        ? html`<section aria-labelledby="none"><h2 id="none">Nothing here</h2><p>Begin one with <code>rekey review create "Agents, first quarter" --due YYYY-MM-DD</code>.</p></section>`
        : html`<section aria-labelledby="list"><h2 id="list">Campaigns, newest first</h2>
<div class="scroll" role="region" aria-label="Campaigns" tabindex="0"><table><thead><tr><th scope="col">Campaign</th><th scope="col">Until</th><th scope="col">Done</th><th scope="col">Decide in</th></tr></thead><tbody>${campaigns.map(
            ({ id, name, dueAt, done, items, issue }) =>
              html`<tr><th scope="row"><a href="/reviews/${id}"><span class="id">${id}</span> <bdi>${name}</bdi></a></th><td>${dueAt.slice(0, 10)}${done < items && dueAt < now ? html` <strong class="missing">overdue</strong>` : nothing}</td><td>${done} of ${items}</td><td>${issue === undefined ? "rekey review, or CSV" : html`<bdi>${issue.repository}</bdi> #${issue.number}`}</td></tr>`,
          )}</tbody></table></div></section>`,
      html`<footer>As of ${time(now)}. <a href="/api/v1/reviews">This list as JSON</a>.</footer>`,
    ]),
    { here: "/reviews" },
  );
}

function sentence(campaigns: readonly ListedCampaign[], now: string): string {
  const open = campaigns.filter(({ done, items }) => done < items);
  const late = open.filter(({ dueAt }) => dueAt < now).length;
  if (open.length === 0) return "Every access review is done";
  return `${open.length} access ${open.length === 1 ? "review is" : "reviews are"} under way${late === 0 ? "" : `, ${late} overdue`}`;
}

/** What of a campaign is looked at. */
export interface ReviewView {
  readonly now: string;
  /** Stands in the forms of who may decide here; absent = who looks is not logged in through GitHub. */
  readonly form?: string | undefined;
  /** Only the items of this owner; empty = of nobody. */
  readonly owner?: string | undefined;
  /** From 1. */
  readonly page: number;
}

const perPage = 100;

export function reviewPage(campaign: Campaign, items: readonly Item[], { now, form, owner, page: wanted }: ReviewView): Html {
  const done = items.filter(({ state }) => isDone(state)).length;
  const own = items.filter(({ snapshot }) => owner === undefined || (snapshot.identity.owner ?? "") === owner);
  const ordered = own.toSorted((a, b) => Number(isDone(a.state)) - Number(isDone(b.state)));
  const pages = Math.max(1, Math.ceil(ordered.length / perPage));
  const current = Math.min(Math.max(1, wanted), pages);
  const shown = ordered.slice((current - 1) * perPage, current * perPage);
  return page(
    `${campaign.id}`,
    join([
      html`<p class="crumb"><a href="/reviews">Access reviews</a></p>
<h1><bdi>${campaign.name}</bdi></h1>
<p class="lead">${done} of ${items.length} items are done; until ${campaign.dueAt.slice(0, 10)}${done < items.length && campaign.dueAt < now ? html`, <strong class="missing">overdue</strong>` : nothing}.</p>
<p class="note">${form === undefined ? "Log in through GitHub to decide here, or decide" : "Decide here, or"} with <code>rekey review decide RI-… --keep|--deny --by LOGIN --reason "…"</code>${campaign.issue === undefined ? "" : html`, in issue #${campaign.issue.number} of <bdi>${campaign.issue.repository}</bdi>`}, or in your identity-governance system: <a href="/reviews/${campaign.id}/accounts.csv">accounts</a> and <a href="/reviews/${campaign.id}/entitlements.csv">entitlements</a> as CSV.</p>`,
      owners(campaign, items, owner),
      html`<section aria-labelledby="items"><h2 id="items">${owner === undefined ? "Items" : owner === "" ? "Nobody owns these" : html`Items of <bdi>${owner}</bdi>`}, what waits first</h2>
<ul class="incidents">${shown.map((item) => row(item, form))}</ul>${pager(campaign, owner, current, pages)}</section>`,
      html`<footer>As of ${time(now)}. <a href="/api/v1/reviews/${campaign.id}">This page as JSON</a>.</footer>`,
    ]),
    { here: "/reviews" },
  );
}

/** Who has how much left; each name narrows the list. */
function owners({ id }: Campaign, items: readonly Item[], chosen: string | undefined): Html {
  const by = [...Map.groupBy(items, ({ snapshot }) => snapshot.identity.owner ?? "")];
  if (by.length < 2) return nothing;
  const left = (own: readonly Item[]) => own.filter(({ state }) => !isDone(state)).length;
  const rows = by.toSorted(([a, own], [b, other]) => left(other) - left(own) || (a < b ? -1 : 1));
  return html`<section aria-labelledby="owners"><h2 id="owners">By owner</h2>
<div class="scroll" role="region" aria-label="Table of owners" tabindex="0"><table><thead><tr><th scope="col">Owner</th><th scope="col">Waiting</th><th scope="col">Done</th></tr></thead><tbody>${rows
    .slice(0, 50)
    .map(
      ([owner, own]) =>
        html`<tr><th scope="row"><a href="/reviews/${id}?owner=${encodeURIComponent(owner)}"${owner === chosen ? html` aria-current="true"` : nothing}>${owner === "" ? "nobody" : html`<bdi>${owner}</bdi>`}</a></th><td>${left(own)}</td><td>${own.length - left(own)} of ${own.length}</td></tr>`,
    )}</tbody></table></div>
${rows.length > 50 ? html`<p class="note">and ${rows.length - 50} more owners</p>` : nothing}
${chosen === undefined ? nothing : html`<p class="more"><a href="/reviews/${id}">All owners</a></p>`}</section>`;
}

function pager({ id }: Campaign, owner: string | undefined, current: number, pages: number): Html {
  if (pages === 1) return nothing;
  const to = (number: number) =>
    `/reviews/${id}?${new URLSearchParams({ ...(owner === undefined ? {} : { owner }), page: String(number) })}`;
  return html`<p class="more">Page ${current} of ${pages}${current > 1 ? html`, <a rel="prev" href="${to(current - 1)}">earlier</a>` : nothing}${current < pages ? html`, <a rel="next" href="${to(current + 1)}">further</a>` : nothing}</p>`;
}

const words = {
  open: ["?", "not decided"],
  "second-needed": ["◇", "a second person must agree"],
  kept: ["✓", "kept"],
  denied: ["◑", "denied, not seen dead yet"],
  verified: ["✓", "denied and gone"],
} as const;
const kinds = { open: "unknown", "second-needed": "stated", kept: "accepted", denied: "contained", verified: "dead" } as const;

function row({ id, campaign, hash, state, snapshot, decisions, applied }: Item, form: string | undefined): Html {
  const { identity, access, permissions, lifetime, lastUsed, authors, evidence } = snapshot;
  const last = decisions.at(-1);
  const [sign, word] = words[state];
  return html`<li id="${id}">
<div class="what"><span class="id">${id}</span> <bdi class="name">${identity.name}</bdi> (${identity.kind})
<p class="who"><bdi>${accessText(access)}</bdi>${access.kind === "credential" ? html` <a href="/incidents/${access.incident}">incident</a>` : nothing}</p>
<p class="where">${lifetime === "unknown" ? "" : `${lifetime}, `}last used ${lastUsed === undefined ? "unknown" : lastUsed.slice(0, 10)}, made by ${authors === undefined ? "unknown" : html`<bdi>${authors.join(", ")}</bdi>`}${permissions.length === 0 ? nothing : html`, reaches <bdi>${permissions.join(", ")}</bdi>`}; snapshot <code>${hash}</code></p>
${last === undefined ? nothing : html`<p class="where">${last.verdict} by <bdi>${last.by}</bdi> on ${last.at.slice(0, 10)}: <bdi>${last.reason}</bdi></p>`}
${state === "denied" && applied !== undefined ? html`<p class="where">${applied.incident === undefined ? nothing : html`<a href="/incidents/${applied.incident}">${applied.incident}</a>: `}<bdi>${applied.sentence}</bdi></p>` : nothing}
${evidence.length === 0 ? nothing : html`<details><summary>Evidence</summary><ul>${evidence.map((text) => html`<li><bdi>${text}</bdi></li>`)}</ul></details>`}
${form === undefined || (state !== "open" && state !== "second-needed") ? nothing : decideForm({ id, campaign, hash }, form)}</div>
<div class="state"><span class="badge ${kinds[state]}"><span aria-hidden="true">${sign}</span> ${word}</span></div>
</li>`;
}

/** Two buttons of one form: what is kept or denied is the snapshot that stands above. */
function decideForm({ id, campaign, hash }: Pick<Item, "id" | "campaign" | "hash">, form: string): Html {
  return html`<details><summary>Decide about ${id}</summary><form method="post" action="/reviews/${campaign}/decide" class="act"><input type="hidden" name="form" value="${form}"><input type="hidden" name="item" value="${id}"><input type="hidden" name="hash" value="${hash}"><label>Why<input type="text" name="reason" required maxlength="500"></label><button type="submit" name="verdict" value="keep">Keep</button><button type="submit" name="verdict" value="deny">Deny: end it</button></form></details>`;
}
