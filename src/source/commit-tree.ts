import type { Finding } from "../finding.ts";
import { readObjects } from "../git/cat-file.ts";
import { argument, gitText } from "../git.ts";
import { isArchive, scanArchive } from "./archive.ts";
import { maxBlob, unread } from "./commits.ts";
import { isLfsPointer } from "./lfs.ts";
import { type Result, type ScannerOptions, Tally } from "./scanner.ts";

export interface CommitTreeOptions extends ScannerOptions {
  readonly cwd: string;
  /** Commit, tag or tree. */
  readonly commit: string;
  /** Only these paths; all of them where absent. A path that is not there gives nothing. */
  readonly paths?: readonly string[] | undefined;
  readonly repository?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Sees every blob with its path, scanned or not: for the identity graph. */
  readonly onFile?: ((path: string, bytes: Buffer, blob: string) => void) | undefined;
}

/** The files of one commit as they stand in it: a default branch, a merge base, a pull request's head. */
export async function scanCommitTree(options: CommitTreeOptions): Promise<Result> {
  const { cwd, commit, paths, repository, env = {}, onFile } = options;
  const tally = new Tally(options);
  const findings: Finding[] = [];
  const byBlob = Map.groupBy(await blobsAt(cwd, commit, paths, env), ({ blob }) => blob);
  for await (const { id, type, size, bytes } of readObjects(cwd, byBlob.keys(), { maxBytes: maxBlob, env })) {
    for (const { path } of byBlob.get(id) ?? []) {
      if (bytes === undefined) {
        tally.skip(path, unread({ type, size }), true);
        continue;
      }
      if (isLfsPointer(bytes)) tally.skip(path, "Git LFS pointer: the content is not in the repository", false);
      onFile?.(path, bytes, id);
      const origin = { kind: "file", path, blob: id, commit, ...(repository === undefined ? {} : { repository }) } as const;
      findings.push(...(isArchive(path) ? scanArchive({ size, read: () => bytes, origin, tally }) : tally.read({ bytes, origin })));
    }
  }
  return { findings, stats: tally.stats() };
}

/** The blobs of a tree with their paths; submodules have none. */
export async function blobsAt(
  cwd: string,
  tree: string,
  paths?: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ blob: string; path: string }[]> {
  if (paths?.length === 0) return [];
  const wanted = paths === undefined ? undefined : new Set(paths);
  const listing = await gitText(["ls-tree", "-r", "-z", "--full-tree", argument(tree)], { cwd, env });
  return listing.split("\0").flatMap((entry) => {
    const [, type, blob, path] = /^\d+ (\w+) ([0-9a-f]+)\t([\s\S]*)$/.exec(entry) ?? [];
    return type === "blob" && blob !== undefined && path !== undefined && (wanted?.has(path) ?? true) ? [{ blob, path }] : [];
  });
}
