import { blank } from "../../identity/code/blank.ts";
import { lineStart, type Syntax, type Target } from "../syntax.ts";
import { go } from "./go.ts";
import { javascript } from "./javascript.ts";
import { type Language, type Literal, partOf, replaced } from "./literal.ts";
import { python } from "./python.ts";

/** Languages in which only a whole literal is replaced: an expression that reads the variable. */
const simple: readonly (readonly [files: RegExp, read: (name: string) => string])[] = [
  [/\.rb$/i, (name) => `ENV.fetch("${name}")`],
  [/\.php$/i, (name) => `getenv('${name}')`],
  [/\.(?:java|kt)$/i, (name) => `System.getenv("${name}")`],
  [/\.cs$/i, (name) => `System.Environment.GetEnvironmentVariable("${name}")`],
];

const languages: readonly Language[] = [
  python,
  javascript,
  go,
  ...simple.map(
    ([files, read]): Language => ({
      files,
      quotes: `"'`,
      rewrite: ({ text, variable }, literal) => {
        if (!literal.whole) return partOf(variable);
        if (/@\w+\(\s*(?:\w+\s*=\s*)?$|\bconst\b[^;\n]*$/.test(text.slice(lineStart(text, literal.start), literal.start)))
          return { none: `the language takes only a constant here; read ${variable} from the environment where the value is used` };
        return replaced(literal, read(variable), variable);
      },
    }),
  ),
];

/** A string literal of a program becomes an expression that reads the variable. */
export const code: Syntax = {
  takes: ({ path }) => languages.some(({ files }) => files.test(path)),
  rewrite(target) {
    const { path, text, start, end } = target;
    const language = languages.find(({ files }) => files.test(path));
    if (language === undefined) return { none: "this language is not known" };
    const { code: plain, bare } = blank(path, text);
    if (plain.slice(start, end) !== text.slice(start, end)) return { none: "the value stands in a comment; delete it there" };
    const literal = literalAt(target, bare, language.quotes);
    if (literal === undefined) return { none: `the value stands in no plain string; read ${target.variable} from the environment by hand` };
    if (joinsNext(text, literal))
      return { none: `the string goes on in another one; read ${target.variable} from the environment by hand` };
    return language.rewrite(target, literal, bare);
  },
};

/** `bare` has spaces for what stands in strings, and keeps their quotes. */
function literalAt({ text, start, end }: Target, bare: string, quotes: string): Literal | undefined {
  let open = start - 1;
  while (open >= 0 && bare[open] === " ") open--;
  let close = end;
  while (close < bare.length && bare[close] === " ") close++;
  const quote = bare[open] ?? "";
  const [left, right] = [quote, bare[close] ?? ""];
  if (quotes.includes("`") && (left === "}" || (left === "`" && right === "$")) && bare.slice(start, end).trim() === "")
    return { start: open, end: close, quote: "`", whole: false, before: text.slice(open + 1, start), after: text.slice(end, close) };
  if (quote === "" || !quotes.includes(quote) || bare[close] !== quote || bare.slice(start, end).trim() !== "") return undefined;
  const triple = text.slice(open - 2, open + 1) === quote.repeat(3) && text.slice(close, close + 3) === quote.repeat(3);
  const [before, after] = [text.slice(open + 1, start), text.slice(end, close)];
  const wide = triple ? 2 : 0;
  return { start: open - wide, end: close + 1 + wide, quote, whole: before === "" && after === "", before, after };
}

/** `"a" "b"` is one string to some languages. */
function joinsNext(text: string, { start, end, quote }: Literal): boolean {
  const [before, after] = [text.slice(Math.max(0, start - 200), start), text.slice(end, end + 200)];
  return new RegExp(`${quote}[ \\t\\r\\n\\\\]*[rRbBuUfF]{0,2}$`).test(before) || /^[ \t\r\n\\]*[rRbBuUfF]{0,2}["']/.test(after);
}
