import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { weekBody } from "../github/week-issue.ts";
import type { EvidenceReport } from "../governance/evidence.ts";
import { type FrameworkId, frameworkIds } from "../governance/frameworks.ts";
import type { ListedIncident } from "../incident/fold.ts";
import type { IncidentKind } from "../incident/runtime.ts";
import { summarize } from "../metric/summary.ts";
import { weekReport } from "../metric/week-report.ts";
import { evidenceMarkdown } from "../report/evidence-markdown.ts";
import { metricsJson } from "../report/metrics-json.ts";
import { metricsText } from "../report/metrics-text.ts";
import { incidentIndex } from "../store/incident-index.ts";
import { evidencePage } from "../web/evidence.ts";
import type { Html } from "../web/layout.ts";
import { weekPage } from "../web/week.ts";
import { askOwner, databaseLocation, openState, runningServer } from "./state.ts";

interface Options {
  readonly data?: string;
  readonly format: "text" | "json" | "html" | "markdown";
  readonly evidence?: FrameworkId;
}

/** `rekey report`: where the open credentials are, and how long it takes until a leaked one is dead. */
export function command(): Command {
  return new Command()
    .description(
      "Show open leaked credentials and how long it takes until one is proven dead; html and markdown are about the last whole week.",
    )
    .option("--data <dir>", "directory of the embedded database (default: DATABASE_URL, REKEY_DATA, $XDG_STATE_HOME/rekey/db)")
    .addOption(new Option("--format <format>", "how to print it").choices(["text", "json", "html", "markdown"]).default("text"))
    .addOption(
      new Option("--evidence <framework>", "what is evidence for this framework, from the running server").choices([...frameworkIds]),
    )
    .action(run);
}

async function run({ data, format, evidence }: Options): Promise<void> {
  if (evidence !== undefined) return reportEvidence(evidence, { data, format });
  const incidents = await allIncidents(data);
  const now = new Date().toISOString();
  if (format === "markdown") {
    process.stdout.write(`${weekBody(weekReport(incidents, now))}\n`);
    return;
  }
  if (format === "html") {
    process.stdout.write(await asFile(weekPage(weekReport(incidents, now))));
    return;
  }
  const summary = summarize(incidents, now);
  process.stdout.write(format === "json" ? `${JSON.stringify(metricsJson(summary), null, 2)}\n` : metricsText(summary, incidents));
}

async function reportEvidence(
  framework: FrameworkId,
  { data, format }: Pick<Options, "format"> & { data: string | undefined },
): Promise<void> {
  const socket = await runningServer(data, "evidence is gathered");
  const report = (await askOwner(socket, `/api/v1/evidence/${framework}`)) as EvidenceReport;
  if (format === "json") process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else if (format === "html") process.stdout.write(await asFile(evidencePage(report)));
  else process.stdout.write(evidenceMarkdown(report));
}

/** The page of the dashboard as one file: with its style, without links that lead nowhere. */
async function asFile(shown: Html): Promise<string> {
  const style = readFileSync(fileURLToPath(new URL("../web/style.css", import.meta.url)), "utf8");
  return String(await shown)
    .replace(/<link rel="icon"[^>]*>\n?/, "")
    .replace(/<link rel="stylesheet"[^>]*>/, () => `<style>${style}</style>`)
    .replace(/<header class="top">[\s\S]*?<\/header>/, "")
    .replaceAll(/<a href="\/[^"]*">([\s\S]*?)<\/a>/g, "$1");
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
      incidents: readonly (Omit<ListedIncident, "kind"> & { kind: IncidentKind })[];
      next?: string;
    };
    // the API says the kind of every incident; inside, a leaked credential has none
    incidents.push(...answer.incidents.map(({ kind, ...rest }) => (kind === "leaked-credential" ? rest : { ...rest, kind })));
    after = answer.next;
  }
  return incidents;
}
