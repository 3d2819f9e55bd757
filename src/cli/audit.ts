import { Command } from "commander";
import { RefusedError } from "../errors.ts";
import { type ChainReport, verifyChain } from "../store/events.ts";
import { databaseLocation, openState } from "./state.ts";

/** `rekey audit verify`: whether the event log is as it was written. Exit 0 intact, 1 not. */
export function command(): Command {
  const audit = new Command().description("Prove that the event log was not changed");
  audit
    .command("verify")
    .description("Recompute every hash chain and every checkpoint; exit 0 intact, 1 changed")
    .option("--data <dir>", "directory of the embedded database (default: DATABASE_URL, REKEY_DATA, $XDG_STATE_HOME/rekey/db)")
    .action(verify);
  return audit;
}

async function verify({ data }: { data?: string }): Promise<void> {
  const state = await openState(databaseLocation(data));
  if (state.kind === "owner") {
    // A log that is judged by the process that writes it would prove nothing.
    throw new RefusedError("the database is in use by a running rekey server; stop it, or verify a copy of its directory with --data");
  }
  try {
    const report = await verifyChain(state.database.db);
    process.stdout.write(auditText(report));
    process.exitCode = report.problems.length === 0 ? 0 : 1;
  } finally {
    await state.database.close();
  }
}

function auditText({ events, streams, checkpoints, problems }: ChainReport): string {
  const counted = `${events} events in ${streams} streams, ${checkpoints} checkpoints`;
  return problems.length === 0 ? `Intact: ${counted}.\n` : `Changed (${counted}):\n${problems.map((problem) => `  ${problem}\n`).join("")}`;
}
