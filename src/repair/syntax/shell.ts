import { basename, lineStart, type Syntax } from "../syntax.ts";

/** sh, bash, zsh and direnv. */
export const shell: Syntax = {
  takes: ({ path, text }) =>
    /\.(?:sh|bash|zsh)$|^\.envrc$|^\.(?:bash|zsh)(?:rc|_profile|env)$|^\.profile$/.test(basename(path)) ||
    /^#!.{0,40}\b(?:ba|z|da)?sh\b/.test(text),
  rewrite({ text, start, end, variable }) {
    const before = text.slice(lineStart(text, start), start);
    if (/^\s*#(?!!)/.test(before)) return { none: "the value stands in a comment; delete it there" };
    if (insideHeredoc(text, start)) return { none: "the value stands in a here-document; write the variable there by hand" };
    const own = new RegExp(`(?:^|[\\s;])${variable}=["']?$`).test(before);
    const inner = own ? `\${${variable}:?set ${variable} in the environment}` : `\${${variable}}`;
    const quote = quoteAt(before);
    if (quote === undefined) return { none: "the quotes around the value could not be read; write the variable there by hand" };
    const text_ = quote === '"' ? inner : quote === "'" ? `'"${inner}"'` : `"${inner}"`;
    const whole = quote === "'" && text[start - 1] === "'" && text[end] === "'";
    return {
      edits: [whole ? { start: start - 1, end: end + 1, text: `"${inner}"` } : { start, end, text: text_ }],
      reference: inner,
      name: variable,
      next: [`Set ${variable} in the environment that runs this script, from your secret manager.`],
    };
  },
};

/** The quote that is open at the end of a line's beginning: `"`, `'` or none; undefined where it cannot be told. */
function quoteAt(before: string): string | undefined {
  let open = "";
  for (let at = 0; at < before.length; at++) {
    const character = before[at] ?? "";
    if (character === "\\" && open !== "'") at++;
    else if (open === "" && (character === '"' || character === "'")) open = character;
    else if (character === open) open = "";
    else if (character === "`" || (character === "$" && before[at + 1] === "(")) return undefined;
  }
  return open;
}

function insideHeredoc(text: string, at: number): boolean {
  const last = [...text.slice(0, at).matchAll(/<<-?\s{0,4}(["']?)(\w{1,100})\1[^\n]*\n/g)].at(-1);
  if (last === undefined) return false;
  return !new RegExp(`^[ \\t]*${last[2]}[ \\t]*\\r?$`, "m").test(text.slice(last.index + last[0].length, at));
}
