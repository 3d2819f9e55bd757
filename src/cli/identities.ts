import { type Dirent, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "commander";
import { loadRuleset } from "../config/detectors.ts";
import { loadRepositoryConfig } from "../config/repository.ts";
import { ConfigError, UsageError } from "../errors.ts";
import { identitiesDocument } from "../identity/document.ts";
import { forTerminal } from "../identity/escape.ts";
import { buildGraph, type Graph, type SourceFile } from "../identity/graph.ts";
import { type InventoryOptions, inventoryPaths, isForeignFolder, largestInventoryFile } from "../identity/inventory.ts";
import { type LintProblem, lintDeclared } from "../identity/lint.ts";
import { mermaid } from "../identity/mermaid.ts";
import { explainText, identitiesText } from "../identity/text.ts";
import { scan } from "../scan/scan.ts";

interface Options {
  readonly format: "text" | "mermaid" | "json";
  readonly explain?: string;
  readonly lint?: true;
}

export function command(): Command {
  return new Command()
    .description("Lists the AI identities of a repository: agents, MCP servers, jobs and workloads, what they use and who owns them.")
    .argument("[path]", "a folder; the repository that it belongs to is read", ".")
    .addOption(new Option("--format <format>", "output").choices(["text", "mermaid", "json"]).default("text"))
    .option("--explain <id>", "show one identity, variable, store entry or owner with all evidence (an id, or a name)")
    .option("--lint", "hold .rekey/identities.yml against the repository: exit 1 where they disagree")
    .action(run);
}

async function run(path: string, options: Options): Promise<void> {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new UsageError(`expected a folder; '${path}' is none`);
  const { top, scope, keyring } = loadRepositoryConfig(path);
  const files = inventoryFiles(top, { onLeftOut: (reason) => process.stderr.write(`rekey identities: ${reason}\n`) });
  const ruleset = await loadRuleset();
  const findings = files.flatMap(({ path: name, text }) =>
    scan({ bytes: Buffer.from(text), origin: { kind: "file", path: name } }, ruleset, keyring),
  );
  const graph = buildGraph({ scope, files, findings, storeMatches: [] });
  report(graph);
  if (options.lint === true) {
    lint(lintDeclared(graph, scope));
    return;
  }
  process.stdout.write(rendered(graph, options));
}

function lint(problems: readonly LintProblem[]): void {
  const lines = problems.map(({ path, line, message }) => `${forTerminal(path)}:${line}: ${forTerminal(message, 400)}`);
  process.stdout.write(`${[...lines, `${problems.length} ${problems.length === 1 ? "problem" : "problems"}`].join("\n")}\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

function rendered(graph: Graph, { format, explain }: Options): string {
  if (explain !== undefined) {
    const text = explainText(explain, graph);
    if (text === undefined) throw new UsageError(`'${explain}' is no id or name here; rekey identities --format json lists all`);
    return text;
  }
  if (format === "json") return identitiesDocument(graph);
  return format === "mermaid" ? mermaid(graph) : identitiesText(graph);
}

/** Our own file must be right; other people's files are read as far as they can be. */
function report({ problems }: Graph): void {
  for (const { path, line, message } of problems) {
    if (path.startsWith(".rekey/")) throw new ConfigError(message.replace(/^[^:]*:\d+(?::\d+)?: /, ""), { file: path, line });
    process.stderr.write(`rekey identities: ${forTerminal(path)}:${line}: ${forTerminal(message, 300)}\n`);
  }
}

/** Every file below a folder that can say something about identities, with `/` separated paths. Links are not followed. */
export function inventoryFiles(top: string, options: InventoryOptions = {}): SourceFile[] {
  const paths: string[] = [];
  const pending = [""];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const entry of entriesOf(join(top, folder))) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && !isForeignFolder(path)) pending.push(path);
      else if (entry.isFile()) paths.push(path);
    }
  }
  return inventoryPaths(paths, options).flatMap((path) => textOf(top, path));
}

/** A folder that cannot be read has no identities that we could name; the scan reports it as skipped. */
function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function textOf(top: string, path: string): SourceFile[] {
  try {
    const file = join(top, path);
    return statSync(file).size > largestInventoryFile ? [] : [{ path, text: readFileSync(file, "utf8") }];
  } catch {
    return [];
  }
}
