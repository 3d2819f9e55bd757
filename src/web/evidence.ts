import { html } from "hono/html";
import type { EvidenceReport } from "../governance/evidence.ts";
import { evidenceHeadline, evidenceNote, relationWords } from "../report/evidence-markdown.ts";
import { type Html, join, page, time } from "./layout.ts";

/** What is evidence for the entries of one framework; also as a file of its own (`rekey report --evidence … --format html`). */
export function evidencePage(report: EvidenceReport): Html {
  const { framework, entries, at } = report;
  return page(
    `Evidence: ${framework.name}`,
    join([
      html`<p class="crumb"><a href="/governance">Governance</a></p>
<h1>${framework.name} ${framework.version}: evidence</h1>
<p class="lead">${evidenceHeadline(report)}</p>
<p class="note">${evidenceNote} Catalogue: <a rel="noreferrer" href="${framework.url}">${framework.url}</a></p>`,
      ...entries.map(
        ({ id, title, evidence }, index) =>
          html`<section aria-labelledby="entry-${index}"><h2 id="entry-${index}">${id} ${title}</h2>${
            evidence.length === 0
              ? html`<p class="note">No evidence here.</p>`
              : html`<ul class="plain rows">${evidence.map(
                  ({ relation, sentence, list }) =>
                    html`<li><span class="grade">${relationWords[relation]}</span> <a href="${list}">${sentence}</a></li>`,
                )}</ul>`
          }</section>`,
      ),
      html`<footer>As of ${time(at)}. <a href="/api/v1/evidence/${framework.id}">This report as JSON</a>.</footer>`,
    ]),
    { here: "/governance" },
  );
}
