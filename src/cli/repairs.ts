import { lstatSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import type { Finding, ShownRepair } from "../finding.ts";
import { GitError, gitText } from "../git.ts";
import { buildGraph, type Graph } from "../identity/graph.ts";
import { linksFor } from "../identity/links.ts";
import { declaredField, readCommand, storedAt } from "../identity/stored.ts";
import { type FileRepair, repairFile } from "../repair/file.ts";
import { variableNames } from "../repair/name.ts";
import { largestFile } from "../repair/repair.ts";
import { isRewrite, type NoRewrite, type Rewrite } from "../repair/syntax.ts";
import { aliasingScan } from "../scan/aliases.ts";
import { suppress } from "../scan/suppress.ts";
import { numbered } from "../source/scanner.ts";
import type { LocalScan } from "./local-scan.ts";
import { today } from "./surroundings.ts";

export interface RepairedFile extends FileRepair {
  readonly path: string;
  readonly before: string;
  /** git keeps no version of it, so that what is overwritten is gone. */
  readonly untracked: boolean;
}

/** Why a file is left alone as a whole. */
export interface UntouchedFile {
  readonly path: string;
  readonly none: string;
  readonly findings: readonly Finding[];
}

/**
 * The files of the working tree that hold reported credentials, each as it would be with every occurrence repaired that can be. Nothing
 * is written.
 */
export async function repairedFiles(scanned: LocalScan): Promise<(RepairedFile | UntouchedFile)[]> {
  const { repository, files, kept } = scanned;
  const graph = buildGraph({ scope: repository.scope, files, findings: kept, storeMatches: [] });
  const inTree = kept.filter(({ location }) => location.kind === "file" && location.commit === undefined && location.path !== undefined);
  const byPath = Map.groupBy(inTree, ({ location }) => location.path ?? "");
  const tracked = await trackedPaths(repository.top, [...byPath.keys()]);
  const variable = namesIn(scanned, graph);
  return [...byPath].map(([path, findings]) => {
    const repaired = repairedFile(path, scanned, { graph, variable, tracked });
    if (typeof repaired === "string") return { path, none: repaired, findings };
    return { ...repaired, path };
  });
}

function namesIn({ kept, files }: LocalScan, graph: Graph): (finding: Finding) => string {
  const fieldOf = (finding: Finding) => declaredField({ ...finding, identities: linksFor(finding, graph).identities }, graph);
  return variableNames(kept, new Map(files.map((file) => [file.path, file.text])), fieldOf);
}

interface Known {
  readonly graph: Graph;
  readonly variable: (finding: Finding) => string;
  readonly tracked: ReadonlySet<string>;
}

function repairedFile(
  path: string,
  { repository, ruleset }: LocalScan,
  { graph, variable, tracked }: Known,
  only?: string,
): Omit<RepairedFile, "path"> | string {
  if (!tracked.has(path) && isEnvFile(path))
    return "git does not track this file, which is where values of one machine may stand; rotate it if the file was ever shared";
  if (path.includes("!/")) return "the value stands inside an archive; make the archive again without it";
  const file = join(repository.top, path);
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) return "it is a link, or no file";
  if (stat.size > largestFile) return "the file is too large to be rewritten";
  const top = realpathSync(repository.top);
  if (!`${realpathSync(dirname(file))}${sep}`.startsWith(`${top}${sep}`)) return "a link leads to it from outside of the repository";
  const bytes = readFileSync(file);
  const before = bytes.toString("utf8");
  if (!Buffer.from(before).equals(bytes)) return "it is not UTF-8 text";
  const seen = aliasingScan(ruleset, repository.keyring);
  const scan = (text: string) => numbered(seen.scan({ bytes: Buffer.from(text), origin: { kind: "file", path } }));
  const findings = suppress(scan(before), { ...repository, today: today(), aliases: seen.aliases, placed: seen.placed }).kept;
  const wanted = only === undefined ? findings : findings.filter(({ id }) => id === only).slice(0, 1);
  const kubernetesSecret = (name: string) => secretOf(name, graph);
  const repaired = repairFile({ path, text: before, findings: wanted, variable, scan, kubernetesSecret });
  const repairs = repaired.repairs.map(({ finding, repair }) => ({ finding, repair: withStores(finding, repair, graph) }));
  return { ...repaired, before, repairs, untracked: !tracked.has(path) };
}

/** More findings, or more bytes looked at for them, are shown without a repair in one scan; `rekey fix` repairs them all. */
const mostShown = { findings: 100, ofOneFile: 50, bytes: 4 << 20 };

/** Findings of the working tree with how each is to be written in its file instead. */
export async function withRepairs(findings: readonly Finding[], scanned: LocalScan): Promise<Finding[]> {
  const { repository, files, kept } = scanned;
  const graph = buildGraph({ scope: repository.scope, files, findings: kept, storeMatches: [] });
  const variable = namesIn(scanned, graph);
  const tracked = await trackedPaths(repository.top, [...new Set(findings.flatMap(({ location }) => location.path ?? []))]);
  const perFile = new Map([...Map.groupBy(kept, ({ location }) => location.path)].map(([path, all]) => [path, all.length]));
  let bytes = 0;
  return findings.map((finding, index): Finding => {
    const { kind, path, commit } = finding.location;
    if (kind !== "file" || path === undefined || commit !== undefined) return finding;
    if (index >= mostShown.findings || bytes > mostShown.bytes) return finding;
    if ((perFile.get(path) ?? 0) > mostShown.ofOneFile) return finding;
    const repaired = repairedFile(path, scanned, { graph, variable, tracked }, finding.id);
    if (typeof repaired === "string") return { ...finding, repair: { none: repaired } };
    bytes += repaired.before.length;
    const repair = repaired.repairs[0]?.repair;
    return repair === undefined ? finding : { ...finding, repair: shown(repair, repaired) };
  });
}

function shown(repair: Rewrite | NoRewrite, { diff }: Pick<FileRepair, "diff">): ShownRepair {
  if (!isRewrite(repair)) return { none: repair.none };
  const { reference, name, next } = repair;
  return { reference, name, diff: diff.map(({ sign, text }) => `${sign} ${text}`), next };
}

/** The file's own reader says where the value must stand; the repository may say which store it comes from. */
function withStores(finding: Finding, repair: Rewrite | NoRewrite, graph: Graph): Rewrite | NoRewrite {
  if (!isRewrite(repair)) return repair;
  const { identities } = linksFor(finding, graph);
  const stores = storedAt({ ...finding, identities }, graph, repair.name)
    .filter(({ connection }) => connection !== "github-actions")
    .map((place) => {
      const command = readCommand(place.connection, place);
      const field = place.field === undefined ? "" : `, field ${place.field}`;
      return `The repository says that it is kept in ${place.connection}: ${place.path}${field}${command === undefined ? "" : ` (${command})`}.`;
    });
  return { ...repair, next: [...repair.next, ...stores] };
}

function secretOf(variable: string, { edges }: Graph): string | undefined {
  return edges
    .filter(({ from, relation }) => relation === "stored_in" && from.startsWith("variable:") && from.endsWith(`#${variable}`))
    .map(({ to }) => /^store-entry:kubernetes\/[^/#]+\/([a-z0-9.-]+)#/.exec(to)?.[1])
    .find((secret) => secret !== undefined);
}

function isEnvFile(path: string): boolean {
  return /(?:^|\/)(?:\.env[^/]*|[^/]+\.env|\.dev\.vars)$/.test(path);
}

/** Those of these paths that git tracks; none outside of a repository. */
async function trackedPaths(top: string, paths: readonly string[]): Promise<ReadonlySet<string>> {
  const tracked = new Set<string>();
  try {
    for (let at = 0; at < paths.length; at += 500) {
      const some = paths.slice(at, at + 500).map((path) => `:(top,literal)${path}`);
      for (const path of (await gitText(["ls-files", "-z", "--", ...some], { cwd: top })).split("\0")) tracked.add(path);
    }
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
  }
  return tracked;
}
