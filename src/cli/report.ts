import { Command, Option } from "commander";
import type { Incident } from "../incident/fold.ts";
import { summarize } from "../metric/summary.ts";
import { metricsJson } from "../report/metrics-json.ts";
import { metricsText } from "../report/metrics-text.ts";
import { listIncidents } from "../store/incidents.ts";
import { askOwner, databaseLocation, openState } from "./state.ts";

interface Options {
  readonly data?: string;
  readonly format: "text" | "json";
}

/** `rekey report`: where the open credentials are, and how long it takes until a leaked one is dead. */
export function command(): Command {
  return new Command()
    .description("Show open leaked credentials and how long it takes until one is proven dead")
    .option("--data <dir>", "directory of the embedded database (default: DATABASE_URL, REKEY_DATA, $XDG_STATE_HOME/rekey/db)")
    .addOption(new Option("--format <format>", "how to print it").choices(["text", "json"]).default("text"))
    .action(run);
}

async function run({ data, format }: Options): Promise<void> {
  const incidents = await allIncidents(data);
  const summary = summarize(incidents, new Date().toISOString());
  process.stdout.write(format === "json" ? `${JSON.stringify(metricsJson(summary), null, 2)}\n` : metricsText(summary, incidents));
}

async function allIncidents(data: string | undefined): Promise<readonly Incident[]> {
  const state = await openState(databaseLocation(data));
  if (state.kind === "owner") {
    const answer = (await askOwner(state.socket, "/api/v1/incidents?limit=100000")) as { incidents: readonly Incident[] };
    return answer.incidents;
  }
  try {
    return await listIncidents(state.database.db, { limit: 100_000 });
  } finally {
    await state.database.close();
  }
}
