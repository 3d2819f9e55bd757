import { html } from "hono/html";
import { formatDuration } from "../metric/duration.ts";
import { backfillSummary } from "../report/backfill-text.ts";
import { type Html, join, nothing, page, time } from "./layout.ts";
import type { Viewer } from "./viewer.ts";

/** How far the history of each repository is looked through, as the store tells it. */
export interface BackfillView {
  readonly paused?: { readonly by: string; readonly at: string };
  readonly repositories: readonly {
    readonly repository: string;
    readonly private: boolean;
    readonly state: string;
    readonly kilobytes: number;
    readonly seconds?: number;
    readonly found?: number;
    readonly problem?: string;
    readonly notBefore?: string;
  }[];
}

/** Cut to the repositories that this person may see. */
export function backfillFor({ repositories: mine }: Viewer, { repositories, ...rest }: BackfillView): BackfillView {
  return { ...rest, repositories: repositories.filter(({ repository }) => mine === "all" || mine.has(repository)) };
}

const words: Readonly<Record<string, string>> = {
  asked: "not started",
  waiting: "waiting",
  running: "being read",
  done: "looked through",
  failed: "failed",
};

export function backfillPage({ paused, repositories }: BackfillView): Html {
  return page(
    "History",
    join([
      html`<h1>${backfillSummary(repositories)}</h1>`,
      paused === undefined
        ? nothing
        : html`<p class="lead"><strong>Paused</strong> since ${time(paused.at)} by <bdi>${paused.by}</bdi>. <code>rekey backfill resume</code> ends that.</p>`,
      html`<p class="note">Public repositories come first, then those where something lives already. What is found in history notifies nobody, is a cohort of its own, and is listed under <a href="/incidents?origin=history&amp;state=open">incidents found in history</a>.</p>`,
      repositories.length === 0
        ? nothing
        : html`<div class="scroll" role="region" aria-label="Table of repositories and how far their history is looked through" tabindex="0"><table>
<thead><tr><th scope="col">Repository</th><th scope="col">State</th><th scope="col">Size</th><th scope="col">Places with a credential</th><th scope="col">Took</th></tr></thead>
<tbody>${repositories.map(
            ({ repository, private: isPrivate, state, kilobytes, seconds, found, problem }) =>
              html`<tr><th scope="row"><bdi>${repository}</bdi>${isPrivate ? nothing : html` (public)`}</th><td><strong>${words[state] ?? state}</strong>${
                problem === undefined || state === "done" ? nothing : html`<br>${problem}`
              }</td><td>${Math.round(kilobytes / 1024)} MB</td><td>${found ?? "–"}</td><td>${seconds === undefined ? "–" : formatDuration(seconds * 1000)}</td></tr>`,
          )}</tbody></table></div>`,
    ]),
    { here: "/rollout", live: repositories.some(({ state }) => state === "running" || state === "waiting") },
  );
}
