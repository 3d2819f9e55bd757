import { z } from "zod";
import { describeError } from "../log.ts";
import { listOccurrences } from "../store/incidents.ts";
import { forgottenPullRequests, overduePullRequests, type PullRequestRow, savePullRequest } from "../store/pull-requests.ts";
import { wakeBackfill } from "./backfill.ts";
import { followAlerts } from "./close-alerts.ts";
import { githubHost, type Rekey } from "./context.ts";
import { askForJudgement } from "./judge.ts";
import { tellOutside } from "./notify.ts";
import { eventRepository } from "./repositories.ts";
import { followRollout } from "./rollout.ts";
import { redraw } from "./surfaces.ts";
import { observeValidity } from "./verify.ts";
import { reportWeek } from "./week-issue.ts";

const second = 1000;
const minute = 60 * second;

/** What is done from time to time, by any replica, so that nothing that was lost stays lost. */
export function startReconciling(rekey: Rekey): { stop(): Promise<void> } {
  const stops = [
    every(rekey, 5 * second, overdue),
    every(rekey, 15 * second, forgotten),
    every(rekey, 15 * second, stages),
    every(rekey, 5 * second, tellOutside),
    every(rekey, 15 * second, followAlerts),
    every(rekey, minute, alertsDue),
    every(rekey, 15 * second, wakeBackfill),
    every(rekey, 10 * minute, (of) => reportWeek(of)),
    every(rekey, 5 * minute, missedDeliveries),
    every(rekey, 10 * minute, probeAgain),
  ];
  return {
    async stop() {
      await Promise.all(stops.map((stop) => stop()));
    },
  };
}

function every(rekey: Rekey, milliseconds: number, work: (rekey: Rekey) => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let busy = false;
  const once = () => {
    if (busy) return;
    busy = true;
    running = work(rekey)
      .catch((error: unknown) => rekey.log.warn({ error: describeError(error) }, "a reconciliation failed and is tried again later"))
      .finally(() => {
        busy = false;
      });
  };
  const timer = setInterval(once, milliseconds);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}

/** A scan that does not end leaves no check waiting: past the deadline it says so (policy.on_unavailable). */
export async function overdue(rekey: Rekey): Promise<void> {
  const before = new Date(Date.now() - rekey.config.policy.unavailable_after);
  for (const row of await overduePullRequests(rekey.database.db, before)) {
    await savePullRequest(rekey.database.db, keyOf(row), { overdue: true });
    await redraw(rekey, keyOf(row));
  }
}

/** Jobs that were given up, or lost with a process: asked for again. */
export async function forgotten(rekey: Rekey): Promise<void> {
  for (const row of await forgottenPullRequests(rekey.database.db, new Date(Date.now() - 2 * minute))) {
    if (row.surface_due) await redraw(rekey, keyOf(row));
    if (row.pending_since === null || row.state === "closed") continue;
    await savePullRequest(rekey.database.db, keyOf(row), {}); // so that it is not asked for again at once
    const repository = await rekey.database.db
      .selectFrom("repository")
      .selectAll()
      .where("host", "=", row.host)
      .where("id", "=", row.repository_id)
      .executeTakeFirst();
    if (repository === undefined) continue;
    await askForJudgement(rekey, eventRepository(repository), row.number);
  }
}

/** GitHub's own alerts are read once a repository's history is known, and once a day after that. */
export async function alertsDue(rekey: Rekey): Promise<void> {
  const due = await rekey.database.db
    .selectFrom("repository")
    .selectAll()
    .where("host", "=", githubHost(rekey))
    .where("backfilled_at", "is not", null)
    .where((row) => row.or([row("alerts_at", "is", null), row("alerts_at", "<", new Date(Date.now() - 24 * 60 * minute))]))
    .orderBy("id")
    .limit(50)
    .execute();
  for (const row of due)
    await rekey.queue.enqueue("alerts", { repository: eventRepository(row) }, { singletonKey: `${row.host}/${row.id}` });
}

/** The rollout has changed: what stands on GitHub follows within seconds. */
async function stages(rekey: Rekey): Promise<void> {
  const host = githubHost(rekey);
  await followRollout(rekey, (repositoryId, number) => redraw(rekey, { host, repositoryId, number }));
}

/** A key that somebody revoked by hand turns its check green by itself: what was seen alive is looked at again, longest unseen first. */
export async function probeAgain(rekey: Rekey): Promise<void> {
  if (rekey.config.policy.probe !== "on") return;
  const alive = await rekey.database.db
    .selectFrom("incident")
    .select("id")
    .where("state", "=", "open")
    .where("validity", "=", "active")
    .orderBy("detected_at")
    .limit(100)
    .execute();
  for (const { id } of alive) {
    const [occurrence] = await listOccurrences(rekey.database.db, id);
    if (occurrence === undefined) continue;
    const seen = await observeValidity(rekey, id, occurrence.finding);
    if (seen?.answer === "invalid") await rekey.queue.enqueue("verify", { incident: id }, { singletonKey: id });
  }
}

function keyOf(row: PullRequestRow) {
  return { host: row.host, repositoryId: row.repository_id, number: row.number };
}

const Deliveries = z.array(
  z.object({ id: z.number(), guid: z.string(), delivered_at: z.string(), status_code: z.number(), redelivery: z.boolean() }),
);

/** GitHub keeps deliveries for three days and never repeats one by itself; a look-back of a day covers any outage that is noticed. */
const lookBack = 24 * 60 * minute;
const mostPages = 20;

/** Webhooks that GitHub could not deliver, and that did not reach us by another attempt: asks for them again. */
export async function missedDeliveries(rekey: Rekey): Promise<void> {
  if (rekey.app === undefined) return;
  const client = await rekey.app.appClient();
  const since = Date.now() - lookBack;
  const failed = new Map<string, number>();
  const delivered = new Set<string>();
  let cursor: string | undefined;
  for (let page = 0; page < mostPages; page++) {
    const answer = await client.request("GET /app/hook/deliveries", { per_page: 100, ...(cursor === undefined ? {} : { cursor }) });
    const listed = Deliveries.parse(answer.data);
    for (const { id, guid, status_code } of listed) {
      if (status_code >= 200 && status_code < 300) delivered.add(guid);
      else if (!failed.has(guid)) failed.set(guid, id);
    }
    cursor = /[?&]cursor=([^&>]+)[^>]*>;\s*rel="next"/.exec(String(answer.headers?.["link"] ?? ""))?.[1];
    if (cursor === undefined || listed.length === 0 || listed.some(({ delivered_at }) => Date.parse(delivered_at) < since)) break;
  }
  const missing = [...failed].filter(([guid]) => !delivered.has(guid));
  for (const [guid, id] of missing) {
    const known = await rekey.database.db.selectFrom("delivery").select("guid").where("guid", "=", guid).executeTakeFirst();
    if (known === undefined) await client.request("POST /app/hook/deliveries/{delivery_id}/attempts", { delivery_id: id });
  }
  if (missing.length > 0)
    rekey.log.info({ missing: missing.length, host: githubHost(rekey) }, "webhooks that did not arrive were asked for again");
}
