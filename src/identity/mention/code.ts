import { lineCounter, type Mention, type MentionReader, mostMentions } from "./mention.ts";

/** How programs read a variable of the environment, whatever the language. */
const reads =
  /(?:process\.env|import\.meta\.env|Bun\.env)(?:\.|\[["'])([A-Z_][A-Z0-9_]{1,127})|(?:os\.environ|ENV)\[\s{0,4}["']([A-Z_][A-Z0-9_]{1,127})["']|(?:os\.environ\.get|os\.getenv|os\.Getenv|os\.LookupEnv|System\.getenv|Deno\.env\.get|env::var|ENV\.fetch|Environment\.GetEnvironmentVariable|(?<![\w.])getenv)\(\s{0,4}["']([A-Z_][A-Z0-9_]{1,127})["']/g;

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
  read(_path, text) {
    const lineOf = lineCounter(text);
    const found = new Map<string, Mention>();
    for (const match of text.matchAll(reads)) {
      const variable = match[1] ?? match[2] ?? match[3] ?? "";
      if (found.size >= mostMentions) break;
      if (ordinary.has(variable) || found.has(variable)) continue;
      found.set(variable, { variable, line: lineOf(match.index), verb: "reads", by: "program" });
    }
    return [...found.values()];
  },
};
