import { lineCounter, type MentionReader, mostMentions } from "./mention.ts";
import { basename } from "./path.ts";

/** `.env`, `prod.env`, `.env.example`: gives variables their values. */
export const dotenv: MentionReader = {
  takes: (path) => /^(?:\.env(?:\..{1,60})?|.{1,60}\.env|\.envrc|\.dev\.vars)$/.test(basename(path)),
  read(_path, text) {
    const lineOf = lineCounter(text);
    return [...text.matchAll(/^[ \t]{0,8}(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]{1,127})[ \t]{0,8}=/gm)]
      .slice(0, mostMentions)
      .map((match) => ({ variable: match[1] ?? "", line: lineOf(match.index + match[0].length), verb: "sets" }));
  },
};
