import { html } from "hono/html";
import { formatDuration, formatShare } from "../metric/duration.ts";
import type { Group, GroupBy } from "../metric/groups.ts";
import { address } from "./filter.ts";
import { type Html, join, nothing, page, time } from "./layout.ts";

export const groupings: Readonly<Record<GroupBy, { readonly path: string; readonly title: string; readonly column: string }>> = {
  identity: { path: "/identities", title: "AI identities that leaked credentials", column: "Identity" },
  owner: { path: "/owners", title: "Owners", column: "Owner" },
  repository: { path: "/repositories", title: "Repositories", column: "Repository" },
  type: { path: "/types", title: "Credential types", column: "Type" },
};

export function groupsPage(by: GroupBy, groups: readonly Group[], now: string): Html {
  const { path, title } = groupings[by];
  const others = Object.values(groupings).filter((one) => one.path !== path);
  return page(
    title,
    join([
      html`<h1>${title}</h1>
<p class="lead">${sentence(by, groups)}</p>
<p class="note">The same by ${others.map((one, index) => html`${index === 0 ? "" : ", "}<a href="${one.path}">${one.column.toLowerCase()}</a>`)}.</p>`,
      groups.length === 0
        ? html`<section aria-labelledby="none"><h2 id="none">Nothing yet</h2><p>This list fills as incidents are found.</p></section>`
        : html`<section aria-labelledby="table"><h2 id="table">${groups.length} in all</h2>${groupTable(by, groups)}</section>`,
      html`<footer>As of ${time(now)}. <a href="/api/v1/groups/${by}">This table as JSON</a>.</footer>`,
    ]),
    { here: path },
  );
}

function sentence(by: GroupBy, groups: readonly Group[]): string {
  const known = groups.filter(({ key }) => key !== undefined);
  const again = known.filter((group) => group.again > 0);
  const noun = groupings[by].column.toLowerCase();
  if (known.length === 0) return `No ${noun} is known yet.`;
  const [worst] = again.toSorted((a, b) => b.again - a.again);
  if (worst === undefined) return `None of ${known.length} leaked more than once.`;
  return `${again.length} of ${known.length} leaked more than once; most often ${worst.name}, ${worst.again + 1} times.`;
}

/** Rows beyond `most` are left to the page of their own. */
export function groupTable(by: GroupBy, groups: readonly Group[], most = 200): Html {
  const { column } = groupings[by];
  const filter = by === "type" ? "type" : by;
  return html`<div class="scroll" role="region" aria-label="Table by ${column.toLowerCase()}" tabindex="0"><table>
<thead><tr><th scope="col">${column}</th><th scope="col">Alive</th><th scope="col">Open</th><th scope="col">Overdue</th><th scope="col">Proven dead</th><th scope="col">Half dead within</th><th scope="col">Leaked again</th>${by === "type" ? html`<th scope="col">Marked false</th>` : nothing}</tr></thead>
<tbody>${groups
    .slice(0, most)
    .map(
      (group) =>
        html`<tr><th scope="row">${
          group.key === undefined
            ? html`<em>${group.name}</em>`
            : html`<a href="${address("/incidents", {}, { [filter]: group.key })}"><bdi>${group.name}</bdi></a>`
        }</th><td>${group.live}</td><td>${group.open}</td><td>${group.overdue}</td><td>${group.provenDead}</td><td>${
          group.median === undefined ? "–" : formatDuration(group.median)
        }</td><td>${group.again === 0 ? "–" : `${group.again} times`}</td>${by === "type" ? html`<td>${group.key === undefined ? formatShare(group.dismissed) : html`<a href="/types/${encodeURIComponent(group.key)}">${formatShare(group.dismissed)}</a>`}</td>` : nothing}</tr>`,
    )}</tbody></table></div>
${groups.length > most ? html`<p class="note">and ${groups.length - most} more</p>` : nothing}`;
}
