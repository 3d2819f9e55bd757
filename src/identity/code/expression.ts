import type { SourceCode } from "./calls.ts";

/** How programs read a variable of the environment, whatever the language. */
export const environmentReads =
  /(?:process\.env|import\.meta\.env|Bun\.env)(?:\??\.|\[["'])([A-Z_][A-Z0-9_]{1,127})|(?:os\.environ|(?<![\w.])environ|ENV)\[\s{0,4}["']([A-Z_][A-Z0-9_]{1,127})["']|(?:os\.environ\.get|os\.getenv|os\.Getenv|os\.LookupEnv|System\.getenv|Deno\.env\.get|env::var|ENV\.fetch|Environment\.GetEnvironmentVariable|(?<![\w.])getenv|(?<![\w.])environ\.get)\(\s{0,4}["']([A-Z_][A-Z0-9_]{1,127})["']/g;

/** The environment variable that an expression of this file takes its value from, by itself or over one name. */
export function variableIn(expression: string, { assigned }: Pick<SourceCode, "assigned">): string | undefined {
  return read(expression) ?? named(expression, assigned, read);
}

/** The text that an expression of this file stands for, where it is a plain literal. */
export function textIn(expression: string, { assigned }: Pick<SourceCode, "assigned">): string | undefined {
  return literal(expression) ?? named(expression, assigned, literal);
}

function named(expression: string, assigned: ReadonlyMap<string, string>, take: (text: string) => string | undefined): string | undefined {
  const name = /^(?:await\s+)?([A-Za-z_$][\w$]{0,80})!?$/.exec(expression.trim())?.[1];
  const value = name === undefined ? undefined : assigned.get(name);
  return value === undefined ? undefined : take(value);
}

function read(text: string): string | undefined {
  const match = new RegExp(environmentReads.source).exec(text.slice(0, 600));
  return match === null ? undefined : (match[1] ?? match[2] ?? match[3]);
}

function literal(text: string): string | undefined {
  return /^["'`]([^"'`\n$]{1,300})["'`]/.exec(text.trim())?.[1];
}
