import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { Command } from "commander";
import { parseDocument } from "yaml";
import { loadPlaybooks } from "../config/playbooks.ts";
import { parseServerConfig, readReference, type ServerConfig, unknownConnection } from "../config/server.ts";
import { connectionType, type Driver, type RightCheck, type Sink, sinkConnection } from "../driver.ts";
import { ConfigError, HoldError, RetryError, UnknownOutcomeError, UsageError } from "../errors.ts";
import { contextOf } from "../pipeline/context.ts";
import { storedReferences } from "../pipeline/stored-references.ts";
import { renderPolicy, rightsOf } from "../playbook/rights.ts";
import type { Playbook } from "../playbook/schema.ts";
import { drivers } from "../provider/index.ts";
import { sinkFor, sinks } from "../secret-manager/index.ts";

interface Options {
  readonly config: string;
  readonly type?: string;
  readonly host?: string;
  readonly credential?: string;
  readonly playbook: readonly string[];
  readonly save?: boolean;
  readonly list?: boolean;
}

export function command(): Command {
  return new Command()
    .description(
      "Prints the least policy that a connection needs for exactly the verbs of the chosen playbooks, and tests the connection's credential against it without changing anything. The credential is named, never given: env:NAME, file:PATH (mode 0600), vault:PATH#FIELD or aws:SECRET#FIELD. Exit code 0: nothing is missing, 1: something is.",
    )
    .argument("[name]", "a connection of rekey.yml, or the name of a new one (with --type and --host)")
    .option("--config <file>", "the server's configuration", "rekey.yml")
    .option("--type <type>", "of a new connection, such as vault, aws, openrouter")
    .option("--host <address>", "of a new connection")
    .option("--credential <reference>", "of a new connection: env:NAME, file:PATH, vault:PATH#FIELD or aws:SECRET#FIELD")
    .option(
      "--playbook <name>",
      "only for this playbook (may be repeated); default: all that it unlocks",
      (value, before) => [...before, value],
      [] as string[],
    )
    .option("--save", "write the new connection into the configuration")
    .option("--list", "all connections: what each may do, how old its credential is, what it unlocks")
    .action(async (name: string | undefined, options: Options) => {
      const file = options.config;
      const text = readConfig(file);
      if (options.list === true) return list(parse(text, file));
      if (name === undefined) throw new UsageError("expected the name of a connection, or --list");
      const changed = options.type === undefined ? text : withConnection(text, name, options);
      const config = parse(changed, file);
      if (config.connections[name] === undefined) {
        const known = Object.keys(config.connections).join(", ") || "none";
        throw new UsageError(`'${name}' is not a connection of ${file} (there are: ${known}); give --type and --host to add it`);
      }
      process.exitCode = (await show(config, name, options.playbook)) ? 0 : 1;
      if (options.save === true && options.type !== undefined) save(file, changed);
      else if (options.type !== undefined) process.stdout.write(`\nNothing was written; --save adds it to ${file}\n`);
    });
}

function readConfig(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new ConfigError("cannot be read; give the server's configuration with --config FILE", { file, cause });
  }
}

function parse(text: string, file: string): ServerConfig {
  const config = parseServerConfig(text, file);
  const wrong = unknownConnection(config, [
    ...drivers.map(({ manifest }) => connectionType(manifest)),
    ...Object.values(sinks).map(({ manifest }) => sinkConnection(manifest)),
  ]);
  if (wrong !== undefined) throw new UsageError(wrong);
  return config;
}

/** The configuration with one more connection; comments and order stay. */
function withConnection(text: string, name: string, { type, host, credential }: Options): string {
  if (host === undefined) throw new UsageError("a new connection needs --host");
  const document = parseDocument(text);
  document.setIn(
    ["connections", name],
    document.createNode({ type, host, ...(credential === undefined ? {} : { credential }) }, { flow: true }),
  );
  return document.toString({ lineWidth: 0 });
}

function save(file: string, text: string): void {
  const beside = `${file}.new`;
  writeFileSync(beside, text, { mode: statSync(file).mode & 0o777, flag: "wx" });
  renameSync(beside, file);
  process.stdout.write(`\nWritten to ${file}; restart the server to use it\n`);
}

/** What serves a type of connection. */
function serving(type: string): { drivers: Driver[]; sinks: Sink[] } {
  return {
    drivers: drivers.filter(({ manifest }) => connectionType(manifest) === type),
    sinks: Object.values(sinks).filter(({ manifest }) => sinkConnection(manifest) === type),
  };
}

function playbooksFor(type: string, chosen: readonly string[]): Playbook[] {
  const served = serving(type).drivers.flatMap(({ manifest }) => manifest.detectors);
  const all = loadPlaybooks().filter(({ match }) => match.credential.some((id) => served.includes(id)));
  const unknown = chosen.find((name) => !all.some((playbook) => playbook.name === name));
  if (unknown !== undefined)
    throw new UsageError(
      `expected a playbook that this connection serves (${all.map(({ name }) => name).join(", ") || "none"}), got '${unknown}'`,
    );
  return chosen.length === 0 ? all : all.filter(({ name }) => chosen.includes(name));
}

/** True where nothing that is needed is missing. */
async function show(config: ServerConfig, name: string, chosen: readonly string[]): Promise<boolean> {
  const type = config.connections[name]?.type ?? "";
  const playbooks = playbooksFor(type, chosen);
  const { drivers: serves, sinks: stores } = serving(type);
  const needed = rightsOf(
    playbooks,
    serves.map(({ manifest }) => manifest),
    stores.map(({ manifest }) => manifest),
    type,
  );
  const lines = [
    `${name} (${type}): ${playbooks.map((playbook) => playbook.name).join(", ") || "no playbook"}${stores.length === 0 ? "" : ", and stores values"}`,
    "",
    "Least policy:",
    renderPolicy(type, needed).replaceAll("<mount>", config.connections[name]?.mounts[0] ?? "secret") ||
      "the vendor has no finer rights than the key itself\n",
    "Tested without changing anything:",
  ];
  const checks = await test(config, name);
  const state = (right: string) => checks.rights.get(right) ?? "unknown";
  for (const { verb, rights } of needed) {
    const states = rights.map(state);
    const worst = states.includes("missing")
      ? "missing"
      : states.includes("unknown") || states.length === 0
        ? "unknown until it is used"
        : states.includes("broad")
          ? "allowed, and far more than asked for"
          : "allowed";
    lines.push(
      `  ${verb.padEnd(8)} ${verb === "list" && checks.list !== undefined ? checks.list : worst}${rights
        .filter((right) => state(right) === "missing")
        .map((right) => `\n             missing: ${right}`)
        .join("")}`,
    );
  }
  process.stdout.write(`${lines.join("\n")}\n`);
  return ![...checks.rights.values()].includes("missing") && checks.list !== "refused";
}

interface Tested {
  readonly rights: ReadonlyMap<string, RightCheck["state"]>;
  /** What listing said, where that is all that can be tried. */
  readonly list?: string;
}

async function test(config: ServerConfig, name: string): Promise<Tested> {
  const connection = config.connections[name];
  if (connection?.credential === undefined) return { rights: new Map(), list: "not tested: the connection has no credential" };
  const stored = await storedReferences(config, (reference) => readReference(reference), sinkFor);
  const rekey = { config, credential: (reference: string) => stored.get(reference) ?? readReference(reference) };
  const { drivers: serves, sinks: stores } = serving(connection.type);
  const rights = new Map<string, RightCheck["state"]>();
  let list: string | undefined;
  for (const driver of serves) {
    const context = contextOf(rekey, name, driver);
    const wanted = Object.values(driver.manifest.rights ?? {}).flat();
    if (driver.check !== undefined) for (const { right, state } of await driver.check(context, wanted)) rights.set(right, state);
    else if (driver.list !== undefined) list = await driver.list(context, { attributes: {} }).then(() => "allowed", refusal);
  }
  for (const sink of stores) {
    if (sink.check === undefined) continue;
    for (const { right, state } of await sink.check(contextOf(rekey, name), sink.manifest.rights ?? [])) rights.set(right, state);
  }
  return { rights, ...(list === undefined ? {} : { list }) };
}

function refusal(error: unknown): string {
  if (error instanceof HoldError) return "refused";
  if (error instanceof RetryError || error instanceof UnknownOutcomeError) return "unknown: it did not answer";
  throw error;
}

async function list(config: ServerConfig): Promise<void> {
  for (const [name, { type, credential }] of Object.entries(config.connections)) {
    const unlocked = playbooksFor(type, []).map((playbook) => playbook.name);
    const { rights, list: listed } = await test(config, name).catch((error: unknown) => ({
      rights: new Map<string, string>(),
      list: error instanceof Error ? error.message : "unknown",
    }));
    const of = (state: string) => [...rights].flatMap(([right, is]) => (is === state ? [right] : []));
    const lines = [
      `${name} (${type})`,
      `  credential  ${credential ?? "none"}${age(credential)}`,
      `  unlocks     ${[...unlocked, ...(serving(type).sinks.length === 0 ? [] : ["storing values"])].join(", ") || "nothing"}`,
      ...(listed === undefined ? [] : [`  list        ${listed}`]),
      ...(["allowed", "missing", "broad"] as const).flatMap((state) =>
        of(state).length === 0 ? [] : [`  ${state.padEnd(11)} ${of(state).join("\n              ")}`],
      ),
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
  }
}

/** Of a file; nobody knows how old a variable is. */
function age(reference: string | undefined): string {
  if (reference?.startsWith("file:") !== true) return "";
  const stat = statSync(reference.slice("file:".length), { throwIfNoEntry: false });
  return stat === undefined ? ", which is not there" : `, ${Math.floor((Date.now() - stat.mtimeMs) / 86_400_000)} days old`;
}
