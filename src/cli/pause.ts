import { Command } from "commander";
import { UsageError } from "../errors.ts";
import { operatorApprover } from "../incident/policy.ts";
import { pauseRotations } from "../store/rotation-requests.ts";
import { askOwner, databaseLocation, openState } from "./state.ts";

export function command(): Command {
  return new Command()
    .description(
      "Pauses all rotations: none starts, and those under way stop before their next change. A run that destroyed already only proves the death and ends.",
    )
    .argument("<reason>", "why, for everybody who sees it waiting")
    .option("--data <dir>", "directory of the embedded database (default: DATABASE_URL, REKEY_DATA, $XDG_STATE_HOME/rekey/db)")
    .action(async (reason: string, { data }: { data?: string }) => {
      const state = await openState(databaseLocation(data));
      if (state.kind === "owner") await askOwner(state.socket, "/operator/pause", { reason });
      else {
        const paused = await pauseRotations(state.database.db, operatorApprover, reason.slice(0, 500));
        await state.database.close();
        if (!paused) throw new UsageError("rotations are paused already");
      }
      process.stdout.write("all rotations are paused; rekey resume ends that\n");
    });
}
