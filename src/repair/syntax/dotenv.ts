import { basename, lineEnd, lineStart, type Syntax } from "../syntax.ts";

/** An `.env` file has no reference that every reader expands: the name stays, the value goes. */
export const dotenv: Syntax = {
  takes: ({ path }) => /^(?:\.env(?:\..{1,60})?|.{1,60}\.env|\.dev\.vars)$/.test(basename(path)),
  rewrite({ path, text, start }) {
    const from = lineStart(text, start);
    const head = /^[ \t]{0,8}(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]{0,99})[ \t]{0,8}=[ \t]{0,8}/.exec(
      text.slice(from, lineEnd(text, start)),
    );
    const name = head?.[1];
    if (head === null || name === undefined || from + head[0].length > start)
      return { none: "the value stands in a comment or goes over several lines; delete it there" };
    const value = from + head[0].length;
    const quote = /["'`]/.exec(text[value] ?? "")?.[0];
    const end = quote === undefined ? lineEnd(text, start) : closing(text, value + 1, quote);
    if (end === undefined || end <= start) return { none: "the quotes around the value are not closed; empty it by hand" };
    const example = /example|sample|template|dist/i.test(basename(path));
    return {
      edits: [{ start: from + head[0].trimEnd().length, end, text: "" }],
      reference: `${name}=`,
      name,
      next: example
        ? [`Everybody puts a value of their own for ${name} into a file that git does not track.`]
        : [
            `Put the new value of ${name} into your secret manager, or into a file that git does not track.`,
            `If this file is only for one machine: git rm --cached ${shown(path)}, and name it in .gitignore. Its old versions stay in the history.`,
          ],
    };
  },
};

function closing(text: string, from: number, quote: string): number | undefined {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\" && quote === '"') at++;
    else if (text[at] === quote) return at + 1;
  }
  return undefined;
}

/** A path that can be pasted into a shell, or only its place. */
function shown(path: string): string {
  return /^[\w./-]{1,200}$/.test(path) ? path : "<this file>";
}
