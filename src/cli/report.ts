import { Command, Option } from "commander";
import type { ListedIncident } from "../incident/fold.ts";
import { summarize } from "../metric/summary.ts";
import { metricsJson } from "../report/metrics-json.ts";
import { metricsText } from "../report/metrics-text.ts";
import { incidentIndex } from "../store/incident-index.ts";
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

async function allIncidents(data: string | undefined): Promise<readonly ListedIncident[]> {
  const state = await openState(databaseLocation(data));
  if (state.kind === "owner") return pages(state.socket);
  try {
    return await incidentIndex(state.database.db).all();
  } finally {
    await state.database.close();
  }
}

/** From the running server, page by page. */
async function pages(socket: string): Promise<ListedIncident[]> {
  const incidents: ListedIncident[] = [];
  for (let after: string | undefined = ""; after !== undefined; ) {
    const query: string = after === "" ? "" : `&after=${after}`;
    const answer = (await askOwner(socket, `/api/v1/incidents?sort=oldest&limit=1000${query}`)) as {
      incidents: readonly ListedIncident[];
      next?: string;
    };
    incidents.push(...answer.incidents);
    after = answer.next;
  }
  return incidents;
}
