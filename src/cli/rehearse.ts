import { Command, Option } from "commander";
import { UsageError } from "../errors.ts";
import { forTerminal as printable } from "../identity/escape.ts";
import type { Rehearsal } from "../pipeline/rehearse.ts";
import { askOwner, runningServer } from "./state.ts";

/** The proof of death alone may take the provider's propagation time. Milliseconds. */
const patience = 1_800_000;

interface Options {
  readonly connection?: string;
  readonly store?: string;
  readonly path?: string;
  readonly attribute: readonly string[];
  readonly data?: string;
  readonly format: "text" | "json";
}

export function rehearseCommand(): Command {
  return new Command("rehearse")
    .description(
      "Runs a whole playbook on your own account and store: with a credential that it makes itself, in a scratch entry, with a test consumer that calls all the time. Removes everything, and keeps the record that every plan shows. Exit code 0: passed, 1: not.",
    )
    .argument("<playbook>", "a name that rekey playbook list shows")
    .option("--connection <name>", "of the provider (default: the first of its type in rekey.yml)")
    .option("--store <name>", "of the secret manager (default: the first that has room for a scratch entry)")
    .option("--path <folder>", "where the scratch entry goes, such as secret/rekey-rehearsal")
    .option("--attribute <name=value>", "of the credential that it makes, such as project=proj_1 (may be repeated)", collect, [])
    .option("--data <dir>", "directory of the embedded database")
    .addOption(new Option("--format <format>", "output").choices(["text", "json"]).default("text"))
    .action(async (playbook: string, { connection, store, path, attribute, data, format }: Options) => {
      const socket = await runningServer(data, "a rehearsal is run");
      const order = { playbook, connection, store, path, attributes: Object.fromEntries(attribute.map(pair)) };
      const rehearsal = (await askOwner(socket, "/operator/rehearse", order, patience)) as Rehearsal;
      process.stdout.write(format === "json" ? `${JSON.stringify({ version: 1, rehearsal }, null, 2)}\n` : renderRehearsal(rehearsal));
      process.exitCode = rehearsal.passed ? 0 : 1;
    });
}

export function renderRehearsal(rehearsal: Rehearsal): string {
  const { playbook, version, connection, store, passed, seconds, calls, failedCalls, steps, receipts, problem, removed } = rehearsal;
  const lines = [
    `Rehearsal of ${playbook} version ${version} on ${connection}, stored in ${store}: ${passed ? "passed" : "failed"} in ${seconds.toFixed(1)} s`,
    ...steps.map(({ what, after }) => `  ${after.toFixed(1).padStart(7)} s  ${printable(what)}`),
    `  test consumer: ${failedCalls} of ${calls} calls failed`,
    ...receipts.map(({ round, subject, answer, code }) => `  receipt ${round}: ${subject} ${answer} (${printable(code)})`),
    `  ${removed ? "nothing that it made is left" : "something that it made is left"}`,
    ...(problem === undefined ? [] : [`  why: ${printable(problem)}`]),
  ];
  return `${lines.join("\n")}\n`;
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function pair(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(`expected --attribute name=value, got '${text.slice(0, 60)}'`);
  return [text.slice(0, at), text.slice(at + 1)];
}
