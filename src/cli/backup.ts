import { resolve } from "node:path";
import { Command } from "commander";
import { backUp } from "../store/backup.ts";
import { askOwner, databaseLocation, openState } from "./state.ts";

export function command(): Command {
  return new Command()
    .description(
      "Copies the embedded database to a new folder, also while the server runs. Keys and secrets are not in it: keep rekey.yml and what it names apart, above all the fingerprint key.",
    )
    .argument("<folder>", "a folder that is not there yet")
    .option("--data <dir>", "directory of the embedded database (default: DATABASE_URL, REKEY_DATA, $XDG_STATE_HOME/rekey/db)")
    .action(async (folder: string, { data }: { data?: string }) => {
      const location = databaseLocation(data);
      const directory = "dataDir" in location ? location.dataDir : "";
      const target = resolve(folder);
      const state = await openState(location);
      let events: number;
      if (state.kind === "owner")
        ({ events } = (await askOwner(state.socket, "/operator/backup", { target, directory }, 600_000)) as { events: number });
      else {
        try {
          events = await backUp(state.database, directory, target);
        } finally {
          await state.database.close();
        }
      }
      process.stdout.write(`${target}: ${events} events of the log\n`);
    });
}
