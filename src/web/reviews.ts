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

export function reviewPage(campaign: Campaign, items: readonly Item[], now: string): Html {
  const done = items.filter(({ state }) => isDone(state)).length;
  const owners = [...Map.groupBy(items, ({ snapshot }) => snapshot.identity.owner ?? "")].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return page(
    `${campaign.id}`,
    join([
      html`<h1><bdi>${campaign.name}</bdi></h1>
<p class="lead">${done} of ${items.length} items are done; until ${campaign.dueAt.slice(0, 10)}${done < items.length && campaign.dueAt < now ? html`, <strong class="missing">overdue</strong>` : nothing}.</p>
<p class="note">Decide with <code>rekey review decide RI-… --keep|--deny --by LOGIN --reason "…"</code>${campaign.issue === undefined ? "" : html`, in issue #${campaign.issue.number} of <bdi>${campaign.issue.repository}</bdi>`}, or in your identity-governance system: <a href="/reviews/${campaign.id}/accounts.csv">accounts</a> and <a href="/reviews/${campaign.id}/entitlements.csv">entitlements</a> as CSV.</p>`,
      ...owners.map(
        (
          [owner, own],
          index,
        ) => html`<section aria-labelledby="owner-${index}"><h2 id="owner-${index}">${owner === "" ? "Nobody owns these" : html`<bdi>${owner}</bdi>`}</h2>
<ul class="incidents">${own.map(row)}</ul></section>`,
      ),
      html`<footer>As of ${time(now)}. <a href="/api/v1/reviews/${campaign.id}">This page as JSON</a>.</footer>`,
    ]),
    { here: "/reviews" },
  );
}

const words = {
  open: ["?", "not decided"],
  "second-needed": ["◇", "a second person must agree"],
  kept: ["✓", "kept"],
  denied: ["◑", "denied, not seen dead yet"],
  verified: ["✓", "denied and gone"],
} as const;
const kinds = { open: "unknown", "second-needed": "stated", kept: "accepted", denied: "contained", verified: "dead" } as const;

function row({ id, hash, state, snapshot, decisions, applied }: Item): Html {
  const { identity, access, permissions, lifetime, lastUsed, authors, evidence } = snapshot;
  const last = decisions.at(-1);
  const [sign, word] = words[state];
  return html`<li id="${id}">
<div class="what"><span class="id">${id}</span> <bdi class="name">${identity.name}</bdi> (${identity.kind})
<p class="who"><bdi>${accessText(access)}</bdi>${access.kind === "credential" ? html` <a href="/incidents/${access.incident}">incident</a>` : nothing}</p>
<p class="where">${lifetime === "unknown" ? "" : `${lifetime}, `}last used ${lastUsed === undefined ? "unknown" : lastUsed.slice(0, 10)}, made by ${authors === undefined ? "unknown" : html`<bdi>${authors.join(", ")}</bdi>`}${permissions.length === 0 ? nothing : html`, reaches <bdi>${permissions.join(", ")}</bdi>`}; snapshot <code>${hash}</code></p>
${last === undefined ? nothing : html`<p class="where">${last.verdict} by <bdi>${last.by}</bdi> on ${last.at.slice(0, 10)}: <bdi>${last.reason}</bdi></p>`}
${state === "denied" && applied !== undefined ? html`<p class="where">${applied.incident === undefined ? nothing : html`<a href="/incidents/${applied.incident}">${applied.incident}</a>: `}<bdi>${applied.sentence}</bdi></p>` : nothing}
${evidence.length === 0 ? nothing : html`<details><summary>Evidence</summary><ul>${evidence.map((text) => html`<li><bdi>${text}</bdi></li>`)}</ul></details>`}</div>
<div class="state"><span class="badge ${kinds[state]}"><span aria-hidden="true">${sign}</span> ${word}</span></div>
</li>`;
}
