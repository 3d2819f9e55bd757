import { existsSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, relative, resolve, sep } from "node:path";
import { loadRuleset, readRepositoryDetectors } from "../config/detectors.ts";
import { hookEnvironment } from "../config/git-environment.ts";
import { loadRepositoryConfig, type RepositoryConfig, scopeOfAddress } from "../config/repository.ts";
import type { Ruleset } from "../detector/compile.ts";
import type { Document } from "../document.ts";
import { UsageError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { gitText } from "../git.ts";
import type { SourceFile } from "../identity/graph.ts";
import { aliasingScan } from "../scan/aliases.ts";
import { type Suppressed, suppress } from "../scan/suppress.ts";
import type { Secret } from "../secret.ts";
import { isAddress, withClone } from "../source/remote.ts";
import type { Progress, Result, Scan, Stats } from "../source/scanner.ts";
import { WorkerPool } from "../source/worker-pool.ts";
import { absolute, today } from "./surroundings.ts";

/** Only what a scan needs is loaded: a hook must start fast. */
const load = {
  agentHomes: () => import("../source/agent-homes.ts"),
  catFile: () => import("../git/cat-file.ts"),
  commitTree: () => import("../source/commit-tree.ts"),
  history: () => import("../source/history.ts"),
  identities: () => import("./identities.ts"),
  inventory: () => import("../identity/inventory.ts"),
  range: () => import("../source/range.ts"),
  staged: () => import("../source/staged.ts"),
  stdin: () => import("../source/stdin.ts"),
  tree: () => import("../source/tree.ts"),
};

export interface Target {
  /** A folder, a file, `-`, or the address of a repository. */
  readonly path: string;
  readonly history?: boolean | undefined;
  readonly staged?: boolean | undefined;
  readonly range?: string | undefined;
  /** What agent clients keep in the home folder, or in the one that is named. */
  readonly agents?: true | string | undefined;
  /** What people wrote on GitHub about this repository, `owner/name`. */
  readonly githubText?: string | undefined;
  readonly detectors?: readonly string[] | undefined;
  readonly baseline?: string | undefined;
  readonly progress?: Progress | undefined;
  /** Called once with the rules before anything is read; what it gives sees each value while it is in memory. */
  readonly valuesFor?: ((ruleset: Ruleset) => (finding: Finding, secret: Secret, document: Document) => void) | undefined;
}

export interface LocalScan {
  /** What is reported. Paths count from the top of the repository. */
  readonly kept: readonly Finding[];
  readonly suppressed: readonly Suppressed[];
  readonly stats: Stats;
  readonly ruleset: Ruleset;
  readonly repository: RepositoryConfig;
  /** Where the scanned folder lies in its repository: `apps/web/`, or nothing. */
  readonly prefix: string;
  /** The files that the identity graph is made of, from the working tree or from a remote repository's HEAD. */
  readonly files: readonly SourceFile[];
  /** Text of the blobs that findings of other versions stand in, by blob id. */
  readonly versions: ReadonlyMap<string, string>;
}

/** Scans what a person named, with the repository's own rules. What `scan`, `baseline` and `ignore` have in common. */
export async function localScan(target: Target): Promise<LocalScan> {
  check(target);
  if (target.agents !== undefined) return scanAgents(target, target.agents === true ? homedir() : target.agents);
  if (target.githubText !== undefined) return scanText(target, target.githubText);
  return isAddress(target.path) ? scanRemote(target) : scanHere(target);
}

/** Texts of issues are strangers': no rules of theirs apply, only what the person gave with `--baseline`. */
async function scanText(target: Target, name: string): Promise<LocalScan> {
  const { scanGitHubText } = await import("../source/github-text.ts");
  const { gitHubAccess, parseRepository, repositoryLists, scopeOfRepository } = await import("./github-lists.ts");
  const [wanted, access] = [parseRepository(name), gitHubAccess(process.env)];
  const ruleset = await loadRuleset({ folders: target.detectors ?? [] });
  const own = loadRepositoryConfig(".", { baseline: target.baseline });
  const repository = { ...own, scope: scopeOfRepository(access, wanted), ignore: [] };
  const seen = aliasingScan(ruleset, repository.keyring, target.valuesFor?.(ruleset));
  const { findings, stats } = await scanGitHubText({
    list: repositoryLists(access, wanted),
    repository: repository.scope,
    scan: seen.scan,
    progress: target.progress,
  });
  const rules = { ...repository, baseline: target.baseline === undefined ? new Set<string>() : own.baseline };
  const { kept, suppressed } = suppress(findings, { ...rules, today: today(), aliases: seen.aliases, placed: seen.placed });
  return { kept, suppressed, stats, ruleset, repository, prefix: "", files: [], versions: new Map() };
}

/** The rules are those of the home folder, if it is a repository of its own or has a `.rekey`. */
async function scanAgents(target: Target, folder: string): Promise<LocalScan> {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw new UsageError(`expected a home folder; '${folder}' is none`);
  const home = realpathSync(folder).split(sep).join("/");
  const repository = loadRepositoryConfig(home, { baseline: target.baseline });
  const ruleset = await loadRuleset({ folders: target.detectors ?? [], repository: readRepositoryDetectors(repository.top) });
  const seen = aliasingScan(ruleset, repository.keyring, target.valuesFor?.(ruleset));
  const { scanAgentHomes } = await load.agentHomes();
  const { isInventoryPath, largestInventoryFile } = await load.inventory();
  const files: SourceFile[] = [];
  const onFile = (path: string, bytes: Buffer) => {
    if (bytes.length <= largestInventoryFile && isInventoryPath(path)) files.push({ path, text: bytes.toString("utf8") });
  };
  const machine = { home, platform: process.platform, environment: target.agents === true ? process.env : {} };
  const { findings, stats, clients } = scanAgentHomes(machine, { scan: seen.scan, progress: target.progress, onFile });
  const { kept, suppressed } = suppress(findings, { ...repository, today: today(), aliases: seen.aliases, placed: seen.placed });
  return { kept, suppressed, stats: { ...stats, clients }, ruleset, repository, prefix: "", files, versions: new Map() };
}

async function scanHere(target: Target): Promise<LocalScan> {
  const { path } = target;
  const repository = loadRepositoryConfig(path === "-" ? "." : path, { baseline: target.baseline });
  const ruleset = await loadRuleset({ folders: target.detectors ?? [], repository: readRepositoryDetectors(repository.top) });
  const seen = aliasingScan(ruleset, repository.keyring, target.valuesFor?.(ruleset));
  const { findings, stats, prefix } = await read(target, seen.scan, repository, ruleset);
  const { kept, suppressed } = suppress(findings, { ...repository, today: today(), aliases: seen.aliases, placed: seen.placed });
  const wanted = new Set(kept.flatMap(({ location }) => location.path ?? []));
  const [noted, onLeftOut] = noting(stats);
  const also = (file: string) => wanted.has(file);
  const files = kept.length === 0 || path === "-" ? [] : (await load.identities()).inventoryFiles(repository.top, { also, onLeftOut });
  return { kept, suppressed, stats: noted(), ruleset, repository, prefix, files, versions: await textsOf(repository.top, kept) };
}

async function read(
  { path, history, staged, range, progress }: Target,
  scan: Scan,
  repository: RepositoryConfig,
  ruleset: Ruleset,
): Promise<Result & { prefix: string }> {
  const workers = () => new WorkerPool(ruleset);
  if (path === "-") return { ...(await load.stdin()).scanStdin({ scan, progress }), prefix: "" };
  if (!history && !staged && range === undefined && !isBare(path)) {
    const prefix = prefixOf(path, repository.top);
    return { ...(await (await load.tree()).scanLargeTree(path, { scan, progress, prefix, workers })), prefix };
  }
  const cwd = await repositoryOf(path);
  const env = within(cwd) ? absolute(hookEnvironment()) : {};
  const scope = repository.scope === "." ? undefined : repository.scope;
  const options = { cwd, scan, progress, env, repository: scope };
  if (staged) return { ...(await (await load.staged()).scanStaged(options)), prefix: "" };
  if (range !== undefined) {
    const { resolveRange, scanPush } = await load.range();
    return { ...(await scanPush({ ...options, ...(await resolveRange(range, cwd)) })), prefix: "" };
  }
  return { ...(await (await load.history()).scanHistory({ ...options, workers })), prefix: "" };
}

/** A remote repository's own rules are a stranger's: only what the person gave with `--baseline` silences anything. */
async function scanRemote(target: Target): Promise<LocalScan> {
  const ruleset = await loadRuleset({ folders: target.detectors ?? [] });
  const own = loadRepositoryConfig(".", { baseline: target.baseline });
  const repository = { ...own, scope: scopeOfAddress(target.path), ignore: [] };
  const seen = aliasingScan(ruleset, repository.keyring, target.valuesFor?.(ruleset));
  return withClone(target.path, async (cwd) => {
    const workers = () => new WorkerPool(ruleset);
    const { scanHistory } = await load.history();
    const { findings, stats } = await scanHistory({
      cwd,
      scan: seen.scan,
      progress: target.progress,
      repository: repository.scope,
      workers,
    });
    const rules = { ...repository, baseline: target.baseline === undefined ? new Set<string>() : own.baseline };
    const { kept, suppressed } = suppress(findings, { ...rules, today: today(), aliases: seen.aliases, placed: seen.placed });
    const [noted, onLeftOut] = noting(stats);
    const files = kept.length === 0 ? [] : await filesOfHead(cwd, onLeftOut);
    return { kept, suppressed, stats: noted(), ruleset, repository, prefix: "", files, versions: await textsOf(cwd, kept) };
  });
}

/** What the identity graph left out, beside what the scan did: it hides no credential, so the scan stays complete. */
function noting(stats: Stats): [() => Stats, (reason: string) => void] {
  const skipped = [...stats.skipped];
  return [() => ({ ...stats, skipped }), (reason) => skipped.push({ path: ".", reason })];
}

async function filesOfHead(cwd: string, onLeftOut: (reason: string) => void): Promise<SourceFile[]> {
  const known = await gitText(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], { cwd, accept: [1, 128] });
  if (known.trim() === "") return [];
  const commit = known.trim();
  const [{ blobsAt, scanCommitTree }, { inventoryPaths, largestInventoryFile }] = [await load.commitTree(), await load.inventory()];
  const listed = (await blobsAt(cwd, commit)).map(({ path }) => path);
  const paths = inventoryPaths(listed, { onLeftOut });
  const files: SourceFile[] = [];
  await scanCommitTree({
    cwd,
    commit,
    paths,
    scan: () => [],
    onFile: (path, bytes) => {
      if (bytes.length <= largestInventoryFile) files.push({ path, text: bytes.toString("utf8") });
    },
  });
  return files;
}

/** A line of an old version says nothing about the file of today: identities are looked for in the version itself. */
async function textsOf(cwd: string, findings: readonly Finding[]): Promise<Map<string, string>> {
  const blobs = [...new Set(findings.flatMap(({ locator }) => locator.blob ?? []))].slice(0, mostVersions);
  const texts = new Map<string, string>();
  if (blobs.length === 0) return texts;
  const [{ readObjects }, { largestInventoryFile }] = [await load.catFile(), await load.inventory()];
  const env = within(cwd) ? absolute(hookEnvironment()) : {};
  for await (const { id, bytes } of readObjects(cwd, blobs, { maxBytes: largestInventoryFile, env })) {
    if (bytes !== undefined) texts.set(id, bytes.toString("utf8"));
  }
  return texts;
}

const mostVersions = 200;

function check({ path, history, staged, range, agents, githubText }: Target): void {
  if ([history, staged, range, agents, githubText].filter((mode) => mode !== undefined && mode !== false).length > 1)
    throw new UsageError("expected at most one of --history, --staged, --range, --agents and --github-text");
  if (path === "-" && (history || staged || range !== undefined))
    throw new UsageError("what is piped in has no history; expected a repository with --history, --staged and --range");
  if (isAddress(path) && (staged || range !== undefined))
    throw new UsageError("--staged and --range need a repository on this machine; clone it and scan it there");
}

/** A bare repository has no files of its own: its history is what there is to scan. */
function isBare(path: string): boolean {
  return existsSync(join(path, "HEAD")) && existsSync(join(path, "objects")) && existsSync(join(path, "refs"));
}

/** git is asked from the folder itself, so that a repository of its own inside another one is the one that counts. */
async function repositoryOf(path: string): Promise<string> {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`expected a git repository; '${path}' is not a folder`);
  const env = within(resolve(path)) ? absolute(hookEnvironment()) : {};
  try {
    const bare = (await gitText(["rev-parse", "--is-bare-repository"], { cwd: path, env })).trim() === "true";
    return bare ? resolve(path) : (await gitText(["rev-parse", "--show-toplevel"], { cwd: path, env })).trim();
  } catch (cause) {
    throw new UsageError(`expected a git repository at '${path}'; scan it without --history, --staged and --range, or run git init`, {
      cause,
    });
  }
}

/** Hook variables speak of the repository that the hook runs in, not of another one that was named. */
function within(folder: string): boolean {
  const below = relative(process.cwd(), folder);
  return !below.startsWith("..") || relative(folder, process.cwd()) === "" || !relative(folder, process.cwd()).startsWith("..");
}

/** Where a folder, or the folder of a file, lies below the top: `apps/web/`, or nothing. */
export function prefixOf(path: string, top: string): string {
  const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === false ? dirname(resolve(path)) : resolve(path);
  const below = relative(top, folder).split(sep).join("/");
  return below === "" || below.startsWith("..") ? "" : `${below}/`;
}
