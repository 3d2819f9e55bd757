import { Command, Option } from "commander";
import { UsageError } from "../errors.ts";
import { parseIncidentId } from "../incident/id.ts";
import type { Plan } from "../playbook/plan.ts";
import { renderPlan } from "../playbook/render.ts";
import { latestPlan } from "../store/evidence.ts";
import { askOwner, databaseLocation, openState } from "./state.ts";

export function command(): Command {
  return new Command()
    .description(
      "Shows the dry run of an incident: the steps in order, who must agree, and from where there is no way back. Changes nothing.",
    )
    .argument("<incident>", "RK-…")
    .option("--data <dir>", "directory of the embedded database (default: DATABASE_URL, REKEY_DATA, $XDG_STATE_HOME/rekey/db)")
    .addOption(new Option("--format <format>", "output").choices(["text", "json"]).default("text"))
    .action(async (given: string, { data, format }: { data?: string; format: "text" | "json" }) => {
      const plan = await planOf(incidentArgument(given), data);
      process.stdout.write(format === "json" ? `${JSON.stringify({ version: 1, plan }, null, 2)}\n` : renderPlan(plan));
    });
}

/** Throws UsageError for what is not an incident id. */
export function incidentArgument(given: string): string {
  const id = parseIncidentId(given);
  if (id === undefined)
    throw new UsageError(`expected an incident such as RK-7F3K, got '${given.slice(0, 40)}'; rekey report lists the open ones`);
  return id;
}

async function planOf(id: string, data: string | undefined): Promise<Plan> {
  const state = await openState(databaseLocation(data));
  const kept = state.kind === "owner" ? await askOwner(state.socket, `/operator/plan/${id}`) : await latestPlan(state.database.db, id);
  if (state.kind === "database") await state.database.close();
  if (typeof kept !== "object" || kept === null || !("body" in kept))
    throw new UsageError(`there is no plan for ${id}: it is not known, closed, or no playbook serves its type`);
  return kept.body as Plan;
}
