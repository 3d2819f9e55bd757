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
    if (text.search(environmentReads) === -1 && !text.includes("BaseSettings")) return [];
    // The code of a notebook is strings of JSON.
    const { code: plain, bare } = /\.ipynb$/i.test(path) ? { code: text, bare: text } : blank(path, text);
    for (const match of plain.matchAll(environmentReads)) {
      if (bare[match.index] !== plain[match.index]) continue;
      const variable = match[1] ?? match[2] ?? match[3] ?? "";
      if (found.size >= mostMentions) break;
      if (ordinary.has(variable) || found.has(variable)) continue;
      found.set(variable, { variable, line: lineOf(match.index), verb: "reads", by: "program" });
    }
    for (const mention of settings(path, plain, lineOf)) {
      const { variable = "" } = mention;
      if (found.size < mostMentions && !ordinary.has(variable) && !found.has(variable)) found.set(variable, mention);
    }
    return [...found.values()];
  },
};

/** The fields of a class of pydantic's settings are variables of the same name, in any case, behind its prefix. */
function settings(path: string, plain: string, lineOf: (offset: number) => number): Mention[] {
  if (!/\.py$/i.test(path)) return [];
  return [
    ...plain.matchAll(/^class[ \t]+\w{1,80}\([^)\n]{0,80}\bBaseSettings\b[^)\n]{0,80}\):[^\n]*\n((?:[ \t]+[^\n]*\n|[ \t]*\n){1,400})/gm),
  ].flatMap((match) => {
    const [whole, body = ""] = match;
    const prefix = /env_prefix\s*=\s*["'](\w{0,40})["']/.exec(body)?.[1] ?? "";
    const start = match.index + whole.length - body.length;
    return [...body.matchAll(/^(?:\t| {2,4})([a-z_]\w{1,80})[ \t]*:(?!:)/gim)].flatMap((field): Mention[] => {
      const name = field[1] ?? "";
      return name === "model_config"
        ? []
        : [{ variable: `${prefix}${name}`.toUpperCase(), line: lineOf(start + field.index), verb: "reads", by: "program" }];
    });
  });
}
