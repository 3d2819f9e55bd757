import { Command } from "commander";
import { UsageError } from "../errors.ts";
import type { Incident } from "../incident/fold.ts";
import { kindNames, kindOf } from "../incident/runtime.ts";
import { incidentArgument } from "./plan.ts";
import { askOwner, runningServer } from "./state.ts";

export function command(): Command {
  return new Command()
    .description(
      "Shows an incident, or says as the operator of the server that somebody looks into it, or that a runtime event is over. A leaked credential is over when it is dead: see rekey verify.",
    )
    .argument("<incident>", "RK-…")
    .option("--acknowledge", "somebody looks into it")
    .option("--resolve <reason>", "end a runtime event, with a reason")
    .option("--contain <reason>", "end a runtime event that can go no further, with what stops it")
    .option("--data <dir>", "directory of the embedded database (default: REKEY_DATA, $XDG_STATE_HOME/rekey/db)")
    .addHelpText("after", "\nExit codes: 0 done, 2 wrong usage, refused or failure.")
    .action(async (given: string, options: Options) => {
      const id = incidentArgument(given);
      const order = orderOf(options);
      const socket = await runningServer(options.data, "an incident is shown and decided");
      if (order !== undefined) await askOwner(socket, `/operator/incident/${id}`, order);
      const { incident } = (await askOwner(socket, `/api/v1/incidents/${id}`)) as { incident: Incident };
      process.stdout.write(incidentText(incident));
    });
}

interface Options {
  readonly acknowledge?: true;
  readonly resolve?: string;
  readonly contain?: string;
  readonly data?: string;
}

function orderOf({ acknowledge, resolve, contain }: Options): object | undefined {
  const orders = [
    ...(acknowledge === undefined ? [] : [{ verb: "acknowledge" }]),
    ...(resolve === undefined ? [] : [{ verb: "resolve", reason: resolve }]),
    ...(contain === undefined ? [] : [{ verb: "contain", reason: contain }]),
  ];
  if (orders.length > 1) throw new UsageError("expected one of --acknowledge, --resolve and --contain");
  return orders[0];
}

/** For a terminal: what a stranger wrote has no control characters here. */
function incidentText(incident: Incident): string {
  const { id, credential, severity, state, resolution, clock, identities, owner, report, settlement } = incident;
  const lines: readonly (readonly [string, string | undefined])[] = [
    ["kind", kindNames[kindOf({ ...(incident.kind === undefined ? {} : { kind: incident.kind }) })].toLowerCase()],
    ["state", `${state}${resolution === undefined ? "" : `, ${resolution.replaceAll("_", " ")}`}`],
    ["severity", severity],
    ["owner", owner ?? "no owner"],
    ...identities.map((one): [string, string] => ["identity", `${one.name} (${one.kind}, ${one.grade})`]),
    ["detected", clock.detected],
    ["acknowledged", clock.acknowledged],
    ["contained", clock.contained],
    ["closed", clock.closed],
    [
      "reported",
      report === undefined
        ? undefined
        : `${report.count} times by ${report.source}${report.action === undefined ? "" : `, ${report.action}`}`,
    ],
    ["reason", settlement === undefined ? undefined : `${settlement.by}: ${settlement.reason}`],
  ];
  const body = lines.flatMap(([name, value]) => (value === undefined ? [] : [`  ${name.padEnd(13)}${value}`]));
  return `${[`${id}  ${credential.title}`, ...body].map((line) => line.replaceAll(/\p{C}/gu, "?")).join("\n")}\n`;
}
