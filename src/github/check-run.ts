import { isOpen, span } from "./comment.ts";
import { codeSpan, escapeMarkdown } from "./escape.ts";
import type { PullRequestView } from "./view.ts";

export interface CheckState {
  readonly status: "queued" | "in_progress" | "completed";
  readonly conclusion?: "success" | "neutral" | "action_required" | "failure";
  readonly title: string;
  readonly summary: string;
  readonly actions: readonly { readonly label: string; readonly description: string; readonly identifier: string }[];
}

/** Before the stage `block` a check never blocks: what would be red says so and is neutral. */
export function withoutBlocking(check: CheckState): CheckState {
  return check.conclusion === "action_required" || check.conclusion === "failure" ? { ...check, conclusion: "neutral" } : check;
}

const queued: CheckState = {
  status: "queued",
  title: "Waiting for the scan",
  summary: "Rekey scans what this pull request adds.",
  actions: [],
};

/** What a check says where Rekey went back to observing. */
export const observing: CheckState = {
  status: "completed",
  conclusion: "neutral",
  title: "Rekey only observes here",
  summary: "The rollout of Rekey stands at *observe* in this repository: nothing is judged in public and nobody is kept from merging.",
  actions: [],
};

/** The truth about a pull request (design.md §10): green only when nothing is open, neutral where something is said but not proven. */
export function checkOf(view: PullRequestView): CheckState {
  if (view.pending !== undefined) return pendingCheck(view.pending);
  const open = view.incidents.filter(isOpen);
  const summary = summaryOf(view);
  if (open.some((incident) => incident.state === "rotating")) return { status: "in_progress", title: "Rotating", summary, actions: [] };
  const blocking = open.filter(
    (incident) => incident.validity === "active" || (incident.confidence !== "low" && incident.silenceRequested === undefined),
  );
  if (blocking.length > 0) {
    const runnable = blocking.some((incident) => incident.plan?.blockers.length === 0);
    const rotate = runnable ? [{ label: "Rotate now", description: "Run the plan shown in the comment", identifier: "rotate" }] : [];
    const verify = { label: "Verify again", description: "Look whether the credentials are dead", identifier: "verify" };
    return done("action_required", `${blocking.length} leaked ${blocking.length === 1 ? "credential" : "credentials"}`, [
      ...rotate,
      verify,
    ]);
  }
  if (open.some(({ silenceRequested }) => silenceRequested !== undefined)) return done("neutral", "A request to silence a finding waits");
  if (open.length > 0) return done("neutral", "Possible credentials, low confidence");
  if (!view.complete) return done("neutral", incompleteTitle(view));
  if (view.requests.length > 0) return done("neutral", "A request to silence findings waits");
  if (view.incidents.some(({ state }) => state === "stated")) return done("neutral", "Revoked by statement, not proven");
  if (view.incidents.some(({ state }) => state === "accepted")) return done("neutral", "Risk accepted");
  if (view.incidents.length > 0) return done("success", "Every leaked credential is dead");
  return done("success", "No leaked credentials added");

  function done(conclusion: NonNullable<CheckState["conclusion"]>, title: string, actions: CheckState["actions"] = []): CheckState {
    return { status: "completed", conclusion, title, summary, actions };
  }
}

/** "History not fully scanned" is a promise of contracts.md §6; a bad file in `.rekey` has its own place and line. */
function incompleteTitle({ reason }: PullRequestView): string {
  return reason !== undefined && /^\.(?:rekey|github)\//.test(reason) ? "Configuration not valid" : "History not fully scanned";
}

function pendingCheck({ overdue, block, reason }: NonNullable<PullRequestView["pending"]>): CheckState {
  if (!overdue)
    return reason === undefined ? queued : { ...queued, title: "Waiting to try the scan again", summary: escapeMarkdown(reason) };
  return {
    status: "completed",
    conclusion: block ? "failure" : "neutral",
    title: "Could not be scanned yet",
    summary: [
      reason === undefined ? "The scan did not come to an end in time." : escapeMarkdown(reason),
      "Nothing is known about what this pull request adds. It is scanned as soon as that is possible, and this check then says what was found.",
    ].join("\n\n"),
    actions: [],
  };
}

function summaryOf(view: PullRequestView): string {
  const scanned = `${view.commits} ${view.commits === 1 ? "commit" : "commits"} scanned.`;
  const lines = view.incidents.map((incident) => {
    const where =
      incident.path === undefined ? "" : ` in ${codeSpan(`${incident.path}${incident.line === undefined ? "" : `:${incident.line}`}`)}`;
    const asked = incident.silenceRequested === undefined ? "" : `, silencing requested (${incident.silenceRequested})`;
    const said = view.disclosure === "full" ? `: ${incident.state.replaceAll("-", " ")}${asked}` : asked;
    const dead = incident.deadAt === undefined || view.disclosure !== "full" ? "" : ` after ${span(incident.detectedAt, incident.deadAt)}`;
    return `- ${incident.id} ${escapeMarkdown(incident.title)}${where}${said}${dead}`;
  });
  const requests = view.requests.map(
    ({ file, entries }) =>
      `- ${codeSpan(file)}: ${entries} new ${entries === 1 ? "entry" : "entries"}. It silences nothing until somebody of the security team agrees: \`/rekey accept "reason" --until YYYY-MM-DD\`, or it is merged.`,
  );
  return [scanned, ...requests, ...(view.complete ? [] : [`Not fully scanned: ${escapeMarkdown(view.reason ?? "")}`]), ...lines]
    .join("\n")
    .slice(0, 60_000);
}
