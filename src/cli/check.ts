import { readFileSync, statSync } from "node:fs";
import { Command, Option } from "commander";
import { z } from "zod";
import { builtInDetectors, loadRuleset, readDetectorFolder } from "../config/detectors.ts";
import { loadPlaybooks } from "../config/playbooks.ts";
import { checkExamples, checkRawText } from "../detector/check.ts";
import { DetectorFile, parseDetectorFile } from "../detector/schema.ts";
import { ConfigError, UsageError } from "../errors.ts";
import { ControlsFile } from "../governance/controls.ts";
import { Mapping } from "../incident/mapping.ts";
import { drivers } from "../provider/index.ts";
import { checkGovernance } from "./check/governance.ts";
import { checkIdentities } from "./check/identities.ts";
import { claimsOf, importFile } from "./check/import.ts";
import { checkMapping } from "./check/mapping.ts";

export function command(): Command {
  return new Command()
    .description(
      "Proves detector files: schema, unique ids, every match example found once with the right secret, every no_match example not found, and no file that looks like a key.",
    )
    .argument(
      "[path...]",
      "detector files or folders; without one, the built-in detectors. `identities [folder]` holds .rekey/identities.yml against its repository; `governance [folder]` says which controls of .rekey/controls.yml nobody owns; `mapping FILE` proves the mapping of a runtime source",
    )
    .addOption(new Option("--format <format>", "output").choices(["text", "json"]).default("text"))
    .addOption(new Option("--print-schema <name>", "print a JSON Schema and stop").choices(["detectors", "controls", "mapping"]))
    .option("--event <file>", "with `mapping FILE`: show what this JSON body would become")
    .option("--import <file>", "make detectors of the rules of a gitleaks or betterleaks TOML file, and prove them")
    .option("--write <folder>", "with --import: write them to a file in this folder")
    .option("--name <name>", "with --import: what stands before their ids (default: the file's name)")
    .option("--server", "with governance: also which identities no source of the running server covers")
    .option(
      "--data <dir>",
      "with --server: directory of its embedded database (default: DATABASE_URL, REKEY_DATA, $XDG_STATE_HOME/rekey/db)",
    )
    .addHelpText("after", "\nExit codes: 0 all proven or imported, 1 problems, or rules that were not imported, 2 wrong usage or failure.")
    .action(async (paths: string[], options: Options) => {
      if (options.printSchema !== undefined) {
        const schema = { controls: ControlsFile, mapping: Mapping }[options.printSchema] ?? DetectorFile;
        process.stdout.write(`${JSON.stringify(z.toJSONSchema(schema, { io: "input" }), null, 2)}\n`);
        return;
      }
      if (paths[0] === "identities" && paths.length <= 2) {
        process.exitCode = checkIdentities(paths[1] ?? ".", options.format);
        return;
      }
      if (paths[0] === "governance" && paths.length <= 2) {
        const { format, server = false, data } = options;
        process.exitCode = await checkGovernance(paths[1] ?? ".", { format, server, data });
        return;
      }
      if (options.server !== undefined || options.data !== undefined)
        throw new UsageError("--server and --data go with rekey check governance");
      if (paths[0] === "mapping" && paths.length <= 2) {
        process.exitCode = checkMapping(paths[1], options.event, options.format);
        return;
      }
      if (options.event !== undefined) throw new UsageError("--event goes with mapping FILE");
      if (options.import !== undefined) {
        if (paths.length > 0) throw new UsageError("expected either --import or paths to check");
        process.exitCode = await importFile({ file: options.import, write: options.write, name: options.name, format: options.format });
        return;
      }
      if (options.write !== undefined || options.name !== undefined) throw new UsageError("--write and --name go with --import");
      const { problems, detectors, files } = await check(paths);
      if (options.format === "json") process.stdout.write(`${JSON.stringify({ version: 1, files, detectors, problems }, null, 2)}\n`);
      else process.stdout.write(`${[...problems, `${detectors} detectors in ${files} files, ${problems.length} problems`].join("\n")}\n`);
      process.exitCode = problems.length === 0 ? 0 : 1;
    });
}

interface Options {
  readonly format: string;
  readonly printSchema?: string;
  readonly event?: string;
  readonly import?: string;
  readonly write?: string;
  readonly name?: string;
  readonly server?: true;
  readonly data?: string;
}

async function check(paths: readonly string[]): Promise<{ problems: string[]; detectors: number; files: number }> {
  const own = paths.filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory());
  const files = paths.length === 0 ? readDetectorFolder(builtInDetectors) : paths.flatMap(filesOf);
  const problems: string[] = [];
  const parsed = files.flatMap(({ path, text }) => {
    try {
      return [{ path, text, file: parseDetectorFile(text, path) }];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(error.message);
      return [];
    }
  });
  if (paths.length === 0) problems.push(...playbookProblems());
  if (problems.length > 0) return { problems, detectors: 0, files: files.length };
  const ruleset = await loadRuleset({ folders: own, prove: true });
  const claims = claimsOf(ruleset);
  for (const { path, text, file } of parsed) problems.push(...checkExamples(file, claims), ...checkRawText(path, text, claims));
  return { problems, detectors: parsed.reduce((sum, { file }) => sum + file.detectors.length, 0), files: files.length };
}

function playbookProblems(): string[] {
  try {
    loadPlaybooks(
      undefined,
      drivers.map(({ manifest }) => manifest),
    );
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [error.message];
  }
}

function filesOf(path: string): { path: string; text: string }[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new ConfigError("no such file or folder", { file: path });
  return stat.isDirectory() ? readDetectorFolder(path) : [{ path, text: readFileSync(path, "utf8") }];
}
