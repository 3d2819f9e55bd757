import { html } from "hono/html";
import { type Html, join, nothing, page, time } from "./layout.ts";
import type { Viewer } from "./viewer.ts";

/** How far Rekey goes in each repository, as the pipeline tells it. */
export interface RolloutView {
  readonly hold?: { readonly by: string; readonly reason: string; readonly at: string };
  readonly repositories: readonly {
    readonly fullName: string;
    readonly policy: {
      readonly stage: string;
      readonly because: string;
      readonly waiting?: string;
      readonly disclosure: string;
      readonly onUnavailable: string;
      readonly automatic: boolean;
    };
    readonly error?: string;
  }[];
}

/** Cut to the repositories that this person may see. */
export function rolloutFor({ repositories: mine }: Viewer, { repositories, ...rest }: RolloutView): RolloutView {
  return { ...rest, repositories: repositories.filter(({ fullName }) => mine === "all" || mine.has(fullName)) };
}

const meaning: Readonly<Record<string, string>> = {
  observe: "writes nothing to GitHub",
  check: "a check that never blocks",
  comment: "check and comment, never blocks",
  block: "a leaked key keeps the check red",
  rotate: "and commands may rotate",
};

export function rolloutPage({ hold, repositories }: RolloutView): Html {
  const counts = Object.keys(meaning).map((stage) => ({
    stage,
    count: repositories.filter(({ policy }) => policy.stage === stage).length,
  }));
  return page(
    "Rollout",
    join([
      html`<h1>${headline(repositories.length, counts)}</h1>`,
      hold === undefined
        ? nothing
        : html`<p class="lead"><strong>Everything is held at observe</strong> since ${time(hold.at)} by <bdi>${hold.by}</bdi>: <bdi>${hold.reason}</bdi> <code>rekey rollout resume</code> ends that.</p>`,
      html`<p class="note">Rules in <code>.github/rekey.yml</code> take repositories further; <code>rekey rollout plan</code> shows what they would write, <code>rekey rollout observe "reason"</code> returns everything at once. <a href="/backfill">How far their history is looked through</a>.</p>`,
      repositories.length === 0
        ? html`<p>No repository is known yet: install the App on some.</p>`
        : html`<div class="scroll" role="region" aria-label="Table of repositories and their stage" tabindex="0"><table>
<thead><tr><th scope="col">Repository</th><th scope="col">Stage</th><th scope="col">Why</th><th scope="col">Waits</th><th scope="col">Says in public</th><th scope="col">When a scan does not end</th></tr></thead>
<tbody>${repositories.map(
            ({ fullName, policy, error }) =>
              html`<tr><th scope="row"><bdi>${fullName}</bdi></th><td><strong>${policy.stage}</strong>: ${meaning[policy.stage] ?? ""}</td><td>${policy.because}${
                error === undefined
                  ? nothing
                  : html`<br><span class="missing">Its file is not valid; the last good one counts:</span> <bdi>${error}</bdi>`
              }</td><td>${policy.waiting === undefined ? "–" : html`${policy.waiting}, for a confirmation`}</td><td>${policy.disclosure}</td><td>${policy.onUnavailable}</td></tr>`,
          )}</tbody></table></div>`,
    ]),
    { here: "/rollout" },
  );
}

function headline(all: number, counts: readonly { stage: string; count: number }[]): string {
  const there = counts.filter(({ count }) => count > 0).map(({ stage, count }) => `${count} at ${stage}`);
  return all === 0 ? "No repository yet" : `${all} ${all === 1 ? "repository" : "repositories"}: ${there.join(", ")}`;
}
