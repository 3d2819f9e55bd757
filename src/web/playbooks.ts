import { html } from "hono/html";
import type { Manifest, SinkManifest } from "../driver.ts";
import type { Playbook } from "../playbook/schema.ts";
import { type Html, join, nothing, page } from "./layout.ts";

/** What this server can rotate, and how. */
export interface Catalogue {
  readonly playbooks: readonly Playbook[];
  readonly providers: readonly Manifest[];
  readonly sinks: readonly SinkManifest[];
  /** Connections of the configuration: name and type, nothing else of them. */
  readonly connections: readonly { readonly name: string; readonly type: string }[];
}

export function playbooksPage({ playbooks, providers, sinks, connections }: Catalogue): Html {
  return page(
    "Playbooks",
    join([
      html`<h1>${playbooks.length} playbooks for ${providers.length} kinds of credentials</h1>
<p class="lead">Every other type is found, named and followed too; a person revokes it at the page that the incident shows.</p>`,
      connected(connections),
      html`<section aria-labelledby="playbooks"><h2 id="playbooks">Playbooks</h2>${playbooks.map(playbook)}</section>`,
      html`<section aria-labelledby="providers"><h2 id="providers">Providers</h2>
<div class="scroll" role="region" aria-label="Table of providers" tabindex="0"><table>
<thead><tr><th scope="col">Provider</th><th scope="col">Class</th><th scope="col">Issue</th><th scope="col">Disable</th><th scope="col">Enable again</th><th scope="col">Revoke</th><th scope="col">Proof of death</th><th scope="col">Tested against</th></tr></thead>
<tbody>${providers.map(
        ({ name, class: kind, verbs, reversible, proof, testedAgainst }) =>
          html`<tr><th scope="row">${name}</th><td>${kind}</td><td>${yes(verbs.issue)}</td><td>${yes(verbs.disable)}</td><td>${reversible.disable ? "yes" : "–"}</td><td>${yes(verbs.revoke)}</td><td>${proof}</td><td>${testedAgainst}</td></tr>`,
      )}</tbody></table></div></section>`,
      html`<section aria-labelledby="sinks"><h2 id="sinks">Secret managers</h2>
<div class="scroll" role="region" aria-label="Table of secret managers" tabindex="0"><table>
<thead><tr><th scope="col">Secret manager</th><th scope="col">Pending place</th><th scope="col">Check and set</th><th scope="col">Read back</th><th scope="col">Undo</th><th scope="col">Tested against</th></tr></thead>
<tbody>${sinks.map(
        ({ name, pending, cas, readBack, undo, testedAgainst }) =>
          html`<tr><th scope="row">${name}</th>${[pending, cas, readBack, undo].map((has) => html`<td>${has ? "yes" : "–"}</td>`)}<td>${testedAgainst}</td></tr>`,
      )}</tbody></table></div></section>`,
    ]),
    { here: "/playbooks" },
  );
}

function connected(connections: Catalogue["connections"]): Html {
  return html`<section aria-labelledby="connections"><h2 id="connections">Connections</h2>${
    connections.length === 0
      ? html`<p>None is configured, so every plan falls back to steps by hand. <code>connections:</code> in rekey.yml adds them.</p>`
      : html`<ul class="plain">${connections.map(({ name, type }) => html`<li><bdi>${name}</bdi> (${type})</li>`)}</ul>`
  }</section>`;
}

function playbook({ name, version, match, policy, steps }: Playbook): Html {
  return html`<details><summary><strong>${name}</strong> version ${version}: ${policy.modes.join(", ")}</summary>
<p class="note">For ${match.credential.map((detector, index) => html`${index === 0 ? "" : ", "}<code>${detector}</code>`)}</p>
<ol class="steps">${steps.map(({ title, uses, if: condition }) => html`<li>${title} <code>${uses}</code>${condition === undefined ? nothing : html` <span class="note">only if <code>${condition}</code></span>`}</li>`)}</ol></details>`;
}

function yes(verb: unknown): string {
  return verb === undefined ? "–" : "yes";
}
