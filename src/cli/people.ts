import { Command, Option } from "commander";
import { UsageError } from "../errors.ts";
import { forgetPerson } from "../store/people.ts";
import { askOwner, databaseLocation, openState } from "./state.ts";

interface Options {
  readonly data?: string;
  readonly format: string;
  readonly yes?: true;
}

/** `rekey people`: what is kept of people beside their decisions. */
export function command(): Command {
  const people = new Command().description("People's names in the log and in every table");
  people
    .command("erase")
    .description(
      "Erase a person's name: the log keeps its events and still verifies, and says 'erased' where the name stood. It cannot be taken back. Exit code 1: the name was not known.",
    )
    .argument("<login>", "GitHub login")
    .option("--yes", "do it; without this, only say what would be lost")
    .option("--data <dir>", "directory of the embedded database (default: DATABASE_URL, REKEY_DATA, $XDG_STATE_HOME/rekey/db)")
    .addOption(new Option("--format <format>", "output").choices(["text", "json"]).default("text"))
    .action(erase);
  return people;
}

async function erase(login: string, { data, format, yes }: Options): Promise<void> {
  if (!/^@?[A-Za-z0-9][A-Za-z0-9_-]{0,99}(\[bot\])?$/.test(login))
    throw new UsageError(`expected a GitHub login, got '${login.slice(0, 40)}'`);
  if (yes === undefined)
    throw new UsageError(
      `this makes it impossible to say later what ${login} approved, decided or pushed, and ends their sessions; repeat it with --yes. A name that a repository's own files hold (CODEOWNERS, .rekey/) comes back with the next reading: take it out there first`,
    );
  const state = await openState(databaseLocation(data));
  let changed: Readonly<Record<string, number>>;
  if (state.kind === "owner")
    changed = ((await askOwner(state.socket, "/operator/people/erase", { login })) as { changed: Record<string, number> }).changed;
  else
    try {
      changed = Object.fromEntries(await forgetPerson(state.database.db, login));
    } finally {
      await state.database.close();
    }
  const entries = Object.entries(changed);
  if (format === "json") process.stdout.write(`${JSON.stringify({ version: 1, changed }, null, 2)}\n`);
  else if (entries.length === 0) process.stdout.write(`${login} is not known here\n`);
  else process.stdout.write(`${login} is erased: ${entries.map(([table, rows]) => `${rows} in ${table}`).join(", ")}\n`);
  process.exitCode = entries.length === 0 ? 1 : 0;
}
