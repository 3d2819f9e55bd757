import { createHash } from "node:crypto";
import { z } from "zod";
import { RefusedError, UsageError } from "../errors.ts";
import { call } from "../github/client.ts";
import { findOwnIssue } from "../github/own-issue.ts";
import { reviewBody, reviewMarker, reviewTitle } from "../github/review-issue.ts";
import { getCampaign, issueOf, listItems, saveIssue } from "../store/reviews.ts";
import { clientOf, repositoryOf } from "./code.ts";
import type { Rekey } from "./context.ts";

/** Says that a campaign's issue may differ from what it should be; a worker writes it. */
export async function showCampaign(rekey: Rekey, campaign: string): Promise<void> {
  if ((await issueOf(rekey.database.db, campaign)) === undefined) return;
  await rekey.queue.enqueue("review-issue", { campaign }, { singletonKey: campaign });
}

/** A review names identities and where their credentials stand: that is not for everybody. */
export async function checkIssueRepository(rekey: Rekey, fullName: string): Promise<void> {
  const row = await rekey.database.db.selectFrom("repository").select("private").where("full_name", "=", fullName).executeTakeFirst();
  if (row === undefined) throw new UsageError(`the App is not installed in ${fullName}; give a repository that it may write issues in`);
  if (!row.private)
    throw new UsageError(`${fullName} is public, and a review names identities and their stores; give a private repository`);
}

const Issue = z.object({ number: z.number() });

/** Opens the campaign's issue, or brings its text up to date. What stands there already is not written again. */
export async function drawCampaign(rekey: Rekey, id: string): Promise<void> {
  const { db } = rekey.database;
  const [campaign, issue] = [await getCampaign(db, id), await issueOf(db, id)];
  const repository = await repositoryOf(rekey, issue?.repository);
  if (campaign === undefined || issue === undefined || repository === undefined) return;
  const body = reviewBody(campaign, await listItems(db, { campaign: id }));
  const hash = createHash("sha256").update(body).digest("hex");
  if (issue.hash === hash) return;
  const client = await clientOf(rekey, repository, "converse");
  const known = issue.number ?? (await findOwnIssue(client, reviewMarker(id)));
  const written =
    known === undefined
      ? await call(client, "POST /repos/{owner}/{repo}/issues", { title: reviewTitle(campaign), body })
      : await call(client, "PATCH /repos/{owner}/{repo}/issues/{issue_number}", { issue_number: known, body });
  const answer = Issue.safeParse(written);
  if (!answer.success)
    throw new RefusedError(`GitHub has no issues in ${issue.repository}; switch them on, then decide there or with rekey review`);
  await saveIssue(db, id, { repository: issue.repository, number: answer.data.number, hash });
}
