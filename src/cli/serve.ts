import { Command } from "commander";
import { loadServerConfig } from "../config/server.ts";
import { createLog } from "../log.ts";
import { Secret } from "../secret.ts";
import { startServer } from "./server.ts";
import { databaseLocation } from "./state.ts";

export function command(): Command {
  return new Command()
    .description("Runs the GitHub App: webhooks, workers and the dashboard, until Ctrl-C. Exit code 2 where the configuration is wrong.")
    .option("--config <file>", "the server's configuration", "rekey.yml")
    .option("--data <dir>", "directory of the embedded database (default: REKEY_DATA, $XDG_STATE_HOME/rekey/db)")
    .option("--log-level <level>", "debug, info, warn or error", "info")
    .action(async (options: { config: string; data?: string; logLevel: string }) => {
      const config = loadServerConfig(options.config);
      const location = databaseLocation(options.data);
      const token = process.env["REKEY_ACCESS_TOKEN"];
      const server = await startServer({
        config,
        environment: process.env,
        dataDir: "dataDir" in location ? location.dataDir : ".rekey-data",
        log: createLog(options.logLevel),
        ...(token === undefined || token === "" ? {} : { access: Secret.from(token) }),
      });
      process.stderr.write(`rekey: listening on ${server.url}\n`);
      await new Promise<void>((resolve) => {
        process.once("SIGINT", () => resolve());
        process.once("SIGTERM", () => resolve());
      });
      await server.stop();
    });
}
