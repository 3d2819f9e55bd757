import { createHash } from "node:crypto";
import { isRepositoryDetector } from "../config/detectors.ts";
import { repositoryDetectors } from "../config/repository-detectors.ts";
import { compileDetectors, type Ruleset } from "../detector/compile.ts";
import { lazily, loadRegexEngine } from "../detector/regex.ts";
import { ConfigError } from "../errors.ts";
import type { SourceFile } from "../identity/graph.ts";
import type { Rekey } from "./context.ts";

/** Rulesets of repositories with detectors of their own, by their text; the oldest goes first. */
const compiled = new Map<string, Ruleset>();
const mostKept = 8;

/**
 * The ruleset of a repository: the built-in detectors and those of its default branch's `.rekey/detectors`. Where they are not valid
 * the built-in ones run alone and `problem` says so: it must not stop the judgement.
 */
export async function rulesetOf(
  { ruleset }: Pick<Rekey, "ruleset">,
  files: readonly SourceFile[],
): Promise<{ readonly ruleset: Ruleset; readonly problem?: string }> {
  const own = files.filter(({ path }) => isRepositoryDetector(path));
  if (own.length === 0) return { ruleset };
  const key = createHash("sha256")
    .update(JSON.stringify([ruleset.hash, own.map(({ path, text }) => [path, text])]))
    .digest("hex");
  const known = compiled.get(key);
  if (known !== undefined) return { ruleset: known };
  try {
    const parsed = repositoryDetectors(own);
    const engine = await loadRegexEngine(ruleset.engine);
    await compileDetectors(parsed, engine); // a broken pattern is an error now, not in the middle of a scan
    const made = await compileDetectors([...ruleset.files, ...parsed], lazily(engine));
    compiled.set(key, made);
    for (const oldest of [...compiled.keys()].slice(0, -mostKept)) compiled.delete(oldest);
    return { ruleset: made };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // only the place: what stands there may be anything
    return { ruleset, problem: `${error.file}${error.line === undefined ? "" : `:${error.line}`} is not valid; its detectors do not run` };
  }
}
