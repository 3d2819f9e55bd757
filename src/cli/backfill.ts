import { Command, Option } from "commander";
import { UsageError } from "../errors.ts";
import { operatorApprover } from "../incident/policy.ts";
import { formatDuration } from "../metric/duration.ts";
import { type BackfillEstimate, estimateBackfill } from "../pipeline/backfill.ts";
import { backfillSummary } from "../report/backfill-text.ts";
import { type BackfillStatus, backfillStatus, pauseBackfill, resumeBackfill, startBackfill } from "../store/backfill.ts";
import { askOwner, databaseLocation, openState } from "./state.ts";

interface Options {
  readonly data?: string;
  readonly format?: string;
  readonly repository?: string;
}

const dataOption = [
  "--data <dir>",
  "directory of the embedded database (default: DATABASE_URL, REKEY_DATA, $XDG_STATE_HOME/rekey/db)",
] as const;
const formatOption = () => new Option("--format <format>", "output").choices(["text", "json"]).default("text");

export function command(): Command {
  const status = new Command("status")
    .description("Shows how far the history of all repositories is looked through.")
    .option(...dataOption)
    .addOption(formatOption())
    .action(async ({ data, format }: Options) => {
      const read = await statusOf(data);
      process.stdout.write(format === "json" ? `${JSON.stringify({ version: 1, ...read }, null, 2)}\n` : statusText(read));
    });
  const estimate = new Command("estimate")
    .description("Shows what is left to do: repositories, gigabytes, disk, requests and hours.")
    .option(...dataOption)
    .addOption(formatOption())
    .action(async ({ data, format }: Options) => {
      const read = estimateBackfill(await statusOf(data));
      process.stdout.write(format === "json" ? `${JSON.stringify({ version: 1, ...read }, null, 2)}\n` : estimateText(read));
    });
  const start = new Command("start")
    .description(
      "Looks through the history of all repositories that wait for it, and tries again what failed. Prints first what that takes.",
    )
    .option(...dataOption)
    .option("--repository <owner/name>", "only this one")
    .action(async ({ data, repository }: Options) => {
      process.stdout.write(estimateText(estimateBackfill(await statusOf(data))));
      const { started } = (await ask(data, "start", repository === undefined ? {} : { repository })) as { started: number };
      if (started === 0) throw new UsageError("nothing waits for a start: rekey backfill status");
      process.stdout.write(
        `${started} ${started === 1 ? "repository begins" : "repositories begin"}; rekey backfill status shows how far it is\n`,
      );
    });
  const pause = new Command("pause")
    .description("Begins no further repository; what is being read goes on to its end.")
    .option(...dataOption)
    .action(async ({ data }: Options) => {
      await ask(data, "pause", {});
      process.stdout.write("no further repository begins; rekey backfill resume ends that\n");
    });
  const resume = new Command("resume")
    .description("Ends what rekey backfill pause began.")
    .option(...dataOption)
    .action(async ({ data }: Options) => {
      await ask(data, "resume", {});
      process.stdout.write("the backfill goes on\n");
    });
  return new Command()
    .description("Looks through the history of all repositories: branches, tags and pull requests, quietly.")
    .addCommand(status, { isDefault: true })
    .addCommand(estimate)
    .addCommand(start)
    .addCommand(pause)
    .addCommand(resume);
}

async function statusOf(data: string | undefined): Promise<BackfillStatus> {
  const state = await openState(databaseLocation(data));
  if (state.kind === "owner") return (await askOwner(state.socket, "/operator/backfill")) as BackfillStatus;
  try {
    return await backfillStatus(state.database.db);
  } finally {
    await state.database.close();
  }
}

/** Works also where no server runs, or another one over the same PostgreSQL: it looks for work every 15 seconds. */
async function ask(data: string | undefined, what: "start" | "pause" | "resume", body: { repository?: string }): Promise<object> {
  const state = await openState(databaseLocation(data));
  if (state.kind === "owner") return (await askOwner(state.socket, `/operator/backfill/${what}`, body)) as object;
  const { db } = state.database;
  try {
    if (what === "start") return { started: await startBackfill(db, body.repository) };
    if (what === "pause" && !(await pauseBackfill(db, operatorApprover))) throw new UsageError("the backfill is paused already");
    if (what === "resume" && !(await resumeBackfill(db))) throw new UsageError("the backfill is not paused");
    return {};
  } finally {
    await state.database.close();
  }
}

function statusText(status: BackfillStatus): string {
  const { paused, repositories } = status;
  const width = Math.max(0, ...repositories.map(({ repository }) => repository.length));
  const lines = repositories.map(({ repository, state, kilobytes, found, seconds, problem }) => {
    const done = found === undefined ? "" : `  ${found} ${found === 1 ? "credential" : "credentials"}`;
    const took = seconds === undefined ? "" : ` in ${formatDuration(seconds * 1000)}`;
    return `${repository.padEnd(width)}  ${state.padEnd(7)}  ${size(kilobytes).padStart(8)}${done}${took}${problem === undefined || state === "done" ? "" : `  ${problem}`}`;
  });
  const held = paused === undefined ? [] : [`Paused since ${paused.at} by ${paused.by}: rekey backfill resume`];
  return `${[...held, ...lines, backfillSummary(repositories)].join("\n")}\n`;
}

function estimateText({ repositories, kilobytes, diskKilobytes, requests, seconds, measuredOn }: BackfillEstimate): string {
  if (repositories === 0) return "Nothing is left: the history of every repository was looked through.\n";
  const basis = measuredOn === 0 ? "assumed: nothing was measured here yet" : `by ${measuredOn} repositories of this server`;
  return [
    `${repositories} ${repositories === 1 ? "repository" : "repositories"}, ${size(kilobytes)} by GitHub's count`,
    `${size(diskKilobytes)} of disk at most at one time, in the folder for temporary files`,
    `${requests.api} requests to GitHub's API (its limit is 5,000 an hour and more), ${requests.git} by git, which it does not count`,
    `${(seconds / 3600).toFixed(1)} hours (${basis})`,
    "",
  ].join("\n");
}

function size(kilobytes: number): string {
  return kilobytes < 10_240
    ? `${kilobytes} kB`
    : kilobytes < 1 << 20
      ? `${Math.round(kilobytes / 1024)} MB`
      : `${(kilobytes / (1 << 20)).toFixed(1)} GB`;
}
