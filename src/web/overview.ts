import { html } from "hono/html";
import { type ControlsFile, controlCells, controlGaps } from "../governance/controls.ts";
import type { CoveredIdentity } from "../governance/coverage.ts";
import { frameworks } from "../governance/frameworks.ts";
import {
  acknowledgement,
  type GovernanceInput,
  type GovernedIdentity,
  governanceTiles,
  overdueByOwner,
  ownership,
  type Tile,
  type TileId,
  timeliness,
} from "../governance/overview.ts";
import { accessText, type Item } from "../governance/review.ts";
import { type Html, join, nothing, page, time } from "./layout.ts";

/** At most so many rows of a list stand on a page; its JSON has all. */
const most = 200;

export function governancePage(input: GovernanceInput, controls: ControlsFile | undefined, now: string): Html {
  const tiles = governanceTiles(input);
  const calling = tiles.filter(({ calls }) => calls).length;
  return page(
    "Governance",
    join([
      html`<h1>${calling === 0 ? "Nothing here waits for anybody" : `${calling} of ${tiles.length} numbers call for somebody`}</h1>
<p class="lead">Who owns the AI identities, who looked at what they may reach, which risks are lived with, and what nobody watches.</p>`,
      tileRow(tiles),
      controlTable(controls),
      html`<section aria-labelledby="further"><h2 id="further">Further</h2><ul class="plain"><li><a href="/reviews">Access reviews</a></li><li><a href="/exceptions">Exceptions</a></li></ul></section>`,
      html`<section aria-labelledby="frameworks"><h2 id="frameworks">Evidence for frameworks</h2><ul class="plain">${Object.values(frameworks).map(({ id, name, version }) => html`<li><a href="/evidence/${id}">${name} ${version}</a></li>`)}</ul></section>`,
      html`<footer>As of ${time(now)}. <a href="/api/v1/governance">These numbers as JSON</a>, <a href="/api/v1/coverage">coverage</a>, <a href="/api/v1/controls">controls</a>.</footer>`,
    ]),
    { here: "/governance" },
  );
}

/** The second row of numbers, each a link to its list. */
export function tileRow(tiles: readonly Tile[]): Html {
  return html`<section aria-labelledby="governed"><h2 id="governed">Governance</h2><ul class="tiles">${tiles.map(
    ({ id, title, value, note, calls }) =>
      html`<li${calls ? html` class="calls"` : nothing}><a class="tile" href="/governance/${id}"><span class="name">${title}</span> <strong>${value}</strong></a> <span class="where">${note}</span></li>`,
  )}</ul></section>`;
}

export function tilePage(id: TileId, input: GovernanceInput, controls: ControlsFile | undefined, now: string): Html {
  const tile = governanceTiles(input).find((one) => one.id === id);
  return page(
    tile?.title ?? id,
    join([
      html`<p class="crumb"><a href="/governance">Governance</a></p>
<h1>${tile?.title}: ${tile?.value}</h1>
<p class="lead">${explained[id]}</p>`,
      lists[id](input, controls),
      html`<footer>As of ${time(now)}.</footer>`,
    ]),
    { here: "/governance" },
  );
}

const explained: Readonly<Record<TileId, string>> = {
  owners: "Accepted means that people wrote the owner down in .rekey/identities.yml; inferred, that CODEOWNERS or a catalogue names one.",
  reviewed: "Of all items of reviews whose end has passed: decided before it, decided late, or not decided.",
  overdue: "Items of access reviews whose end has passed without a decision that counts, by whom they wait for.",
  standing: "Standing access works until somebody takes it away. Unknown means that nothing says how long it lasts.",
  exceptions: "Risks that two people live with until a date, and what became of the others.",
  acknowledged: "New leaks and runtime events, by who did something first, and whether that was within a day.",
  controls: "Each control needs an owner while code is built, while agents run, and once something has happened.",
  coverage:
    "An identity is covered while something reads its repository, tells of it at runtime, and knows where its credentials are or how they end.",
};

const lists: Readonly<Record<TileId, (input: GovernanceInput, controls: ControlsFile | undefined) => Html>> = {
  owners: ({ identities }) =>
    join([
      identityList(
        "none",
        "Nobody owns these",
        identities.filter((one) => ownership(one) === "none"),
      ),
      identityList(
        "inferred",
        "Inferred, nobody accepted it",
        identities.filter((one) => ownership(one) === "inferred"),
      ),
      identityList(
        "accepted",
        "Accepted",
        identities.filter((one) => ownership(one) === "accepted"),
      ),
    ]),
  reviewed: ({ items, campaigns, now }) => {
    const { onTime, late, overdue } = timeliness(items, campaigns, now);
    return join([
      itemList("overdue", "Not decided", overdue),
      itemList("late", "Decided late", late),
      itemList("ontime", "Decided on time", onTime),
    ]);
  },
  overdue: ({ items, campaigns, now }) =>
    join(
      overdueByOwner(timeliness(items, campaigns, now).overdue).map(({ owner, items: own }, index) =>
        itemList(`owner-${index}`, owner ?? "Nobody owns these", own),
      ),
    ),
  standing: ({ identities }) =>
    join(
      (["standing", "unknown", "inherited", "delegated", "temporary"] as const).map((lifetime) =>
        identityList(
          lifetime,
          lifetime.charAt(0).toUpperCase() + lifetime.slice(1),
          identities.filter((one) => one.lifetime === lifetime),
        ),
      ),
    ),
  exceptions: () => html`<p><a href="/exceptions">All exceptions, with who asked and who agreed</a></p>`,
  acknowledged: (input) => {
    const words = {
      never: "By nobody, and a day is over",
      late: "Late",
      somebody: "By somebody else",
      owner: "By the owner",
      "not-yet": "Not yet, and there is time",
    };
    const by = Map.groupBy(input.incidents, (incident) => acknowledgement(incident, input));
    return join(
      (["never", "late", "somebody", "owner", "not-yet"] as const).map((word) =>
        section(
          word,
          words[word],
          (by.get(word) ?? []).map(
            ({ id, credential, owner, acknowledgedBy }) =>
              html`<li><a href="/incidents/${id}"><span class="id">${id}</span> <bdi>${credential.title}</bdi></a> <span class="where">${ownerText(owner)}${acknowledgedBy === undefined ? nothing : html`, first <bdi>${acknowledgedBy}</bdi>`}</span></li>`,
          ),
        ),
      ),
    );
  },
  controls: (_, controls) => join([controlTable(controls), gapList(controls)]),
  coverage: ({ uncovered }) =>
    section(
      "uncovered",
      "Not covered",
      uncovered.map(
        (one) => html`<li>${identityName(one)} <span class="where">${ownerText(one.owner)}; lacks ${one.lacks.join(", ")}</span></li>`,
      ),
    ),
};

function identityList(id: string, title: string, identities: readonly GovernedIdentity[]): Html {
  return section(
    id,
    title,
    identities.map(
      (one) =>
        html`<li>${identityName(one)} <span class="where">${ownerText(one.owner)}${one.repository === undefined ? nothing : html`, <bdi>${one.repository}</bdi>`}</span></li>`,
    ),
  );
}

function itemList(id: string, title: string, items: readonly Item[]): Html {
  return section(
    id,
    title,
    items.map(
      ({ id: item, campaign, snapshot }) =>
        html`<li><a href="/reviews/${campaign}#${item}"><span class="id">${item}</span> <bdi>${snapshot.identity.name}</bdi></a> <span class="where"><bdi>${accessText(snapshot.access)}</bdi>, ${ownerText(snapshot.identity.owner)}</span></li>`,
    ),
  );
}

function section(id: string, title: string, rows: readonly Html[]): Html {
  if (rows.length === 0) return nothing;
  return html`<section aria-labelledby="${id}"><h2 id="${id}"><bdi>${title}</bdi> (${rows.length})</h2><ul class="plain rows">${rows.slice(0, most)}</ul>
${rows.length > most ? html`<p class="note">and ${rows.length - most} more</p>` : nothing}</section>`;
}

function identityName({ id, kind, name }: CoveredIdentity): Html {
  return html`<a href="/identity?id=${encodeURIComponent(id)}"><bdi>${name}</bdi></a> (${kind})`;
}

function ownerText(owner: string | undefined): Html {
  return owner === undefined ? html`<strong class="missing">no owner</strong>` : html`<bdi>${owner}</bdi>`;
}

const phaseNames = { build: "Build time", runtime: "Runtime", "incident-response": "Incident response" } as const;

function controlTable(controls: ControlsFile | undefined): Html {
  if (controls === undefined)
    return html`<section aria-labelledby="owned"><h2 id="owned">Who owns which control</h2><p>Nobody has written it down: name a file under <code>governance.controls</code> in <code>rekey.yml</code>.</p></section>`;
  const cells = Map.groupBy(controlCells(controls), ({ control }) => control);
  return html`<section aria-labelledby="owned"><h2 id="owned">Who owns which control</h2>
<div class="scroll" role="region" aria-label="Table of controls and owners" tabindex="0"><table><thead><tr><th scope="col">Control</th>${Object.values(phaseNames).map((name) => html`<th scope="col">${name}</th>`)}</tr></thead><tbody>${[
    ...cells,
  ].map(
    ([control, own]) =>
      html`<tr><th scope="row">${control}</th>${Object.keys(phaseNames).map((phase) => {
        const cell = own.find((one) => one.phase === phase);
        if (cell === undefined) return html`<td>–</td>`;
        if (cell.none !== undefined) return html`<td>nobody: <bdi>${cell.none}</bdi></td>`;
        if (cell.owner === undefined) return html`<td><strong class="missing">no owner</strong></td>`;
        return html`<td><bdi>${cell.owner}</bdi>${cell.backup === undefined ? nothing : html`, then <bdi>${cell.backup}</bdi>`}</td>`;
      })}</tr>`,
  )}</tbody></table></div></section>`;
}

function gapList(controls: ControlsFile | undefined): Html {
  return section(
    "gaps",
    "Gaps",
    controlGaps(controls).map(({ sentence }) => html`<li><bdi>${sentence}</bdi></li>`),
  );
}
