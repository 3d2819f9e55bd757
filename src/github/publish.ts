import { createHash } from "node:crypto";
import { z } from "zod";
import { type CheckState, checkOf, withoutBlocking } from "./check-run.ts";
import { call, type RepositoryClient } from "./client.ts";
import { isQuiet, marker, renderComment } from "./comment.ts";
import { codeSpan, escapeMarkdown } from "./escape.ts";
import type { PullRequestView } from "./view.ts";

/** What stands on GitHub for a pull request, as we know it. */
export interface Published {
  readonly checkRunId?: number;
  readonly checkSha?: string;
  readonly checkHash?: string;
  readonly commentId?: number;
  readonly commentHash?: string;
  readonly reviewId?: number;
  /** `incident@plan` hashes that the comment showed with its last write, and GitHub's time of that write. */
  readonly plans?: Readonly<Record<string, string>>;
  readonly commentUpdatedAt?: string;
  readonly conclusion?: string;
  readonly status?: string;
}

const Created = z.object({ id: z.number(), updated_at: z.string().optional() });
const Comments = z.array(
  z.object({ id: z.number(), body: z.string(), performed_via_github_app: z.unknown(), user: z.object({ type: z.string() }) }),
);
const Checks = z.object({ check_runs: z.array(z.object({ id: z.number(), external_id: z.string().nullable() })) });

/** Puts one check run on a head, whatever its state. Finds its own again before it makes another. */
export async function publishCheck(
  repository: RepositoryClient,
  of: { number: number; headSha: string },
  state: CheckState,
  known: Published,
): Promise<Published> {
  const hash = createHash("sha256")
    .update(JSON.stringify([of.headSha, state]))
    .digest("hex");
  if (known.checkHash === hash) return known;
  const body = {
    status: state.status,
    ...(state.conclusion === undefined ? {} : { conclusion: state.conclusion }),
    output: { title: state.title, summary: state.summary },
    actions: state.actions,
    external_id: `rekey-pr-${of.number}`,
  };
  const own = known.checkSha === of.headSha ? known.checkRunId : await findCheck(repository, of);
  const answer =
    own === undefined
      ? await call(repository, "POST /repos/{owner}/{repo}/check-runs", { name: "Rekey", head_sha: of.headSha, ...body })
      : await call(repository, "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}", { check_run_id: own, ...body });
  const { id } = Created.parse(answer);
  return { ...known, checkRunId: id, checkSha: of.headSha, checkHash: hash, status: state.status, conclusion: state.conclusion ?? "" };
}

/** What the rollout allows to be written: `check` is the check alone, and before `block` it never blocks. */
export type Stage = "check" | "comment" | "block" | "rotate";

/**
 * Brings check and comment to what the view says; what stands there already is not written again. `save` hears of each write before the
 * next one, so that a failure in between repeats nothing.
 */
export async function publish(
  repository: RepositoryClient,
  view: PullRequestView,
  known: Published,
  stage: Stage,
  save: (after: Published) => Promise<void>,
): Promise<void> {
  let after = known;
  if (view.closed !== true) {
    const check = checkOf(view);
    after = await publishCheck(repository, view, stage === "block" || stage === "rotate" ? check : withoutBlocking(check), known);
    if (after !== known) await save(after);
  }
  // while a scan is due the comment would repeat what is older than the head
  if (stage === "check" || (view.pending !== undefined && view.note === undefined)) return;
  const commented = await publishComment(repository, view, after);
  if (commented !== after) await save(commented);
}

async function publishComment(repository: RepositoryClient, view: PullRequestView, known: Published): Promise<Published> {
  const body = renderComment(view);
  if (body === undefined || (known.commentId === undefined && (view.closed === true || isQuiet(view)))) return known;
  const hash = createHash("sha256").update(body).digest("hex");
  if (known.commentHash === hash) return known;
  const own = known.commentId ?? (await findComment(repository, view.number));
  const edited =
    own === undefined
      ? undefined
      : await call(repository, "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}", { comment_id: own, body });
  const written =
    edited ?? (await call(repository, "POST /repos/{owner}/{repo}/issues/{issue_number}/comments", { issue_number: view.number, body }));
  const { id, updated_at } = Created.parse(written);
  const plans = Object.fromEntries(
    view.incidents.flatMap((incident) => (incident.plan === undefined ? [] : [[incident.id, incident.plan.hash]])),
  );
  return { ...known, commentId: id, commentHash: hash, plans, ...(updated_at === undefined ? {} : { commentUpdatedAt: updated_at }) };
}

/** How a line is to be written instead of the value; never the value. */
export interface NoteRepair {
  /** What takes the line's place; absent where other lines change too. */
  readonly suggestion?: readonly string[];
  /** In the file's own syntax. */
  readonly reference?: string;
  readonly next?: readonly string[];
  /** Why there is no automatic repair. */
  readonly none?: string;
}

/** Inline notes on lines of the diff, as one review, once. A line that is not in the diff stays in the table only. `repairs`: by incident. */
export async function publishReview(
  repository: RepositoryClient,
  view: PullRequestView,
  repairs: ReadonlyMap<string, NoteRepair> = new Map(),
): Promise<number | undefined> {
  const notes = view.incidents.flatMap((incident) =>
    incident.path !== undefined && incident.headLine !== undefined && !isQuiet({ ...view, incidents: [incident] })
      ? [
          {
            path: incident.path,
            line: incident.headLine,
            side: "RIGHT",
            body: noteBody(incident.id, repairs.get(incident.id)),
          },
        ]
      : [],
  );
  if (notes.length === 0) return undefined;
  try {
    const answer = await call(repository, "POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews", {
      pull_number: view.number,
      commit_id: view.headSha,
      event: "COMMENT",
      body: "",
      comments: notes.slice(0, 10),
    });
    return Created.parse(answer).id;
  } catch {
    return undefined; // 422: a line is not in the diff; the comment's table names the place
  }
}

/** The suggestion holds the new line only: GitHub shows what it takes the place of. */
export function noteBody(id: string, repair: NoteRepair | undefined): string {
  const head = `Rekey ${id}: this line holds a credential. The state is in the comment above and in the check.`;
  if (repair === undefined) return head;
  const { suggestion, reference, next = [], none } = repair;
  if (none !== undefined) return `${head}\n\nNo automatic repair: ${escapeMarkdown(none)}.`;
  const steps = next.map((step) => `- ${escapeMarkdown(step)}`);
  const instead = suggestion === undefined ? [`Write ${codeSpan(reference ?? "")} instead; \`rekey fix\` does it.`] : fenced(suggestion);
  return [head, "", ...instead, "", ...steps, "- It is in the history all the same: rotate it."].join("\n");
}

function fenced(lines: readonly string[]): string[] {
  const longest = Math.max(2, ...lines.flatMap((line) => [...line.matchAll(/`+/g)].map((match) => match[0].length)));
  const fence = "`".repeat(longest + 1);
  return [`${fence}suggestion`, ...lines, fence];
}

async function findCheck(
  repository: RepositoryClient,
  { number, headSha }: { number: number; headSha: string },
): Promise<number | undefined> {
  const listed = Checks.safeParse(
    await call(repository, "GET /repos/{owner}/{repo}/commits/{ref}/check-runs", { ref: headSha, check_name: "Rekey" }),
  );
  return listed.success ? listed.data.check_runs.find((check) => check.external_id === `rekey-pr-${number}`)?.id : undefined;
}

async function findComment(repository: RepositoryClient, number: number): Promise<number | undefined> {
  for (let page = 1; page <= 30; page++) {
    const listed = Comments.parse(
      (await call(repository, "GET /repos/{owner}/{repo}/issues/{issue_number}/comments", { issue_number: number, per_page: 100, page })) ??
        [],
    );
    const own = listed.find(
      (comment) => comment.performed_via_github_app !== null && comment.user.type === "Bot" && comment.body.startsWith(marker(number)),
    );
    if (own !== undefined || listed.length < 100) return own?.id;
  }
  return undefined;
}
