import { z } from "zod";
import { RefusedError, RetryError } from "../errors.ts";
import type { RepositoryClient } from "../github/client.ts";
import type { EventRepository } from "../github/handlers.ts";
import { describeError } from "../log.ts";
import { type BackfillStatus, claimBackfill, delayBackfill, finishBackfill, planBackfill } from "../store/backfill.ts";
import { clientOf } from "./code.ts";
import { githubHost, type Rekey } from "./context.ts";
import { sentenceOf } from "./judge.ts";
import { scanWhole } from "./push.ts";
import { eventRepository } from "./repositories.ts";

/** So many repositories are looked through at a time, over all replicas. */
const lanes = 2;
/** An installation of more repositories waits for `rekey backfill start`: its operator first sees what that costs. */
export const startsByItself = 20;
const mostAttempts = 5;
/** Backfills leave this share of the hourly requests to the work of the day. */
const reserve = 0.25;
/** Of bench/github-requests.ts: of GitHub's API, counted against its limits, and of git, which is not. */
export const requestsPerRepository = { api: 6, git: 19 };
/** What is assumed until repositories of this server were measured: fetched, unpacked and scanned, megabytes a second in each lane. */
const assumedRate = 4;

/** History to be looked through; of a small installation at once, of a large one when its operator says so. */
export async function noteHistory(rekey: Rekey, repository: EventRepository, kilobytes: number, asks: boolean): Promise<void> {
  const host = githubHost(rekey);
  await planBackfill(rekey.database.db, { host, repository: repository.id, kilobytes, state: asks ? "asked" : "waiting" });
  await wakeBackfill(rekey);
}

/** Asks each lane to look for work; a lane that works already is not disturbed. */
export async function wakeBackfill(rekey: Rekey): Promise<void> {
  for (let lane = 0; lane < lanes; lane++) await rekey.queue.enqueue("backfill", { lane }, { singletonKey: `lane-${lane}` });
}

/** One lane: repository after repository until nothing is due. A crash loses the one that was being read, which then comes first. */
export async function runBackfill(rekey: Rekey, { lane }: { lane?: number }): Promise<void> {
  const { db } = rekey.database;
  const host = githubHost(rekey);
  for (;;) {
    const id = await claimBackfill(db, host, lane ?? 0);
    if (id === undefined) return;
    const row = await db.selectFrom("repository").selectAll().where("host", "=", host).where("id", "=", id).executeTakeFirst();
    if (row === undefined) continue;
    const repository = eventRepository(row);
    try {
      const wait = await untilThereIsRoom(await clientOf(rekey, repository));
      if (wait !== undefined) {
        const problem = "Waits until GitHub's hourly limit has room again; a quarter of it is kept for pull requests.";
        await delayBackfill(db, { host, repository: id, problem, until: wait, counts: false, most: mostAttempts });
        return;
      }
      await finishBackfill(db, host, id, await scanWhole(rekey, repository, { preExisting: true }));
    } catch (error) {
      const waits = error instanceof RetryError && error.afterMs !== undefined;
      const until = new Date(Date.now() + (error instanceof RetryError ? (error.afterMs ?? 30_000) : 60_000));
      const final = error instanceof RefusedError;
      rekey.log.warn({ repository: id, error: describeError(error) }, "the history of a repository could not be looked through");
      await delayBackfill(db, { host, repository: id, problem: sentenceOf(error), until, counts: !waits, most: final ? 1 : mostAttempts });
    }
  }
}

const Limits = z.object({
  "x-ratelimit-limit": z.coerce.number().positive(),
  "x-ratelimit-remaining": z.coerce.number(),
  "x-ratelimit-reset": z.coerce.number().positive(),
});

/** When to come back; undefined = now. GitHub says with each answer how many requests are left, and until when. */
async function untilThereIsRoom({ client, owner, repo }: RepositoryClient): Promise<Date | undefined> {
  const { headers } = await client.request("GET /repos/{owner}/{repo}", { owner, repo });
  const read = Limits.safeParse(headers);
  if (!read.success) return undefined; // a server without limits
  const { "x-ratelimit-limit": limit, "x-ratelimit-remaining": remaining, "x-ratelimit-reset": reset } = read.data;
  return remaining >= limit * reserve ? undefined : new Date(Math.max(reset * 1000, Date.now() + 5000));
}

export interface BackfillEstimate {
  /** Not looked through yet. */
  readonly repositories: number;
  readonly kilobytes: number;
  /** Of the working folder, at most at one time. */
  readonly diskKilobytes: number;
  readonly requests: { readonly api: number; readonly git: number };
  readonly seconds: number;
  /** How many repositories of this server the time is measured on; 0 = it is assumed. */
  readonly measuredOn: number;
}

/** What is left to do would take this much. */
export function estimateBackfill({ repositories }: BackfillStatus): BackfillEstimate {
  const left = repositories.filter(({ state }) => state !== "done");
  const kilobytes = sum(left.map((one) => one.kilobytes));
  const measured = repositories.filter(({ state, seconds, kilobytes: size }) => state === "done" && (seconds ?? 0) > 0 && size > 0);
  const rate =
    measured.length < 3 ? assumedRate * 1024 : sum(measured.map((one) => one.kilobytes)) / sum(measured.map(({ seconds = 0 }) => seconds));
  const largest = left.map((one) => one.kilobytes).toSorted((a, b) => b - a);
  return {
    repositories: left.length,
    kilobytes,
    diskKilobytes: Math.ceil(sum(largest.slice(0, lanes)) * 1.2),
    requests: { api: left.length * requestsPerRepository.api, git: left.length * requestsPerRepository.git },
    // a repository costs a second whatever its size
    seconds: Math.ceil((kilobytes / rate + left.length) / lanes),
    measuredOn: measured.length < 3 ? 0 : measured.length,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
