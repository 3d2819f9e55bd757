import { Command } from "commander";
import { UsageError } from "../errors.ts";
import { resumeRotations } from "../store/rotation-requests.ts";
import { askOwner, databaseLocation, openState } from "./state.ts";

export function command(): Command {
  return new Command()
    .description("Ends a pause: runs that it stopped go on, and requests that waited start in their order.")
    .option("--data <dir>", "directory of the embedded database (default: DATABASE_URL, REKEY_DATA, $XDG_STATE_HOME/rekey/db)")
    .action(async ({ data }: { data?: string }) => {
      const state = await openState(databaseLocation(data));
      if (state.kind === "owner") {
        const { runs } = (await askOwner(state.socket, "/operator/resume", {})) as { runs: string[] };
        process.stdout.write(`rotations go on; ${runs.length} were under way\n`);
        return;
      }
      const runs = await resumeRotations(state.database.db);
      await state.database.close();
      if (runs === undefined) throw new UsageError("rotations are not paused");
      process.stdout.write(`rotations go on; ${runs.length} were under way, and the server takes them up\n`);
    });
}
