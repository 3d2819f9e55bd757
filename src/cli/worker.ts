import { Command } from "commander";
import { loadServerConfig } from "../config/server.ts";
import { UsageError } from "../errors.ts";
import { createLog } from "../log.ts";
import { openEngine } from "./engine.ts";

export function command(): Command {
  return new Command()
    .description(
      "Works beside `rekey serve` on the same PostgreSQL, as often as you start it: judges, scans and rotates, and opens no port. Until Ctrl-C. Exit code 2 where the configuration is wrong.",
    )
    .option("--config <file>", "the server's configuration", "rekey.yml")
    .option("--log-level <level>", "debug, info, warn or error", "info")
    .action(async (options: { config: string; logLevel: string }) => {
      const config = loadServerConfig(options.config);
      if (config.database.url === undefined)
        throw new UsageError(
          `${options.config}: expected database.url, got none; the embedded database belongs to one process, so a worker needs a PostgreSQL`,
        );
      const { pipeline, stop } = await openEngine({ config, environment: process.env, dataDir: "", log: createLog(options.logLevel) });
      await pipeline.start();
      process.stderr.write("rekey: worker started\n");
      await new Promise<void>((resolve) => {
        process.once("SIGINT", () => resolve());
        process.once("SIGTERM", () => resolve());
      });
      await stop();
    });
}
