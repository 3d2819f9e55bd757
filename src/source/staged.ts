import { credentialKey, type Finding } from "../finding.ts";
import { readObjects } from "../git/cat-file.ts";
import { git, gitText } from "../git.ts";
import { isArchive, scanArchive } from "./archive.ts";
import { scanCommitTree } from "./commit-tree.ts";
import { maxBlob, unread } from "./commits.ts";
import { type Result, type ScannerOptions, Tally } from "./scanner.ts";

export interface StagedOptions extends ScannerOptions {
  readonly cwd: string;
  /** `hookEnvironment()`: under `git commit -a` and `git commit FILE` it names a temporary index, without which the wrong one is read. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/**
 * What the next commit would add: the staged content of changed files as it stands in the index, not in the working tree. Like a
 * pull request it is judged by what it adds: what HEAD holds already in one of the changed paths is no finding.
 */
export async function scanStaged(options: StagedOptions): Promise<Result> {
  const { cwd, scan, env = {} } = options;
  const tally = new Tally(options);
  const head = (await gitText(["rev-parse", "--verify", "--quiet", "HEAD"], { cwd, env, accept: [1] })).trim();
  const { staged, touched } = await changes(cwd, env, head, tally);
  const findings: Finding[] = [];
  const byBlob = Map.groupBy(staged, ({ blob }) => blob);
  for await (const { id, type, size, bytes } of readObjects(cwd, byBlob.keys(), { maxBytes: maxBlob, env })) {
    for (const { path } of byBlob.get(id) ?? []) {
      if (bytes === undefined) {
        tally.skip(path, unread({ type, size }), true);
        continue;
      }
      const origin = { kind: "file", path, blob: id } as const;
      findings.push(...(isArchive(path) ? scanArchive({ size, read: () => bytes, origin, tally }) : tally.read({ bytes, origin })));
    }
  }
  if (findings.length === 0 || head === "") return { findings, stats: tally.stats() };
  const stood = await scanCommitTree({ cwd, commit: head, paths: touched, scan, env });
  const known = new Set(stood.findings.map(credentialKey));
  return { findings: findings.filter((finding) => !known.has(credentialKey(finding))), stats: tally.stats() };
}

async function changes(
  cwd: string,
  env: Readonly<Record<string, string>>,
  head: string,
  tally: Tally,
): Promise<{ staged: { blob: string; path: string }[]; touched: string[] }> {
  const against = head === "" ? await emptyTree(cwd, env) : head;
  const reply = await git(["diff-index", "--cached", "--raw", "--no-abbrev", "--no-renames", "-z", against], { cwd, env });
  const fields = reply.toString("utf8").split("\0");
  const staged: { blob: string; path: string }[] = [];
  const touched: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [, mode, , blob = ""] = (fields[at] ?? "").split(" ");
    const path = fields[at + 1] ?? "";
    touched.push(path);
    if (mode === "160000") tally.skip(path, "submodule: its repository is not read", false);
    else if (!/^0*$/.test(blob)) staged.push({ blob, path });
  }
  return { staged, touched };
}

/** The id of the empty tree, which git knows without storing it; depends on the repository's hash. */
async function emptyTree(cwd: string, env: Readonly<Record<string, string>>): Promise<string> {
  return (await gitText(["hash-object", "-t", "tree", "--stdin"], { cwd, env, input: "" })).trim();
}
