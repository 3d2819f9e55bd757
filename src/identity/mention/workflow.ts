import { readTree } from "../../agent-config/format/read.ts";
import { field } from "../../agent-config/format/tree.ts";
import { storeEntryNode } from "../model.ts";
import { lineCounter, type Mention, type MentionReader, mostMentions } from "./mention.ts";

/** A job of GitHub Actions uses every `secrets.X` that its text names; a secret under another name in `env` is that variable too. */
export const workflow: MentionReader = {
  takes: (path) => /(?:^|\/)\.github\/workflows\/[^/]+\.ya?ml$/.test(path),
  read(_path, text, { scope }) {
    const lineOf = lineCounter(text);
    const jobs = field(readTree(text, "yaml").root, "jobs");
    if (jobs?.kind !== "map") return [];
    return jobs.entries
      .flatMap(({ key, node }): Mention[] => {
        const body = text.slice(node.start, node.end);
        const by = { kind: "ci-job" as const, name: key.slice(0, 200), line: lineOf(node.start) };
        return [...body.matchAll(secrets)].flatMap((match): Mention[] => {
          const name = match[2] ?? "";
          if (name === "GITHUB_TOKEN") return [];
          const line = lineOf(node.start + match.index + match[0].length);
          const from = storeEntryNode("github-actions", scope, name);
          const given = match[1];
          const own: Mention = { variable: name, line, verb: "passes", by, from };
          return given === undefined || given === name ? [own] : [own, { variable: given, line, verb: "passes", by, from }];
        });
      })
      .slice(0, mostMentions);
  },
};

const secrets = /(?:([A-Z_][A-Z0-9_]{1,127})["']?:[ \t]{0,8}["']?)?\$\{\{[^}]{0,200}?\bsecrets\.([A-Za-z_][A-Za-z0-9_]{0,127})/g;
