import { Command, Option } from "commander";
import type { Kysely } from "kysely";
import { UsageError } from "../errors.ts";
import { type ApiToken, createApiToken, dropApiToken, listApiTokens } from "../store/access.ts";
import type { Schema } from "../store/schema.ts";
import { scopes } from "../web/tokens.ts";
import { askOwner, databaseLocation, openState } from "./state.ts";

const data = ["--data <dir>", "directory of the embedded database (default: DATABASE_URL, REKEY_DATA, $XDG_STATE_HOME/rekey/db)"] as const;
const day = 86_400_000;

/** What the socket of a running server takes and gives (src/pipeline/operator.ts). */
interface Created {
  readonly token?: string;
}

export function command(): Command {
  const create = new Command("create")
    .description("Makes a token and prints it, once: only its hash is kept.")
    .argument("<name>", "what it is called in lists and logs")
    .addOption(new Option("--scope <scope...>", "what it may read").choices([...scopes]).makeOptionMandatory())
    .option("--repository <owner/name...>", "only incidents of these repositories (default: all)")
    .option("--days <days>", "how long it is good for, 1 to 366", "90")
    .option(...data)
    .action(async (name: string, options: { scope: string[]; repository?: string[]; days: string; data?: string }) => {
      const days = Number(options.days);
      if (!/^[\w .-]{1,60}$/.test(name)) throw new UsageError("expected a name of at most 60 letters, digits, spaces, dots and dashes");
      if (!Number.isInteger(days) || days < 1 || days > 366)
        throw new UsageError(`expected --days from 1 to 366, got '${options.days.slice(0, 20)}'`);
      const wanted = {
        name,
        scopes: options.scope,
        expiresAt: new Date(Date.now() + days * day),
        ...(options.repository === undefined ? {} : { repositories: options.repository }),
      };
      const { token } = await carryOut(options.data, "/operator/token/create", wanted, async (db): Promise<Created> => {
        const made = await createApiToken(db, wanted);
        return made === undefined ? {} : { token: made };
      });
      if (token === undefined) throw new UsageError(`there is a token called ${name} already; rekey token remove it, or take another name`);
      process.stderr.write(`rekey: good until ${wanted.expiresAt.toISOString().slice(0, 10)}; it is shown only now\n`);
      process.stdout.write(`${token}\n`);
    });
  const list = new Command("list")
    .description("Lists tokens: their scopes, until when they are good, when they were last used. Never the token itself.")
    .option(...data)
    .addOption(new Option("--format <format>", "output").choices(["text", "json"]).default("text"))
    .action(async (options: { data?: string; format: string }) => {
      const { tokens } = await carryOut(options.data, "/operator/token/list", {}, async (db) => ({ tokens: await listApiTokens(db) }));
      process.stdout.write(options.format === "json" ? `${JSON.stringify({ version: 1, tokens }, null, 2)}\n` : listText(tokens));
    });
  const remove = new Command("remove")
    .description("Removes a token: it is refused from now on.")
    .argument("<name>", "from rekey token list")
    .option(...data)
    .action(async (name: string, options: { data?: string }) => {
      const { removed } = await carryOut(options.data, "/operator/token/remove", { name }, async (db) => ({
        removed: await dropApiToken(db, name),
      }));
      if (!removed) throw new UsageError(`there is no token called ${name.slice(0, 60)}; rekey token list shows them`);
      process.stdout.write(`${name} is refused from now on\n`);
    });
  return new Command().description("Tokens for programs that read the API.").addCommand(create).addCommand(list).addCommand(remove);
}

/** By the running server that owns the database, or on the database itself. */
async function carryOut<T>(at: string | undefined, path: string, body: object, here: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
  const state = await openState(databaseLocation(at));
  if (state.kind === "owner") return (await askOwner(state.socket, path, body)) as T;
  try {
    return await here(state.database.db);
  } finally {
    await state.database.close();
  }
}

function listText(tokens: readonly ApiToken[]): string {
  if (tokens.length === 0) return "no tokens\n";
  return tokens
    .map(({ name, scopes: allowed, repositories, expiresAt, usedAt }) => {
      const until = new Date(expiresAt);
      const state = until.getTime() < Date.now() ? "expired" : "good until";
      const used = usedAt === undefined ? "never used" : `last used ${new Date(usedAt).toISOString().slice(0, 10)}`;
      return `${name}: ${allowed.join(", ")}; ${repositories?.join(", ") ?? "all repositories"}; ${state} ${until.toISOString().slice(0, 10)}, ${used}\n`;
    })
    .join("");
}
