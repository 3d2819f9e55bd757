import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileDetectors, type Ruleset } from "../detector/compile.ts";
import { lazily, loadRegexEngine } from "../detector/regex.ts";
import type { DetectorFile } from "../detector/schema.ts";
import { ConfigError } from "../errors.ts";

export const builtInDetectors = fileURLToPath(new URL("../../detectors", import.meta.url));
const cache = fileURLToPath(new URL("../../.cache/rekey", import.meta.url));

export interface RulesetOptions {
  /** The user's own. */
  readonly folders?: readonly string[];
  /** The repository's own. */
  readonly repository?: readonly DetectorText[];
  readonly engine?: "re2" | "re2js";
  /** Every pattern is compiled at once instead of when it is first run. */
  readonly prove?: boolean;
}

/** The text of a detector file; the path is for messages. */
export interface DetectorText {
  readonly path: string;
  readonly text: string;
}

/** The built-in detectors and others, compiled. Throws ConfigError with file and line. */
export async function loadRuleset(options: RulesetOptions = {}): Promise<Ruleset> {
  const own = await ownFiles(options);
  const engine = await loadRegexEngine(options.engine);
  // a broken pattern of a user's own is an error now, not in the middle of a scan
  if (own.length > 0) await compileDetectors(own, engine);
  return compileDetectors([...(await builtInFiles()), ...own], options.prove === true ? engine : lazily(engine));
}

/** What is not built in. Only then its schema is loaded, which takes longer than a hook may. */
async function ownFiles({ folders = [], repository = [] }: RulesetOptions): Promise<DetectorFile[]> {
  if (folders.length + repository.length === 0) return [];
  const { parsedWithoutCheck, repositoryDetectors } = await import("./repository-detectors.ts");
  return [...folders.flatMap((folder) => readDetectorFolder(folder).map(parsedWithoutCheck)), ...repositoryDetectors(repository)];
}

/** A repository's detectors are a stranger's: more than this is refused. Bytes are of one file. */
export const bounds = { files: 20, bytes: 256 << 10, detectors: 50 };

/** Whether a file of this path, from the top of a repository, holds detectors of that repository. */
export function isRepositoryDetector(path: string): boolean {
  return /^\.rekey\/detectors\/[^/]+\.ya?ml$/.test(path);
}

/** The detector files of a working tree. Links are not followed; nothing larger than the bounds is read. */
export function readRepositoryDetectors(top: string): DetectorText[] {
  const folder = ".rekey/detectors";
  let names: string[];
  try {
    names = readdirSync(join(top, folder)).sort();
  } catch {
    return []; // there are none
  }
  return names.flatMap((name) => {
    const path = `${folder}/${name}`;
    const stat = lstatSync(join(top, path), { throwIfNoEntry: false });
    if (!isRepositoryDetector(path) || stat?.isFile() !== true) return [];
    if (stat.size > bounds.bytes) throw new ConfigError(`expected at most ${bounds.bytes} bytes`, { file: path });
    return [{ path, text: readFileSync(join(top, path), "utf8") }];
  });
}

export function readDetectorFolder(folder: string): DetectorText[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (cause) {
    throw new ConfigError("expected a folder of detector files (*.yml)", { file: folder, cause });
  }
  return names
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => ({ path: join(folder, name), text: readFileSync(join(folder, name), "utf8") }));
}

/** Parsing hundreds of YAML files costs a third of a second; the parsed form is kept under the hash of their text. */
export async function builtInFiles(): Promise<DetectorFile[]> {
  const files = readDetectorFolder(builtInDetectors);
  const hash = createHash("sha256")
    .update(JSON.stringify(files.map(({ text }) => text)))
    .digest("hex")
    .slice(0, 16);
  const kept = join(cache, `detectors-${hash}.json`);
  try {
    return JSON.parse(readFileSync(kept, "utf8")) as DetectorFile[];
  } catch {
    const { parseDetectorFile } = await import("../detector/schema.ts");
    const parsed = files.map(({ path, text }) => parseDetectorFile(text, path));
    try {
      mkdirSync(cache, { recursive: true });
      writeFileSync(`${kept}.${process.pid}`, JSON.stringify(parsed));
      renameSync(`${kept}.${process.pid}`, kept);
    } catch {
      // a read-only installation has no cache; it only costs time
    }
    return parsed;
  }
}
