import { readFileSync, statSync } from "node:fs";
import { Command, Option } from "commander";
import { z } from "zod";
import { builtInPlaybooks, loadPlaybooks } from "../config/playbooks.ts";
import { ConfigError, UsageError } from "../errors.ts";
import type { Plan } from "../playbook/plan.ts";
import { renderPlan } from "../playbook/render.ts";
import { Playbook, parsePlaybook } from "../playbook/schema.ts";
import { drivers } from "../provider/index.ts";
import { incidentArgument } from "./plan.ts";
import { rehearseCommand } from "./rehearse.ts";
import { type RotationAnswer, rotationText } from "./rotate.ts";
import { askOwner, runningServer } from "./state.ts";

const manifests = drivers.map(({ manifest }) => manifest);

export function command(): Command {
  const lint = new Command("lint")
    .description(
      "Proves playbooks: schema, step order, unknown verbs, expressions. Exit code 0 without problems, 1 with, 2 for wrong usage.",
    )
    .argument("[path...]", "playbook files or folders; without one, the built-in playbooks")
    .addOption(new Option("--format <format>", "output").choices(["text", "json"]).default("text"))
    .action(runLint);
  const list = new Command("list").description("Lists the built-in playbooks.").action(() => {
    for (const { name, version, match, policy } of loadPlaybooks()) {
      process.stdout.write(`${name} version ${version}: ${match.credential.join(", ")} (${policy.modes.join(", ")})\n`);
    }
  });
  const schema = new Command("schema").description("Prints the JSON Schema of a playbook.").action(() => {
    process.stdout.write(`${JSON.stringify(z.toJSONSchema(Playbook, { io: "input" }), null, 2)}\n`);
  });
  return new Command()
    .description("Works with rotation playbooks.")
    .addCommand(lint)
    .addCommand(list)
    .addCommand(schema)
    .addCommand(planCommand())
    .addCommand(runCommand())
    .addCommand(rehearseCommand());
}

function planCommand(): Command {
  return new Command("plan")
    .description("Makes the plan of an incident by this playbook and shows it: the dry run. Changes nothing at the provider.")
    .argument("<playbook>", "a name that rekey playbook list shows")
    .argument("<incident>", "RK-…")
    .option("--data <dir>", "directory of the embedded database")
    .action(async (name: string, given: string, { data }: { data?: string }) => {
      process.stdout.write(renderPlan(await planBy(name, incidentArgument(given), data)));
    });
}

function runCommand(): Command {
  return new Command("run")
    .description(
      "Starts the rotation of an incident by this playbook, as the operator of the server. Without --plan it only shows the plan.",
    )
    .argument("<playbook>", "a name that rekey playbook list shows")
    .argument("<incident>", "RK-…")
    .option("--plan <hash>", "the hash that was shown")
    .option("--data <dir>", "directory of the embedded database")
    .action(async (name: string, given: string, { plan, data }: { plan?: string; data?: string }) => {
      const id = incidentArgument(given);
      const made = await planBy(name, id, data);
      if (plan === undefined) {
        process.stdout.write(`${renderPlan(made)}\nStart it with rekey playbook run ${name} ${id} --plan ${made.hash}\n`);
        return;
      }
      const socket = await runningServer(data, "a rotation is run");
      process.stdout.write(rotationText(id, (await askOwner(socket, `/operator/rotate/${id}`, { plan })) as RotationAnswer));
    });
}

async function planBy(playbook: string, id: string, data: string | undefined): Promise<Plan> {
  const socket = await runningServer(data, "a plan is made");
  return ((await askOwner(socket, `/operator/plan/${id}`, { playbook })) as { body: Plan }).body;
}

function runLint(paths: readonly string[], { format }: { format: "text" | "json" }): void {
  const problems: string[] = [];
  let count = 0;
  for (const path of paths.length === 0 ? [builtInPlaybooks] : paths) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) throw new UsageError(`expected a playbook file or folder; there is no '${path}'`);
    try {
      if (stat.isDirectory()) count += loadPlaybooks([path], manifests).length;
      else {
        parsePlaybook(readFileSync(path, "utf8"), path, manifests);
        count++;
      }
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(error.message);
    }
  }
  if (format === "json") process.stdout.write(`${JSON.stringify({ version: 1, playbooks: count, problems }, null, 2)}\n`);
  else process.stdout.write(`${[...problems, `${count} playbooks, ${problems.length} problems`].join("\n")}\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
