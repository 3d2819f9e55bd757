import { readJson } from "./json.ts";
import { readToml } from "./toml.ts";
import type { Tree } from "./tree.ts";
import { readYaml } from "./yaml.ts";

export type FileFormat = "json" | "yaml" | "toml" | "front-matter";

/** What a strange file may cost: no real agent config comes near. */
export const limits = { characters: 4 << 20, yamlCharacters: 1 << 19, depth: 100, nodes: 200_000 };

export interface ReadTree {
  /** Absent where nothing could be read. */
  readonly root?: Tree;
  /** Offsets are UTF-16 units of the text. */
  readonly problems: readonly { readonly message: string; readonly offset: number }[];
}

/** Parses without ever throwing: what is wrong, too large or too deep is a problem, and what could be read is kept. */
export function readTree(text: string, format: FileFormat): ReadTree {
  const most = format === "json" ? limits.characters : limits.yamlCharacters;
  if (text.length > most) return problem(`the file has ${text.length} characters; at most ${most} are read as ${format}`, 0);
  // A byte order mark is not part of any of these grammars; a space of the same length keeps all offsets.
  const body = text.startsWith("\uFEFF") ? ` ${text.slice(1)}` : text;
  try {
    if (format === "json") return readJson(body);
    if (format === "toml") return readToml(body);
    return format === "yaml" ? readYaml(body, 0) : readFrontMatter(body);
  } catch (error) {
    // A stack overflow in a parser of ours or of a library: the text is nested beyond any use.
    if (error instanceof RangeError) return problem("the file is nested too deeply to be read", 0);
    return problem(`the file could not be read as ${format}`, 0);
  }
}

export function problem(message: string, offset: number): ReadTree {
  return { problems: [{ message, offset }] };
}

function readFrontMatter(text: string): ReadTree {
  const matter = /^\s{0,8}---[ \t]*\r?\n/.exec(text);
  if (matter === null) return { problems: [] };
  const start = matter[0].length;
  const end = text.indexOf("\n---", start - 1);
  if (end === -1) return { problems: [] };
  return readYaml(text.slice(start, end + 1), start);
}
