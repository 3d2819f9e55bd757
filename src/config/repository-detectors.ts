import { type DetectorFile, parseDetectorFile } from "../detector/schema.ts";
import { ConfigError } from "../errors.ts";
import { bounds, type DetectorText } from "./detectors.ts";

/**
 * The detectors that a repository brings itself, in `.rekey/detectors`. They add to the built-in ones and silence none of them. Throws
 * ConfigError with file and line.
 */
export function repositoryDetectors(texts: readonly DetectorText[]): DetectorFile[] {
  if (texts.length > bounds.files) refuse(`expected at most ${bounds.files} files, there are ${texts.length}`);
  const files = texts.map(({ path, text }): DetectorFile => {
    if (Buffer.byteLength(text) > bounds.bytes) refuse(`expected at most ${bounds.bytes} bytes`, path);
    return { ...parsedWithoutCheck({ path, text }), yields: true };
  });
  const detectors = files.flatMap((file) => file.detectors);
  if (detectors.length > bounds.detectors) refuse(`expected at most ${bounds.detectors} detectors, there are ${detectors.length}`);
  const own = new Set(detectors.map(({ id }) => id));
  for (const { id, over } of detectors) {
    const foreign = over.find((other) => !own.has(other));
    if (foreign !== undefined) refuse(`'${id}' is over '${foreign}', which is not a detector of this repository`);
  }
  return files;
}

function refuse(problem: string, file = ".rekey/detectors"): never {
  throw new ConfigError(problem, { file });
}

/** A detector file of somebody else. Throws ConfigError. */
export function parsedWithoutCheck({ path, text }: DetectorText): DetectorFile {
  const file = parseDetectorFile(text, path);
  const sending = file.detectors.find(({ check }) => check !== undefined);
  if (sending !== undefined)
    throw new ConfigError(
      `'${sending.id}' has a check; only built-in detectors and the org's policy repository may send a value anywhere`,
      { file: path },
    );
  return file;
}
