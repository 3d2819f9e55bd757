import { Command, Option } from "commander";
import { type ExceptionRow, exceptionsOf } from "../governance/exception.ts";
import { exceptionsCsv } from "../report/exceptions-csv.ts";
import { incidentIndex } from "../store/incident-index.ts";
import { askOwner, databaseLocation, openState, runningServer } from "./state.ts";

const dataOption = [
  "--data <dir>",
  "directory of the embedded database (default: DATABASE_URL, REKEY_DATA, $XDG_STATE_HOME/rekey/db)",
] as const;

/** `rekey exception`: risks that are lived with, until when, and who said so. */
export function command(): Command {
  const exception = new Command().description("Accepted risks: who asked, who agreed, until when");
  exception
    .command("list")
    .description("Exceptions that wait, hold, end soon or are over")
    .option(...dataOption)
    .addOption(new Option("--format <format>", "output").choices(["text", "json", "csv"]).default("text"))
    .action(list);
  exception
    .command("ask")
    .description(
      "Ask to accept a risk. What lives, or may live, then needs two people who agree on GitHub or on the dashboard. Exit code 1: some were refused.",
    )
    .argument("<target>", "an incident (RK-…), a fingerprint (fp1:…), or an identity's id: then each incident of it that is open now")
    .requiredOption("--reason <text>", "why")
    .requiredOption("--until <date>", "YYYY-MM-DD, at most policy.exceptions.max_days from now")
    .option(...dataOption)
    .addOption(new Option("--format <format>", "output").choices(["text", "json"]).default("text"))
    .action(ask);
  exception
    .command("decline")
    .description("Say no to what was asked for, or end an exception: its incident is open again")
    .argument("<incident>", "RK-…")
    .requiredOption("--reason <text>", "why")
    .option(...dataOption)
    .action(decline);
  return exception;
}

async function list({ data, format }: { data?: string; format: "text" | "json" | "csv" }): Promise<void> {
  const rows = await exceptions(data);
  if (format === "json") process.stdout.write(`${JSON.stringify({ version: 1, exceptions: rows }, null, 2)}\n`);
  else if (format === "csv") process.stdout.write(exceptionsCsv(rows));
  else process.stdout.write(rows.length === 0 ? "no exception\n" : rows.map((row) => `${plain(text(row))}\n`).join(""));
}

function text({ incident, state, kind, title, until, askedBy, approvedBy, reason }: ExceptionRow): string {
  const end = until === undefined ? "no end" : `until ${until.slice(0, 10)}`;
  const agreed = approvedBy.length === 0 ? "" : `, agreed by ${approvedBy.join(", ")}`;
  return `${incident}  ${state.padEnd(8)}  ${kind}  ${end}  ${title}, asked by ${askedBy}${agreed}: ${reason}`;
}

/** Reasons and titles come from outside: nothing of them may steer a terminal. */
function plain(line: string): string {
  return line.replaceAll(/[\p{Cc}\p{Cf}]/gu, " ");
}

async function ask(
  target: string,
  { reason, until, data, format }: { reason: string; until: string; data?: string; format: string },
): Promise<void> {
  const socket = await runningServer(data, "an exception is asked for");
  const { results } = (await askOwner(socket, "/operator/exceptions", { target, reason, until })) as {
    results: { incident: string; ok: boolean; text: string }[];
  };
  if (format === "json") process.stdout.write(`${JSON.stringify({ version: 1, results }, null, 2)}\n`);
  else for (const one of results) process.stdout.write(`${one.ok ? "" : `${one.incident} refused: `}${plain(one.text)}\n`);
  process.exitCode = results.every(({ ok }) => ok) ? 0 : 1;
}

async function decline(incident: string, { reason, data }: { reason: string; data?: string }): Promise<void> {
  const socket = await runningServer(data, "an exception is ended");
  const { text: said } = (await askOwner(socket, "/operator/exceptions/decline", { incident, reason })) as { text: string };
  process.stdout.write(`${plain(said)}\n`);
}

async function exceptions(data: string | undefined): Promise<readonly ExceptionRow[]> {
  const state = await openState(databaseLocation(data));
  if (state.kind === "owner") return ((await askOwner(state.socket, "/api/v1/exceptions")) as { exceptions: ExceptionRow[] }).exceptions;
  try {
    return exceptionsOf(await incidentIndex(state.database.db).all(), new Date().toISOString());
  } finally {
    await state.database.close();
  }
}
