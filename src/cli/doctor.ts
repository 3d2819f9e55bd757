import { statfsSync } from "node:fs";
import { Command, Option } from "commander";
import { createApp } from "../app.ts";
import { loadServerConfig, readReference, type ServerConfig } from "../config/server.ts";
import { ConfigError, UsageError } from "../errors.ts";
import { git } from "../git.ts";
import { pinnedFetch, pinOf } from "../http.ts";
import { type Check, checkApp, failed, ok, warning } from "../pipeline/doctor.ts";
import { storedReferences } from "../pipeline/stored-references.ts";
import { renderPolicy } from "../playbook/rights.ts";
import type { Secret } from "../secret.ts";
import { sinkFor } from "../secret-manager/index.ts";
import { readAppManifest } from "./app-manifest.ts";
import { databaseLocation, openState } from "./state.ts";

export function command(): Command {
  return new Command()
    .description(
      "Looks whether everything that the server needs is there, and says what to do about the rest. Changes nothing. Exit code 0: nothing has failed, 1: something has.",
    )
    .option("--config <file>", "the server's configuration", "rekey.yml")
    .option("--data <dir>", "directory of the embedded database (default: REKEY_DATA, $XDG_STATE_HOME/rekey/db)")
    .addOption(new Option("--format <format>", "output").choices(["text", "json"]).default("text"))
    .action(async (options: { config: string; data?: string; format: string }) => {
      const checks = await examine(options);
      process.stdout.write(options.format === "json" ? `${JSON.stringify({ version: 1, checks }, null, 2)}\n` : text(checks));
      process.exitCode = checks.some(({ state }) => state === "failed") ? 1 : 0;
    });
}

async function examine({ config: file, data }: { config: string; data?: string }): Promise<Check[]> {
  let config: ServerConfig;
  try {
    config = loadServerConfig(file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [failed("configuration", error.message, "docs/server.md has every key")];
  }
  const checks: Check[] = [ok("configuration", file), await gitVersion()];
  const { credential, problems } = await credentials(config);
  checks.push(...problems);
  checks.push(...(await github(config, credential)));
  checks.push(await database(config, credential, data));
  checks.push(...inventories(config));
  if (config.security_team.length === 0)
    checks.push(
      warning(
        "security_team",
        "is empty",
        "nobody can decide on false positives, accepted risks and production: name logins or organisation/team",
      ),
    );
  if (config.fingerprint.key === undefined)
    checks.push(
      warning("fingerprint.key", "is not set", "a key of this machine's user is used; a server needs its own: openssl rand -hex 32"),
    );
  return checks;
}

/** What reading each secret manager for the inventory costs, and the least policy of a role that does it. */
function inventories({ connections }: ServerConfig): Check[] {
  return Object.entries(connections).flatMap(
    ([name, { type, mounts, inventory, inventory_rate: rate, inventory_credential: own }]): Check[] => {
      const rights = sinkFor(type)?.manifest.inventoryRights;
      if (rights === undefined) return [];
      if (inventory === "off") return [ok(`inventory of ${name}`, "is off: a leaked value is not looked up there")];
      const each = rights.flatMap((right) =>
        right.includes("<mount>") ? mounts.map((mount) => right.replaceAll("<mount>", mount)) : [right],
      );
      const policy = renderPolicy(type, [{ verb: "inventory", rights: each }])
        .trimEnd()
        .replaceAll("\n", "\n           ");
      const says = `reads every entry once a day, at most ${rate} a second, which moves their last-accessed dates, as ${own ?? "the connection itself"}`;
      return [{ ...ok(`inventory of ${name}`, says), hint: `its role (inventory_credential) needs no more than:\n           ${policy}` }];
    },
  );
}

async function gitVersion(): Promise<Check> {
  try {
    const [, major = "0", minor = "0"] = /(\d+)\.(\d+)/.exec((await git(["--version"], { cwd: "/" })).toString()) ?? [];
    return Number(major) > 2 || Number(minor) >= 36
      ? ok("git", `${major}.${minor}`)
      : failed("git", `${major}.${minor}`, "2.36 or newer is needed to fetch parts of a repository");
  } catch {
    return failed("git", "is not on PATH", "install git");
  }
}

/** Every credential that the configuration names, read once. Those of a secret manager are read through its connection. */
async function credentials(config: ServerConfig): Promise<{ credential: (reference: string) => Secret; problems: Check[] }> {
  const problems: Check[] = [];
  const stored = await storedReferences(config, (reference) => readReference(reference), sinkFor).catch((error: unknown) => {
    if (!(error instanceof UsageError) && !(error instanceof ConfigError)) throw error;
    problems.push(failed("credentials", error.message, "the entry, its field and the connection's own credential must be there"));
    return undefined;
  });
  const credential = (reference: string) => stored?.get(reference) ?? readReference(reference);
  const named = referencesIn(config).filter((reference) => !/^(vault|aws):/.test(reference));
  for (const reference of named) {
    try {
      credential(reference).wipe();
    } catch (error) {
      problems.push(failed("credential", error instanceof Error ? error.message : reference, `${reference} is named in the configuration`));
    }
  }
  if (problems.length === 0) problems.push(ok("credentials", "all that are named can be read"));
  return { credential, problems };
}

function referencesIn(value: unknown): string[] {
  if (typeof value === "string") return /^(env:[A-Z_]|file:|vault:[^#\s]+#|aws:)/.test(value) ? [value] : [];
  return typeof value === "object" && value !== null ? [...new Set(Object.values(value).flatMap(referencesIn))] : [];
}

async function github(config: ServerConfig, credential: (reference: string) => Secret): Promise<Check[]> {
  if (config.github === undefined) return [warning("github", "is not set", "rekey setup registers the App")];
  const { api, app_id: appId, private_key, webhook_secret } = config.github;
  const manifest = readAppManifest();
  try {
    const unused = async () => undefined;
    const app = createApp({
      appId,
      privateKey: credential(private_key).reveal(),
      api,
      webhookSecret: credential(webhook_secret).reveal(),
      fetch: pinnedFetch([pinOf(api)]),
      // no event is received here
      handlers: new Proxy({}, { get: () => unused }) as Parameters<typeof createApp>[0]["handlers"],
    });
    return await checkApp(await app.appClient(), manifest, config);
  } catch (error) {
    if (error instanceof ConfigError) return []; // said above
    return [failed("App", "its key cannot be used", "private_key must name the PEM file that GitHub gave")];
  }
}

async function database(config: ServerConfig, credential: (reference: string) => Secret, data: string | undefined): Promise<Check> {
  const url = config.database.url;
  const location = url === undefined ? databaseLocation(data) : { url: credential(url).reveal() };
  try {
    const state = await openState(location);
    if (state.kind === "owner") return ok("database", "a running server has it");
    await state.database.close();
    if ("url" in location) return ok("database", "PostgreSQL answers, and its tables are up to date");
    const { bavail, bsize } = statfsSync(location.dataDir);
    const free = Math.round((bavail * bsize) / 1e9);
    return free < 5
      ? warning("database", `${free} GB are free in ${location.dataDir}`, "5 GB or more are advised")
      : ok("database", location.dataDir);
  } catch (error) {
    return failed(
      "database",
      error instanceof UsageError ? error.message : "cannot be opened",
      "database.url, or the directory given with --data",
    );
  }
}

function text(checks: readonly Check[]): string {
  const marks = { ok: "ok      ", warning: "warning ", failed: "FAILED  " } as const;
  const lines = checks.map(
    ({ what, state, says, hint }) => `${marks[state]} ${what}: ${says}${hint === undefined ? "" : `\n           ${hint}`}`,
  );
  const bad = checks.filter(({ state }) => state === "failed").length;
  return `${[...lines, "", bad === 0 ? "Nothing has failed." : `${bad} ${bad === 1 ? "thing has" : "things have"} failed.`].join("\n")}\n`;
}
