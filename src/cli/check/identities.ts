import { statSync } from "node:fs";
import { loadRepositoryConfig } from "../../config/repository.ts";
import { ConfigError, UsageError } from "../../errors.ts";
import { buildGraph } from "../../identity/graph.ts";
import { lintDeclared, lintText } from "../../identity/lint.ts";
import { inventoryFiles } from "../identities.ts";

/** `rekey check identities [path]`: holds `.rekey/identities.yml` against the repository. Gives back the exit code. */
export function checkIdentities(path: string, format: string): number {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new UsageError(`expected a folder; '${path}' is none`);
  const { top, scope } = loadRepositoryConfig(path);
  const files = inventoryFiles(top, { onLeftOut: (reason) => process.stderr.write(`rekey check: ${reason}\n`) });
  const graph = buildGraph({ scope, files, findings: [], storeMatches: [] });
  for (const { path: file, line, message } of graph.problems)
    if (file.startsWith(".rekey/")) throw new ConfigError(message.replace(/^[^:]*:\d+(?::\d+)?: /, ""), { file, line });
  const problems = lintDeclared(graph, scope);
  if (format === "json")
    process.stdout.write(`${JSON.stringify({ version: 1, declared: graph.declared?.identities.length ?? 0, problems }, null, 2)}\n`);
  else process.stdout.write(lintText(problems));
  return problems.length === 0 ? 0 : 1;
}
