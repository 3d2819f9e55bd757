import { Command } from "commander";
import { UsageError } from "../errors.ts";
import { incidentArgument } from "./plan.ts";
import { askOwner, runningServer } from "./state.ts";

export function command(): Command {
  return new Command()
    .description(
      "Approves the plan with this hash as the operator of the server and starts it. A plan that needs a second person is refused here: approve it on the pull request.",
    )
    .argument("<incident>", "RK-…")
    .requiredOption("--plan <hash>", "the hash that rekey plan shows")
    .option("--data <dir>", "directory of the embedded database (default: REKEY_DATA, $XDG_STATE_HOME/rekey/db)")
    .action(async (given: string, { plan, data }: { plan: string; data?: string }) => {
      const id = incidentArgument(given);
      if (!/^[0-9a-f]{12,64}$/.test(plan)) throw new UsageError("expected --plan with the hash that rekey plan shows");
      const socket = await runningServer(data, "a rotation is run");
      const answer = (await askOwner(socket, `/operator/rotate/${id}`, { plan })) as RotationAnswer;
      process.stdout.write(rotationText(id, answer));
    });
}

export type RotationAnswer = { readonly state: "started"; readonly run: string } | { readonly state: "waits"; readonly sentence: string };

export function rotationText(id: string, answer: RotationAnswer): string {
  return answer.state === "started"
    ? `${id}: ${answer.run} is under way; rekey report and the pull request show how it goes\n`
    : `${id}: waits. ${answer.sentence}\n`;
}
