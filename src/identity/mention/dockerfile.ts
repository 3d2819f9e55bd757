import { lineCounter, type MentionReader, mostMentions } from "./mention.ts";
import { basename, dirname } from "./path.ts";

/** `ENV X=…` and `ARG X` of an image: the workload is what the folder builds. */
export const dockerfile: MentionReader = {
  takes: (path) => /^(?:(?:Dockerfile|Containerfile)(?:\.[\w-]{1,60})?|[\w-]{1,60}\.Dockerfile)$/.test(basename(path)),
  read(path, text) {
    const lineOf = lineCounter(text);
    const by = { kind: "workload" as const, name: basename(dirname(path)) || basename(path), line: 1 };
    return [...text.matchAll(/^[ \t]{0,8}(?:ENV|ARG)[ \t]+([A-Za-z_][A-Za-z0-9_]{0,127})/gim)]
      .slice(0, mostMentions)
      .map((match) => ({ variable: match[1] ?? "", line: lineOf(match.index + match[0].length), verb: "sets", by }));
  },
};
