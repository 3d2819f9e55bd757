import { z } from "zod";
import { isRepositoryDetector } from "../config/detectors.ts";
import { policyPath } from "../config/github-policy.ts";
import { readObjects } from "../git/cat-file.ts";
import { gitText } from "../git.ts";
import { call } from "../github/client.ts";
import { type CodeRemote, fetchBlobs, fetchTree, withBareRepository } from "../github/fetch-code.ts";
import type { EventRepository } from "../github/handlers.ts";
import { buildGraph, type SourceFile } from "../identity/graph.ts";
import { inventoryPaths, largestInventoryFile } from "../identity/inventory.ts";
import { blobsAt } from "../source/commit-tree.ts";
import { readInventory, saveInventory } from "../store/inventory.ts";
import { clientOf, remoteOf, scopeOf } from "./code.ts";
import { githubHost, type Rekey } from "./context.ts";
import { takeFacts, takePolicyFile } from "./rollout.ts";

interface Entry {
  readonly path: string;
  readonly blob: string;
}

const Branch = z.object({ commit: z.object({ sha: z.string() }) });
const ruleFiles: ReadonlySet<string> = new Set([".rekey/salt", ".rekey/ignore.yml", ".rekey/baseline", policyPath]);
const isRuleFile = (path: string) => ruleFiles.has(path) || isRepositoryDetector(path);

/**
 * Texts by blob id, in memory only: files of a default branch may hold credentials, and no value ever reaches the database
 * (contracts.md §1). What the database keeps is which blob stands at which path, and what follows from them.
 */
const texts = new Map<string, string>();
const mostCharacters = 64 << 20;
let kept = 0;

/** The default branch's files that say something about identities or silence something, by its stored inventory where that is up to date. */
export async function defaultBranchFiles(
  rekey: Rekey,
  repository: EventRepository,
  remote: CodeRemote,
  knownTip?: string,
): Promise<SourceFile[]> {
  const tip = knownTip ?? (await tipOf(rekey, repository));
  if (tip === undefined) return []; // a repository without commits
  const stored = await readInventory(rekey.database.db, { host: githubHost(rekey), repositoryId: repository.id });
  const entries = stored?.commit === tip ? stored.files : await storeInventory(rekey, repository, remote, tip);
  return withBareRepository((gitDir) => textsOf(gitDir, remote, entries));
}

/** Reads the default branch anew where it has moved: the job on install and on each push to it. */
export async function refreshInventory(rekey: Rekey, repository: EventRepository): Promise<void> {
  const tip = await tipOf(rekey, repository);
  await takeFacts(rekey, repository);
  if (tip !== undefined) await defaultBranchFiles(rekey, repository, await remoteOf(rekey, repository), tip);
}

async function tipOf(rekey: Rekey, repository: EventRepository): Promise<string | undefined> {
  const branch = Branch.safeParse(
    await call(await clientOf(rekey, repository), "GET /repos/{owner}/{repo}/branches/{branch}", { branch: repository.defaultBranch }),
  );
  return branch.success ? branch.data.commit.sha : undefined;
}

async function storeInventory(rekey: Rekey, repository: EventRepository, remote: CodeRemote, tip: string): Promise<readonly Entry[]> {
  return withBareRepository(async (gitDir) => {
    await fetchTree(gitDir, remote, tip);
    const listed = await blobsAt(gitDir, tip);
    const onLeftOut = (reason: string) => rekey.log.warn({ repository: repository.id, reason }, "an inventory left files out");
    const all = listed.map(({ path }) => path);
    const paths = new Set(inventoryPaths(all, { also: isRuleFile, onLeftOut }));
    const entries = listed.filter(({ path }) => paths.has(path));
    const files = await textsOf(gitDir, remote, entries);
    const { identities, nodes, edges } = buildGraph({ scope: scopeOf(rekey, repository.fullName), files, findings: [], storeMatches: [] });
    await saveInventory(
      rekey.database.db,
      { host: githubHost(rekey), repositoryId: repository.id },
      { commit: tip, files: entries, identities, nodes, edges },
    );
    await takePolicyFile(rekey, repository, files);
    return entries;
  });
}

/** The files of a commit that `wanted` picks; its tree must be in the clone. */
export async function filesAt(
  gitDir: string,
  remote: CodeRemote,
  commit: string,
  wanted: (path: string) => boolean,
): Promise<SourceFile[]> {
  return textsOf(
    gitDir,
    remote,
    (await blobsAt(gitDir, commit)).filter(({ path }) => wanted(path)),
  );
}

/** Paths that differ between two commits whose trees are in the clone. */
export async function changedPaths(gitDir: string, from: string, to: string): Promise<string[]> {
  const listing = await gitText(["diff-tree", "-r", "-z", "--name-only", "--no-renames", from, to], { cwd: gitDir });
  return listing.split("\0").filter(Boolean);
}

/** What is not in memory is fetched in one request. */
async function textsOf(gitDir: string, remote: CodeRemote, entries: readonly Entry[]): Promise<SourceFile[]> {
  const found = new Map<string, string>();
  const missing = new Set<string>();
  for (const { blob } of entries) {
    const text = texts.get(blob);
    if (text === undefined) missing.add(blob);
    else found.set(blob, text);
  }
  if (missing.size > 0) {
    await fetchBlobs(gitDir, remote, [...missing]);
    for await (const { id, bytes } of readObjects(gitDir, missing, { maxBytes: largestInventoryFile })) {
      if (bytes === undefined) continue;
      const text = Buffer.from(bytes).toString("utf8");
      found.set(id, text);
      keep(id, text);
    }
  }
  return entries.flatMap(({ path, blob }) => {
    const text = found.get(blob);
    return text === undefined ? [] : [{ path, text }];
  });
}

/** The oldest are dropped first. */
function keep(blob: string, text: string): void {
  texts.set(blob, text);
  kept += text.length;
  for (const [oldest, dropped] of texts) {
    if (kept <= mostCharacters) break;
    texts.delete(oldest);
    kept -= dropped.length;
  }
}
