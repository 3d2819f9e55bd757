import { blank } from "../code/blank.ts";
import { environmentReads } from "../code/expression.ts";
import { lineCounter, type Mention, type MentionReader, mostMentions } from "./mention.ts";

/** Names that every program reads and that hold no credential. */
const ordinary = new Set([
  "NODE_ENV",
  "PATH",
  "HOME",
  "PORT",
  "HOST",
  "DEBUG",
  "CI",
  "TZ",
  "LANG",
  "USER",
  "PWD",
  "SHELL",
  "TERM",
  "LOG_LEVEL",
  "PYTHONPATH",
  "GOPATH",
]);

/** A program that reads a variable uses it. */
export const code: MentionReader = {
  takes: (path) =>
    /\.(?:[cm]?[jt]sx?|py|go|rb|rs|java|kt|cs|php|ipynb)$/i.test(path) && !/(?:^|\/)(?:node_modules|dist|vendor)\//.test(path),
  read(path, text) {
    const lineOf = lineCounter(text);
    const found = new Map<string, Mention>();
    // Most files of a repository read none: they need not be taken apart.
    if (text.search(environmentReads) === -1) return [];
    // The code of a notebook is strings of JSON.
    const { code: plain, bare } = /\.ipynb$/i.test(path) ? { code: text, bare: text } : blank(path, text);
    for (const match of plain.matchAll(environmentReads)) {
      if (bare[match.index] !== plain[match.index]) continue;
      const variable = match[1] ?? match[2] ?? match[3] ?? "";
      if (found.size >= mostMentions) break;
      if (ordinary.has(variable) || found.has(variable)) continue;
      found.set(variable, { variable, line: lineOf(match.index), verb: "reads", by: "program" });
    }
    return [...found.values()];
  },
};
