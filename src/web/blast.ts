import { html } from "hono/html";
import type { ReachedThing } from "../finding.ts";
import { type Html, nothing } from "./layout.ts";
import type { OccurrenceView } from "./readers.ts";

/** What a leaked credential opens and who breaks when it dies, as a list and as a picture in words. */
export function blastSection(occurrences: readonly OccurrenceView[]): Html {
  const reach = occurrences.find(({ finding }) => (finding.reach?.length ?? 0) > 0)?.finding.reach ?? [];
  if (reach.length === 0) return nothing;
  const of = (relation: ReachedThing["relation"]) => reach.filter((one) => one.relation === relation);
  return html`<section aria-labelledby="blast"><h2 id="blast">Blast radius</h2>
${list("It opens", of("opens"), "Nothing is known that it opens.")}
${list("Breaks when it dies", of("breaks"), "Nobody is known to use it.")}
<details><summary>As a tree</summary><pre>${tree(of("opens"), of("breaks"))}</pre></details></section>`;
}

function list(title: string, things: readonly ReachedThing[], none: string): Html {
  if (things.length === 0) return html`<h3>${title}</h3><p class="note">${none}</p>`;
  return html`<h3>${title}</h3><ul class="plain">${things.map(
    ({ kind, name, access, grade, why }) =>
      html`<li><bdi>${name}</bdi> (${kind}, ${access}) <span class="grade">${grade}</span>
<ul class="evidence">${why.map(({ text, path, line }) => html`<li><bdi>${text}</bdi>${path === undefined ? nothing : html` <code class="long"><bdi>${path}</bdi>:${line ?? 1}</code>`}</li>`)}</ul></li>`,
  )}</ul>`;
}

/** One line for each thing; hono escapes it. */
function tree(opens: readonly ReachedThing[], breaks: readonly ReachedThing[]): string {
  const branch = (things: readonly ReachedThing[]) =>
    things.map(({ kind, name, access }, index) => `  ${index === things.length - 1 ? "└─" : "├─"} ${kind} ${plain(name)} (${access})`);
  return [
    "the credential",
    "├─ opens",
    ...branch(opens).map((one) => `│${one}`),
    "└─ is used by",
    ...branch(breaks).map((one) => ` ${one}`),
  ].join("\n");
}

/** A name stays on its line and in its direction. */
function plain(name: string): string {
  return name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?").slice(0, 200);
}
