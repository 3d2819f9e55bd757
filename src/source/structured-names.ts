import picomatch from "picomatch";
import { surfacePaths } from "../agent-config/index.ts";
import { mayBeTranscript } from "../transcript/index.ts";

/*
 * What the name of one entry of a git tree tells of the paths that end in it: a tree stands at many paths. If a path may be
 * structured (`mayBeStructured`), then its last name says so, or a folder's name and the last one do.
 */

/** Whether a file of this name may be structured, wherever it stands. */
export function mayNameStructured(name: string): boolean {
  return globs().names.test(name) || mayBeTranscript(name) || name.includes("\\");
}

/** Whether files of some names may be structured because they stand in a folder of this name, or below it. */
export function mayHoldStructured(folder: string): boolean {
  return globs().folders.test(folder) || mayBeTranscript(`${folder}/a.json`) || folder.includes("\\");
}

/** Whether a file of this name may be structured where it stands in such a folder. */
export function mayBeHeld(name: string): boolean {
  return globs().held.test(name) || /\.json$/i.test(name);
}

interface Globs {
  readonly names: RegExp;
  readonly folders: RegExp;
  readonly held: RegExp;
}

let made: Globs | undefined;

/** Made when it is first asked for: it takes some milliseconds. */
function globs(): Globs {
  made ??= ofPaths(surfacePaths);
  return made;
}

function ofPaths(paths: readonly string[]): Globs {
  const parts = paths.map((path) => {
    const names = path.split("/");
    const name = names.at(-1) ?? "";
    const folder = names.slice(0, -1).findLast((part) => part !== "**" && part !== "");
    return { name, folder: /^\*+\./.test(name) ? folder : undefined };
  });
  return {
    names: anyOf(parts.flatMap(({ name, folder }) => (folder === undefined ? [name] : []))),
    folders: anyOf(parts.flatMap(({ folder }) => folder ?? [])),
    held: anyOf(parts.flatMap(({ name, folder }) => (folder === undefined ? [] : [name]))),
  };
}

function anyOf(patterns: readonly string[]): RegExp {
  return new RegExp([...new Set(patterns)].map((pattern) => picomatch.makeRe(pattern, { dot: true }).source).join("|"));
}
