import { Command, Option } from "commander";
import { loadRuleset } from "../config/detectors.ts";
import { UsageError } from "../errors.ts";
import { guidedDriver } from "../provider/guided.ts";
import { driverFor, drivers } from "../provider/index.ts";
import { sinks } from "../secret-manager/index.ts";
import { verifiableTypes } from "./verifiable-types.ts";

export function command(): Command {
  return new Command()
    .description("Lists what Rekey can do with each provider's credentials and each secret manager, and against what that was tested.")
    .addOption(new Option("--format <format>", "output").choices(["text", "json", "markdown"]).default("text"))
    .option("--verify", "list which types rekey scan --verify can ask about, what it sends and what the vendor tells")
    .action(async ({ format, verify }: { format: "text" | "json" | "markdown"; verify?: true }) => {
      if (verify === true) {
        process.stdout.write(verifiableTypes(await loadRuleset(), format));
        return;
      }
      if (format === "markdown") throw new UsageError("--format markdown is for --verify");
      const providers = drivers.map(({ manifest }) => manifest);
      const { detectors } = await loadRuleset();
      const guided = detectors.flatMap(({ detector }) => (driverFor(detector.id) === undefined ? [guidedDriver(detector).manifest] : []));
      const stores = Object.values(sinks).map(({ manifest }) => manifest);
      if (format === "json") {
        process.stdout.write(`${JSON.stringify({ version: 1, providers, guided, secretManagers: stores }, null, 2)}\n`);
        return;
      }
      const probed = guided.filter(({ verbs }) => verbs.probe !== undefined).length;
      const yes = (value: boolean) => (value ? "yes" : "-");
      const rows = [
        ["provider", "class", "issue", "roll", "disable", "undo", "revoke", "probe", "whoami", "usage", "proof", "tested against"],
        ...providers.map(({ type, class: kind, verbs, reversible, proof, testedAgainst }) => [
          type,
          kind,
          yes(verbs.issue !== undefined),
          yes(verbs.roll !== undefined),
          yes(verbs.disable !== undefined),
          yes(reversible.disable),
          yes(verbs.revoke !== undefined),
          yes(verbs.probe !== undefined),
          yes(verbs.whoami !== undefined),
          yes(verbs.usage !== undefined),
          proof,
          testedAgainst,
        ]),
        [
          `${guided.length} further types: guided by hand with the vendor's page, ${probed} of them closed by a probe (--format json lists them)`,
        ],
        [],
        ["secret manager", "pending", "check-and-set", "read back", "undo", "tested against"],
        ...stores.map(({ name, pending, cas, readBack, undo, testedAgainst }) => [
          name,
          yes(pending),
          yes(cas),
          yes(readBack),
          yes(undo),
          testedAgainst,
        ]),
      ];
      const width = (column: number) => Math.max(...rows.map((row) => (row.length > 1 ? (row[column]?.length ?? 0) : 0)));
      process.stdout.write(
        `${rows
          .map((row) =>
            row
              .map((cell, column) => cell.padEnd(column === 0 ? 31 : Math.max(width(column), 7)))
              .join(" ")
              .trimEnd(),
          )
          .join("\n")}\n`,
      );
    });
}
