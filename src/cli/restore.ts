import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { UsageError } from "../errors.ts";
import { readLabel } from "../store/backup.ts";
import { openDatabase } from "../store/database.ts";
import { verifyChain } from "../store/events.ts";
import { databaseLocation } from "./state.ts";

export function command(): Command {
  return new Command()
    .description(
      "Puts a backup in place where no database is, and proves its event log. Rotations that it shows as under way are looked at anew when the server starts.",
    )
    .argument("<folder>", "what rekey backup made")
    .option("--data <dir>", "directory of the embedded database; it must not hold one")
    .action(async (folder: string, { data }: { data?: string }) => {
      const location = databaseLocation(data);
      if (!("dataDir" in location)) throw new UsageError("DATABASE_URL is set: restore PostgreSQL with pg_restore");
      const { at, events } = readLabel(resolve(folder));
      const target = join(location.dataDir, "pgdata");
      if (existsSync(target)) throw new UsageError(`${location.dataDir} holds a database; give another --data, or move it away first`);
      mkdirSync(location.dataDir, { recursive: true, mode: 0o700 });
      const draft = `${target}.new-restore`;
      rmSync(draft, { recursive: true, force: true });
      cpSync(resolve(folder), draft, { recursive: true });
      rmSync(join(draft, "rekey-backup.json"));
      renameSync(draft, target);
      const database = await openDatabase({ dataDir: location.dataDir });
      try {
        const { problems } = await verifyChain(database.db);
        if (problems.length > 0) throw new UsageError(`the event log of this backup is not as it was written: ${problems[0]}`);
      } finally {
        await database.close();
      }
      process.stdout.write(`${location.dataDir}: the state of ${at}, ${events} events; the log is as it was written\n`);
    });
}
