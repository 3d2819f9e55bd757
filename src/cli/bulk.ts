import { Command, Option } from "commander";
import { UsageError } from "../errors.ts";
import { type BulkPreview, bulkActions } from "../pipeline/bulk.ts";
import { askOwner, runningServer } from "./state.ts";

interface Options {
  readonly data?: string;
  readonly repository?: string;
  readonly path?: string;
  readonly detector?: string;
  readonly owner?: string;
  readonly validity?: string;
  readonly origin?: string;
  readonly apply?: string;
  readonly reason?: string;
}

const dataOption = ["--data <dir>", "directory of the embedded database (default: REKEY_DATA, $XDG_STATE_HOME/rekey/db)"] as const;
const shown = 40;

export function command(): Command {
  const all = new Command().description(
    "Decides about many open incidents at once. Without --apply it only shows which; what a probe has seen alive is never silenced.",
  );
  for (const action of bulkActions) {
    all.addCommand(
      new Command(action)
        .description(
          { acknowledge: "Takes note of them.", "false-positive": "They are no credentials.", "used-in-tests": "They are test data." }[
            action
          ],
        )
        .option(...dataOption)
        .option("--repository <owner/name>", "that stand in this repository alone")
        .option("--path <glob>", "all of whose places fit, such as 'test/fixtures/**'")
        .option("--detector <id>", "of this type")
        .option("--owner <owner>", "whose identity belongs to this owner")
        .addOption(new Option("--validity <validity>", "as the last probe said").choices(["inactive", "unknown"]))
        .addOption(new Option("--origin <origin>", "how they were found").choices(["new", "history"]))
        .option("--apply <hash>", "do it; the hash is the one that the preview shows")
        .option("--reason <text>", "why, for everybody who sees it")
        .action(async (options: Options) => run(action, options)),
    );
  }
  all.addCommand(
    new Command("undo")
      .description("Opens again what a bulk action has closed.")
      .argument("<name>", "BK-…, as it was shown")
      .option(...dataOption)
      .action(async (bulk: string, { data }: Options) => {
        const { reopened } = (await ask(data, "undo", { bulk })) as { reopened: number };
        process.stdout.write(`${reopened} ${reopened === 1 ? "incident is" : "incidents are"} open again\n`);
      }),
  );
  return all;
}

async function run(action: string, { data, apply, reason, ...filter }: Options): Promise<void> {
  if (apply === undefined) {
    process.stdout.write(previewText(action, (await ask(data, "preview", { action, filter })) as BulkPreview));
    return;
  }
  if (reason === undefined) throw new UsageError('expected --reason "…" with --apply');
  const { bulk, changed } = (await ask(data, "apply", { action, filter, hash: apply, reason })) as { bulk: string; changed: number };
  const back = action === "acknowledge" ? "" : `; rekey bulk undo ${bulk} takes it back`;
  process.stdout.write(`${bulk}: ${changed} ${changed === 1 ? "incident" : "incidents"}${back}\n`);
}

async function ask(data: string | undefined, what: string, body: object): Promise<unknown> {
  return askOwner(await runningServer(data, "incidents are decided on"), `/operator/bulk/${what}`, body, 300_000);
}

function previewText(action: string, { hash, incidents, alive }: BulkPreview): string {
  // titles, repositories and paths come from strangers: no control characters reach the terminal
  const lines = incidents
    .slice(0, shown)
    .map(({ id, title, repository = "", place }) => `${id}  ${title}  ${repository}  ${place}`.replaceAll(/[\p{Cc}\p{Cf}]/gu, "?"));
  const more = incidents.length > shown ? [`and ${incidents.length - shown} more`] : [];
  const left = alive === 0 ? [] : [`${alive} left out: a probe has seen them alive`];
  const next =
    incidents.length === 0
      ? "Nothing fits."
      : `${incidents.length} would be changed. To do it: repeat this with --apply ${hash} --reason "…" (${action})`;
  return `${[...lines, ...more, ...left, next].join("\n")}\n`;
}
