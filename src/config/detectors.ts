import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileDetectors, type Ruleset } from "../detector/compile.ts";
import { lazily, loadRegexEngine } from "../detector/regex.ts";
import { type DetectorFile, parseDetectorFile } from "../detector/schema.ts";
import { ConfigError } from "../errors.ts";

export const builtInDetectors = fileURLToPath(new URL("../../detectors", import.meta.url));
const cache = fileURLToPath(new URL("../../.cache/rekey", import.meta.url));

/**
 * The built-in detectors and the user's own folders, compiled; with `prove`, every pattern at once instead of when it is first run.
 * Throws ConfigError with file and line.
 */
export async function loadRuleset(
  options: { folders?: readonly string[]; engine?: "re2" | "re2js"; prove?: boolean } = {},
): Promise<Ruleset> {
  const own = (options.folders ?? []).flatMap((folder) => {
    const files = readDetectorFolder(folder).map(({ path, text }) => parseDetectorFile(text, path));
    for (const detector of files.flatMap((file) => file.detectors)) {
      if (detector.check !== undefined)
        throw new ConfigError(
          `'${detector.id}' has a check; only built-in detectors and the org's policy repository may send a value anywhere`,
          { file: folder },
        );
    }
    return files;
  });
  const engine = await loadRegexEngine(options.engine);
  // a broken pattern of a user's own is an error now, not in the middle of a scan
  if (own.length > 0) await compileDetectors(own, engine);
  return compileDetectors([...builtInFiles(), ...own], options.prove === true ? engine : lazily(engine));
}

export function readDetectorFolder(folder: string): { path: string; text: string }[] {
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
export function builtInFiles(): DetectorFile[] {
  const files = readDetectorFolder(builtInDetectors);
  const hash = createHash("sha256")
    .update(JSON.stringify(files.map(({ text }) => text)))
    .digest("hex")
    .slice(0, 16);
  const kept = join(cache, `detectors-${hash}.json`);
  try {
    return JSON.parse(readFileSync(kept, "utf8")) as DetectorFile[];
  } catch {
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
