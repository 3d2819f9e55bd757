import { type Dirent, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "commander";
import { loadRuleset } from "../config/detectors.ts";
import { loadRepositoryConfig } from "../config/repository.ts";
import type { Ruleset } from "../detector/compile.ts";
import { ConfigError, UsageError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { explainedDocument, identitiesDocument } from "../identity/document.ts";
import { forTerminal } from "../identity/escape.ts";
import { buildGraph, type Graph, type SourceFile } from "../identity/graph.ts";
import { type InventoryOptions, inventoryPaths, isForeignFolder, largestInventoryFile } from "../identity/inventory.ts";
import { linksFor } from "../identity/links.ts";
import { lintDeclared, lintText } from "../identity/lint.ts";
import { mermaid } from "../identity/mermaid.ts";
import { explainedPart, explainText, identitiesText } from "../identity/text.ts";
import { scan } from "../scan/scan.ts";
import { parseAllowedHosts, SeenValues, verifiedFindings } from "./verify-findings.ts";

interface Options {
  readonly format: "text" | "mermaid" | "json";
  readonly explain?: string;
  readonly lint?: true;
  readonly whoami?: true;
  readonly verifyHost: string[];
}

export function command(): Command {
  return new Command()
    .description("Lists the AI identities of a repository: agents, MCP servers, jobs and workloads, what they use and who owns them.")
    .argument("[path]", "a folder; the repository that it belongs to is read", ".")
    .addOption(new Option("--format <format>", "output").choices(["text", "mermaid", "json"]).default("text"))
    .option("--explain <id>", "show one identity, variable, store entry or owner with all evidence (an id, or a name)")
    .option("--lint", "hold .rekey/identities.yml against the repository: exit 1 where they disagree")
    .option("--whoami", "ask the vendor of each credential whose it is: one read-only call, to the vendor's own host only (docs/verify.md)")
    .option(
      "--verify-host <provider=host>",
      "with --whoami, allow a server that stands beside the value (repeatable)",
      (one: string, all: readonly string[]) => [...all, one],
      [],
    )
    .action(run);
}

async function run(path: string, options: Options): Promise<void> {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new UsageError(`expected a folder; '${path}' is none`);
  const { top, scope, keyring } = loadRepositoryConfig(path);
  const files = inventoryFiles(top, { onLeftOut: (reason) => process.stderr.write(`rekey identities: ${reason}\n`) });
  const ruleset = await loadRuleset();
  if (options.whoami !== true && options.verifyHost.length > 0) throw new UsageError("--verify-host says how to ask; add --whoami");
  const values = options.whoami === true ? new SeenValues(parseAllowedHosts(options.verifyHost, ruleset)) : undefined;
  const found = files.flatMap(({ path: name, text }) => {
    const document = { bytes: Buffer.from(text), origin: { kind: "file" as const, path: name } };
    return scan(document, ruleset, keyring, (finding, secret) => values?.add(finding, secret, document));
  });
  const offline = buildGraph({ scope, files, findings: found, storeMatches: [] });
  const findings = values === undefined ? found : await asked(found, offline, { values, ruleset, top });
  const graph = values === undefined ? offline : buildGraph({ scope, files, findings, storeMatches: [] });
  report(graph);
  if (options.lint === true) {
    const problems = lintDeclared(graph, scope);
    process.stdout.write(lintText(problems));
    process.exitCode = problems.length === 0 ? 0 : 1;
    return;
  }
  process.stdout.write(rendered(graph, options));
}

/** Bait is known by the identities of the offline graph, so that its values are not sent. */
async function asked(
  found: readonly Finding[],
  graph: Graph,
  { values, ruleset, top }: { values: SeenValues; ruleset: Ruleset; top: string },
): Promise<Finding[]> {
  const linked = found.map((finding) => ({ ...finding, identities: linksFor(finding, graph).identities }));
  const verified = await verifiedFindings(linked, { values, ruleset, top, progress: process.stderr.isTTY });
  values.wipe();
  const known = new Set<string>();
  for (const { title, location, validity, verification, fingerprint } of verified) {
    if (validity !== "unknown" || known.has(fingerprint)) continue;
    known.add(fingerprint);
    const place = `${forTerminal(location.path ?? location.kind)}:${location.startLine}`;
    process.stderr.write(`rekey identities: ${place}: ${title}: ${forTerminal(verification?.answer ?? "not asked", 300)}\n`);
  }
  return found.map((finding, index) => ({ ...finding, ...validityOf(verified[index]) }));
}

function validityOf(verified: Finding | undefined): Pick<Finding, "validity" | "verification"> {
  const { validity, verification } = verified ?? {};
  return { ...(validity === undefined ? {} : { validity }), ...(verification === undefined ? {} : { verification }) };
}

function rendered(graph: Graph, { format, explain }: Options): string {
  if (explain !== undefined) {
    const part = explainedPart(explain, graph);
    if (part === undefined) throw new UsageError(`'${explain}' is no id or name here; rekey identities --format json lists all`);
    if (format === "json") return explainedDocument(part.graph, part.reach);
    return format === "mermaid" ? mermaid(part.graph) : (explainText(explain, graph) ?? "");
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
