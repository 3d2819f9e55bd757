import { html } from "hono/html";
import type { Graph, GraphEdge } from "../identity/graph.ts";
import { mermaid } from "../identity/mermaid.ts";
import type { Reached } from "../identity/reach.ts";
import { explainedPart } from "../identity/text.ts";
import { type Html, nothing, page, time } from "./layout.ts";
import type { SeenView } from "./readers.ts";

/** One identity of a default branch: who answers for it, what uses it and what it uses, and what it reaches; each with its evidence. */
export function identityPage(id: string, repository: string, graph: Graph, seen: readonly SeenView[] = []): Html | undefined {
  const identity = graph.identities.find((one) => one.id === id);
  const part = explainedPart(id, graph);
  if (identity === undefined || part === undefined) return undefined;
  const { kind, name, owner, sponsor, environment, locations } = identity;
  const names = new Map([...graph.nodes, ...graph.identities].map((one) => [one.id, one.name]));
  const edges = graph.edges.filter(({ from, to, relation }) => (from === id || to === id) && relation !== "can_access");
  return page(
    `${kind} ${name}`,
    html`<p class="crumb"><a href="/identities">Identities</a></p>
<h1><bdi>${name}</bdi></h1>
<section aria-labelledby="facts"><h2 id="facts">What it is</h2><dl class="facts">
<div><dt>Kind</dt><dd>${kind}</dd></div>
<div><dt>Owner</dt><dd>${owner === undefined ? html`<strong class="missing">no owner</strong>` : html`<bdi>${owner}</bdi>`}</dd></div>
${sponsor === undefined ? nothing : html`<div><dt>Sponsor</dt><dd><bdi>${sponsor}</bdi></dd></div>`}
<div><dt>Environment</dt><dd>${environment === undefined ? "unknown, counts as production" : html`<bdi>${environment.name}</bdi> (${environment.grade})`}</dd></div>
<div><dt>Repository</dt><dd><bdi>${repository}</bdi></dd></div>
<div><dt>Where</dt><dd>${locations.slice(0, 20).map(({ path, startLine }) => html`<code class="long"><bdi>${path}</bdi>:${startLine}</code> `)}</dd></div>
</dl></section>
${seenSection(seen)}
${reachSection(part.reach)}
<section aria-labelledby="ties"><h2 id="ties">What ties it</h2>
<ul class="plain">${edges.slice(0, mostShown).map((edge) => tie(edge, names))}</ul>
${edges.length > mostShown ? html`<p class="note">and ${edges.length - mostShown} more</p>` : nothing}</section>
<details><summary>As a Mermaid picture</summary><pre>${mermaid(part.graph)}</pre></details>
<p><a href="/incidents">Incidents</a></p>`,
    { here: "/identities" },
  );
}

const mostShown = 100;

const saidAs: Readonly<Record<SeenView["kind"], string>> = {
  agent: "gen_ai.agent.name",
  "agent-id": "gen_ai.agent.id",
  service: "service.name",
  key: "the alias of a gateway's key",
};

/** Edges of the runtime: a name is all that ties them, and anybody with the source's token can say it. */
function seenSection(seen: readonly SeenView[]): Html {
  if (seen.length === 0) return nothing;
  return html`<section aria-labelledby="seen"><h2 id="seen">Last seen at runtime</h2>
<ul class="plain">${seen.slice(0, mostShown).map(
    ({ source, kind, name, model, calls, firstAt, lastAt }) =>
      html`<li>${time(lastAt)} by <bdi>${source}</bdi> <span class="grade">weak</span>
<ul class="evidence"><li><bdi>${source}</bdi> says ${saidAs[kind]} <code><bdi>${name}</bdi></code>: ${calls} ${calls === 1 ? "time" : "times"} since ${time(firstAt)}${model === undefined ? nothing : html`, model <bdi>${model}</bdi>`}</li></ul></li>`,
  )}</ul></section>`;
}

function reachSection(reach: readonly Reached[]): Html {
  return html`<section aria-labelledby="reach"><h2 id="reach">What it reaches</h2>${
    reach.length === 0
      ? html`<p class="note">Nothing in the repository says that it reaches anything.</p>`
      : html`<ul class="plain">${reach.slice(0, mostShown).map(
          ({ kind, name, access, grade, chain }) =>
            html`<li><bdi>${name}</bdi> (${kind}, ${access}) <span class="grade">${grade}</span>
<ul class="evidence">${chain.map(sentence)}</ul></li>`,
        )}</ul>`
  }</section>`;
}

function tie(edge: GraphEdge, names: ReadonlyMap<string, string>): Html {
  const name = (id: string) => html`<bdi>${names.get(id) ?? id}</bdi>`;
  return html`<li>${name(edge.from)} ${edge.relation.replaceAll("_", " ")} ${name(edge.to)} <span class="grade">${edge.grade}</span>
<ul class="evidence">${sentence(edge)}</ul></li>`;
}

function sentence({ evidence: [first] }: GraphEdge): Html {
  if (first === undefined) return nothing;
  const { text, path, line } = first;
  return html`<li><bdi>${text}</bdi>${path === undefined ? nothing : html` <code class="long"><bdi>${path}</bdi>:${line ?? 1}</code>`}</li>`;
}
