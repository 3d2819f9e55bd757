import { Command } from "commander";
import { UsageError } from "../errors.ts";
import { incidentArgument } from "./plan.ts";
import { askOwner, runningServer } from "./state.ts";

/** A proof takes three probes over the propagation time of the provider; the longest of ours is minutes. */
const patience = 900_000;
const mostBytes = 65_536;

export function command(): Command {
  return new Command()
    .description(
      "Looks whether a credential that was revoked by hand is dead: three probes. Where the leaked value is no longer where it leaked, give it on stdin (rekey verify RK-… < value); it counts only if its fingerprint is the leaked one's, and is not kept. Exit code 0: dead, 1: not proven.",
    )
    .argument("<incident>", "RK-…")
    .option("--data <dir>", "directory of the embedded database (default: REKEY_DATA, $XDG_STATE_HOME/rekey/db)")
    .action(async (given: string, { data }: { data?: string }) => {
      const id = incidentArgument(given);
      const value = process.stdin.isTTY ? undefined : await readAll(process.stdin);
      const socket = await runningServer(data, "a credential is probed");
      const body = value === undefined || value.trim() === "" ? {} : { value };
      const verdict = (await askOwner(socket, `/operator/verify/${id}`, body, patience)) as
        | { dead: true; whenFound: boolean }
        | { dead: false; sentence: string };
      process.stdout.write(
        verdict.dead ? `${id}: ${verdict.whenFound ? "inactive when found" : "verified dead"}\n` : `${id}: ${verdict.sentence}\n`,
      );
      process.exitCode = verdict.dead ? 0 : 1;
    });
}

async function readAll(input: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of input) {
    size += chunk.length;
    if (size > mostBytes) throw new UsageError(`expected one credential of at most ${mostBytes} bytes on stdin`);
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks).toString("utf8");
}
