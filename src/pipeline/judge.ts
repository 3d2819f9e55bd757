import { z } from "zod";
import { RefusedError, RetryError, UsageError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { GitError } from "../git.ts";
import { call, type RepositoryClient } from "../github/client.ts";
import type { EventRepository } from "../github/handlers.ts";
import type { Added } from "../source/pull-request.ts";
import {
  dropFindingsOfCommits,
  getPullRequest,
  incidentsOfPullRequest,
  markPending,
  markScanned,
  type PullRequestKey,
  savePullRequest,
  savePullRequestFindings,
} from "../store/pull-requests.ts";
import { rotateByPolicy } from "./automatic.ts";
import { clientOf, readPull } from "./code.ts";
import { githubHost, type Rekey } from "./context.ts";
import { planFor } from "./planning.ts";
import { saveRepository } from "./repositories.ts";
import { judgeCode, openIncident } from "./scan-code.ts";
import { redraw } from "./surfaces.ts";
import { observeValidity } from "./verify.ts";

const Pull = z.object({
  number: z.number(),
  state: z.enum(["open", "closed"]),
  user: z.object({ login: z.string() }),
  head: z.object({ sha: z.string(), ref: z.string(), repo: z.object({ id: z.number() }).nullable() }),
  base: z.object({ sha: z.string(), ref: z.string(), repo: z.object({ id: z.number(), default_branch: z.string() }) }),
});
type Pull = z.output<typeof Pull>;
const Compare = z.object({ ahead_by: z.number(), base_commit: z.object({ sha: z.string() }) });

/** Something happened to a pull request: its check is queued at once, and a scan follows. */
export async function notePullRequest(
  rekey: Rekey,
  repository: EventRepository,
  number: number,
  event: { sender: string; receivedAt: string },
): Promise<void> {
  await saveRepository(rekey, repository);
  const key = { host: githubHost(rekey), repositoryId: repository.id, number };
  const pull = await refresh(rekey, repository, key);
  if (pull.state === "closed") return redraw(rekey, key);
  await markPending(rekey.database.db, key, event);
  await redraw(rekey, key);
  await askForJudgement(rekey, repository, number);
}

/** One judgement of a pull request at a time, and one that waits: it reads what it needs when it runs. */
export async function askForJudgement(rekey: Rekey, repository: EventRepository, number: number): Promise<void> {
  await rekey.queue.enqueue("judge", { repository, number }, { singletonKey: `${githubHost(rekey)}/${repository.id}/${number}` });
}

/** Reads a pull request as it is now: events may come late and in any order. */
async function refresh(rekey: Rekey, repository: EventRepository, key: PullRequestKey): Promise<Pull> {
  const read = await readPull(await clientOf(rekey, repository), key.number);
  if (read === undefined) throw new RefusedError("the pull request is not there, or the App may not read it");
  const pull = Pull.parse(read);
  await savePullRequest(rekey.database.db, key, {
    installation_id: repository.installation,
    repository: repository.fullName,
    head_sha: pull.head.sha,
    head_ref: pull.head.ref,
    base_sha: pull.base.sha,
    base_ref: pull.base.ref,
    state: pull.state,
    private: repository.private,
    fork: pull.head.repo?.id !== pull.base.repo.id,
    author: pull.user.login,
  });
  return pull;
}

/** Judges a pull request by what it adds against its merge base. A failure is said on the pull request, and thrown to be tried again. */
export async function judgePullRequest(rekey: Rekey, repository: EventRepository, number: number): Promise<void> {
  const key = { host: githubHost(rekey), repositoryId: repository.id, number };
  try {
    await judge(rekey, repository, key);
  } catch (error) {
    const final = error instanceof RefusedError || error instanceof UsageError;
    if ((await getPullRequest(rekey.database.db, key)) === undefined) throw error;
    await savePullRequest(rekey.database.db, key, { failure: sentenceOf(error), ...(final ? { overdue: true } : {}) });
    await redraw(rekey, key);
    throw error;
  }
}

async function judge(rekey: Rekey, repository: EventRepository, key: PullRequestKey): Promise<void> {
  const { db } = rekey.database;
  const pull = await refresh(rekey, repository, key);
  const row = await getPullRequest(db, key);
  if (pull.state === "closed") return;
  const { base, aheadBy } = await baseOf(await clientOf(rekey, repository), pull);
  const pusher = row?.sender ?? pull.user.login;
  const exposedAt = (row?.pending_since ?? new Date()).toISOString();
  const sides = {
    base,
    head: pull.head.sha,
    aheadBy,
    pusher,
    defaultTip: pull.base.ref === pull.base.repo.default_branch ? base : undefined,
  };
  await judgeCode(rekey, repository, sides, async (judged) => {
    const found: { finding: Finding; incident: string }[] = [];
    for (const added of judged.added) {
      const incident = await openIncident(rekey, repository, {
        finding: added.finding,
        exposedAt,
        pullRequest: key.number,
        pushedBy: pusher,
        authors: [pull.user.login],
        environment: judged.environment(added.finding),
      });
      found.push({ finding: withHeadLine(added), incident });
    }
    const before = (await incidentsOfPullRequest(db, key)).flatMap(({ findings }) =>
      findings.flatMap(({ finding }) => finding.location.commit ?? []),
    );
    const contained = await judged.contained(before);
    await db.transaction().execute(async (trx) => {
      await dropFindingsOfCommits(trx, key, contained);
      await savePullRequestFindings(trx, key, pull.head.sha, found);
    });
    for (const { incident, finding } of found) {
      if (rekey.config.policy.probe === "on") await observeValidity(rekey, incident, finding);
      await planFor(rekey, incident, judged.declared);
      await rotateByPolicy(rekey, incident);
    }
    await markScanned(db, key, { head: pull.head.sha, base, ...judged });
  });
  await redraw(rekey, key);
}

/**
 * What the head is judged against: the tip of the base branch, since the head may have merged a newer one than `base.sha`, which GitHub
 * sets when the head moves. `base.sha` where the branch is gone.
 */
async function baseOf(client: RepositoryClient, pull: Pull): Promise<{ base: string; aheadBy: number }> {
  for (const base of [pull.base.ref, pull.base.sha]) {
    const compared = await compare(client, base, pull.head.sha);
    if (compared !== undefined) return compared;
  }
  throw new RetryError("GitHub could not compare base and head yet");
}

/** How far `head` is ahead of a branch or commit; undefined where GitHub knows one of them not (any more). */
export async function compare(
  client: RepositoryClient,
  base: string,
  head: string,
): Promise<{ base: string; aheadBy: number } | undefined> {
  const compared = Compare.safeParse(
    await call(client, "GET /repos/{owner}/{repo}/compare/{basehead}", { basehead: `${base}...${head}`, per_page: 1 }),
  );
  return compared.success ? { base: compared.data.base_commit.sha, aheadBy: compared.data.ahead_by } : undefined;
}

/** Why a scan did not succeed, in words that hold nothing of what was read. */
export function sentenceOf(error: unknown): string {
  if (error instanceof GitError) return "Fetching the code by git failed; it is tried again.";
  if (error instanceof RetryError) return "GitHub did not answer, or asked to wait; it is tried again.";
  if (error instanceof RefusedError) return "GitHub refused what the App needs; check its permissions, then comment `/rekey rescan`.";
  if (error instanceof UsageError) return "A configuration file is not valid.";
  return "An unexpected failure; it is tried again.";
}

function withHeadLine({ finding, headLine }: Added): Finding {
  return headLine === undefined ? finding : { ...finding, attributes: { ...finding.attributes, headLine: String(headLine) } };
}
