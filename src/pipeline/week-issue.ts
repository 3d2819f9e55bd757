import { z } from "zod";
import { RefusedError } from "../errors.ts";
import { call, type RepositoryClient } from "../github/client.ts";
import { findOwnIssue } from "../github/own-issue.ts";
import { weekBody, weekMarker, weekTitle } from "../github/week-issue.ts";
import { weekReport } from "../metric/week-report.ts";
import { incidentIndex } from "../store/incident-index.ts";
import { claim, desire, listDue, markApplied, markFailed } from "../store/outbox.ts";
import { clientOf, repositoryOf } from "./code.ts";
import type { Rekey } from "./context.ts";
import { checkIssueRepository } from "./review-issue.ts";
import { policyFor } from "./rollout.ts";

const kind = "week";
const Issue = z.object({ number: z.number() });

/** Once a week, the week that has ended becomes an issue in the repository that the configuration names; never in a public one. */
export async function reportWeek(rekey: Rekey, now = new Date()): Promise<void> {
  const fullName = rekey.config.reports.weekly?.repository;
  const repository = await repositoryOf(rekey, fullName);
  if (fullName === undefined || repository === undefined) return;
  const { db } = rekey.database;
  const report = weekReport(await incidentIndex(db).all(), now.toISOString());
  const { monday } = report.week;
  await desire(db, { key: `${kind}/${fullName}/${monday}`, kind, desired: { monday } });
  for (const due of await listDue(db, kind)) {
    if ((due.desired as { monday: string }).monday !== monday) await markFailed(db, due.key, "another week has begun", true);
    else if ((await policyFor(rekey, { repository: fullName })).stage !== "observe" && (await claim(db, due))) {
      await checkIssueRepository(rekey, fullName);
      const client = await clientOf(rekey, repository, "converse");
      const number =
        (await findOwnIssue(client, weekMarker(monday))) ??
        (await create(client, weekTitle(report), weekBody(report, rekey.config.login?.url.replace(/\/$/, ""))));
      await markApplied(db, due.key, due.hash, String(number));
    }
  }
}

async function create(client: RepositoryClient, title: string, body: string): Promise<number> {
  const made = Issue.safeParse(await call(client, "POST /repos/{owner}/{repo}/issues", { title, body }));
  if (!made.success) throw new RefusedError("the weekly report's repository has no issues, or the App may not write them");
  return made.data.number;
}
