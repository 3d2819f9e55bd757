import { readObjects } from "../git/cat-file.ts";
import { git, gitText } from "../git.ts";
import { type CodeRemote, fetchBlobs } from "../github/fetch-code.ts";
import type { SourceFile } from "../identity/graph.ts";
import { inventoryPaths, largestInventoryFile } from "../identity/inventory.ts";
import { blobsAt } from "../source/commit-tree.ts";

/** The tip of the default branch, fetched without blobs into this repository. */
export async function fetchDefaultBranch(gitDir: string, remote: CodeRemote, branch: string): Promise<string> {
  await git(
    [
      "fetch",
      "--quiet",
      "--no-tags",
      "--no-write-fetch-head",
      "--depth=1",
      "--filter=blob:none",
      remote.url,
      `+refs/heads/${branch}:refs/rekey/default`,
    ],
    {
      cwd: gitDir,
      remote,
      timeout: 300_000,
    },
  );
  return (await gitText(["rev-parse", "refs/rekey/default"], { cwd: gitDir })).trim();
}

/** The files of a commit that say something about identities, or stand in `also`; their blobs are fetched in one request. */
export async function inventoryFiles(
  gitDir: string,
  remote: CodeRemote,
  commit: string,
  also: ReadonlySet<string> = new Set(),
): Promise<SourceFile[]> {
  const listed = await blobsAt(gitDir, commit);
  const wanted = new Set(
    inventoryPaths(
      listed.map(({ path }) => path),
      also,
    ),
  );
  const places = listed.filter(({ path }) => wanted.has(path));
  const byBlob = Map.groupBy(places, ({ blob }) => blob);
  if (byBlob.size === 0) return [];
  await fetchBlobs(gitDir, remote, [...byBlob.keys()]);
  const files: SourceFile[] = [];
  for await (const { id, bytes } of readObjects(gitDir, byBlob.keys(), { maxBytes: largestInventoryFile })) {
    if (bytes === undefined) continue;
    const text = Buffer.from(bytes).toString("utf8");
    for (const { path } of byBlob.get(id) ?? []) files.push({ path, text });
  }
  return files;
}
