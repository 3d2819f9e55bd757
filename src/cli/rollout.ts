import { readFileSync } from "node:fs";
import { Command, Option } from "commander";
import { z } from "zod";
import {
  OrganizationPolicy,
  parseOrganizationPolicy,
  parseRepositoryPolicy,
  policyPath,
  RepositoryPolicy,
} from "../config/github-policy.ts";
import { ConfigError, UsageError } from "../errors.ts";
import { operatorApprover } from "../incident/policy.ts";
import type { RolloutOverview, RolloutPlan } from "../pipeline/rollout.ts";
import { holdRollout, releaseRollout } from "../store/rollout.ts";
import { askOwner, databaseLocation, openState, runningServer } from "./state.ts";

const dataOption = [
  "--data <dir>",
  "directory of the embedded database (default: DATABASE_URL, REKEY_DATA, $XDG_STATE_HOME/rekey/db)",
] as const;

export function command(): Command {
  const status = new Command("status")
    .description("Lists how far Rekey goes in each repository, and why.")
    .option(...dataOption)
    .addOption(new Option("--format <format>", "output").choices(["text", "json"]).default("text"))
    .action(async ({ data, format }: { data?: string; format: string }) => {
      const overview = (await askOwner(await runningServer(data, "the rollout is kept"), "/operator/rollout")) as RolloutOverview;
      process.stdout.write(format === "json" ? `${JSON.stringify({ version: 1, ...overview }, null, 2)}\n` : overviewText(overview));
    });
  const plan = new Command("plan")
    .description("Shows what the rules of .github/rekey.yml would change, and what would have been written in the last 30 days.")
    .option(...dataOption)
    .addOption(new Option("--format <format>", "output").choices(["text", "json"]).default("text"))
    .action(async ({ data, format }: { data?: string; format: string }) => {
      const planned = (await askOwner(await runningServer(data, "the rollout is kept"), "/operator/rollout/plan")) as RolloutPlan;
      process.stdout.write(format === "json" ? `${JSON.stringify({ version: 1, ...planned }, null, 2)}\n` : planText(planned));
    });
  const confirm = new Command("confirm")
    .description("Lets the rules count that rekey rollout plan shows with this hash.")
    .argument("<hash>", "from rekey rollout plan")
    .option(...dataOption)
    .action(async (hash: string, { data }: { data?: string }) => {
      const overview = (await askOwner(await runningServer(data, "the rollout is kept"), "/operator/rollout/confirm", {
        hash,
      })) as RolloutOverview;
      process.stdout.write(overviewText(overview));
    });
  const observe = new Command("observe")
    .description("Returns everything to observe at once: nothing more is written, no check keeps anybody from merging, no rotation starts.")
    .argument("<reason>", "why, for everybody who sees it")
    .option(...dataOption)
    .action(async (reason: string, { data }: { data?: string }) => {
      const done = await change(data, "hold", { reason: reason.slice(0, 500) });
      if (!done) throw new UsageError("everything is held at observe already");
      process.stdout.write("everything observes; open checks are let go within a minute. rekey rollout resume ends that\n");
    });
  const resume = new Command("resume")
    .description("Ends what rekey rollout observe began: each repository stands again at its own stage.")
    .option(...dataOption)
    .action(async ({ data }: { data?: string }) => {
      if (!(await change(data, "release", {}))) throw new UsageError("nothing is held at observe");
      process.stdout.write("each repository stands at its own stage again\n");
    });
  const check = new Command("check")
    .description("Proves a .github/rekey.yml. Exit code 0 where it is valid, 2 with the line where it is not.")
    .argument("[file]", "the file", policyPath)
    .option("--organization", "it is the one of the organisation's .github repository")
    .action((file: string, { organization }: { organization?: boolean }) => {
      const text = textOf(file);
      if (organization === true) parseOrganizationPolicy(text);
      else parseRepositoryPolicy(text);
      process.stdout.write(`${file} is valid\n`);
    });
  const schema = new Command("schema")
    .description("Prints the JSON Schema of .github/rekey.yml.")
    .option("--organization", "of the one in the organisation's .github repository")
    .action(({ organization }: { organization?: boolean }) => {
      const of = organization === true ? OrganizationPolicy : RepositoryPolicy;
      process.stdout.write(`${JSON.stringify(z.toJSONSchema(of, { io: "input" }), null, 2)}\n`);
    });
  return new Command()
    .description("Shows how far Rekey goes in each repository (observe, check, comment, block, rotate), and takes it further or back.")
    .addCommand(status, { isDefault: true })
    .addCommand(plan)
    .addCommand(confirm)
    .addCommand(observe)
    .addCommand(resume)
    .addCommand(check)
    .addCommand(schema);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new ConfigError("cannot be read; give the path of the file to check", { file, cause });
  }
}

/** Works also where no server runs, or another one over the same PostgreSQL. */
async function change(data: string | undefined, what: "hold" | "release", body: { reason?: string }): Promise<boolean> {
  const state = await openState(databaseLocation(data));
  if (state.kind === "owner") return ((await askOwner(state.socket, `/operator/rollout/${what}`, body)) as { done: boolean }).done;
  try {
    const { db } = state.database;
    return what === "hold" ? await holdRollout(db, operatorApprover, body.reason ?? "") : await releaseRollout(db);
  } finally {
    await state.database.close();
  }
}

function overviewText({ hold, repositories }: RolloutOverview): string {
  const width = Math.max(0, ...repositories.map(({ fullName }) => fullName.length));
  const lines = repositories.map(({ fullName, policy, error }) => {
    const waiting = policy.waiting === undefined ? "" : `; ${policy.waiting} waits for rekey rollout plan and confirm`;
    const wrong = error === undefined ? "" : `\n  ${error} (the last good file counts)`;
    return `${fullName.padEnd(width)}  ${policy.stage.padEnd(7)}  ${policy.because}${waiting}${wrong}`;
  });
  const held = hold === undefined ? [] : [`Everything is held at observe since ${hold.at} by ${hold.by}: ${hold.reason}`];
  return `${[...held, ...lines, `${repositories.length} ${repositories.length === 1 ? "repository" : "repositories"}`].join("\n")}\n`;
}

function planText({ hash, changes }: RolloutPlan): string {
  if (hash === undefined) return "Nothing waits: the rules that stand in .github/rekey.yml are confirmed, or there are none.\n";
  const blocks = changes.map(({ repository, from, to, pullRequests, would }) => {
    const none =
      pullRequests === 0 ? "no pull request was scanned in the last 30 days" : `nothing on ${pullRequests} pull requests but a green check`;
    return [`${repository}: ${from} → ${to}`, ...(would.length === 0 ? [none] : would).map((line) => `  ${line}`)].join("\n");
  });
  return `${[...blocks, `${changes.length} ${changes.length === 1 ? "repository changes" : "repositories change"}. To let this count: rekey rollout confirm ${hash}`].join("\n")}\n`;
}
