import { storeEntryNode } from "../model.ts";
import { lineCounter, type Mention, type MentionReader, mostMentions } from "./mention.ts";

/** A resource whose `environment` takes a variable from AWS Secrets Manager or from a Terraform variable. Read by line, not as HCL. */
export const terraform: MentionReader = {
  takes: (path) => /\.tf$/.test(path),
  read(_path, text) {
    const lineOf = lineCounter(text);
    const names = new Map([...text.matchAll(secretName)].map((match) => [match[1] ?? "", match[2] ?? ""]));
    const resources = [...text.matchAll(/^resource[ \t]+"(\w{1,100})"[ \t]+"([\w-]{1,100})"/gm)].map((match) => ({
      name: `${match[1]}.${match[2]}`,
      index: match.index,
    }));
    return [...text.matchAll(assignment)].slice(0, mostMentions).flatMap((match): Mention[] => {
      const resource = resources.findLast(({ index }) => index < match.index);
      if (resource === undefined) return [];
      const secret = match[2];
      const from = secret === undefined ? undefined : storeEntryNode("aws-secrets-manager", names.get(secret) ?? secret);
      const by = { kind: "workload" as const, name: resource.name, line: lineOf(resource.index + 1) };
      return [
        {
          variable: match[1] ?? "",
          line: lineOf(match.index + match[0].length),
          verb: "passes",
          by,
          ...(from === undefined ? {} : { from }),
        },
      ];
    });
  },
};

const assignment =
  /^[ \t]{1,40}"?([A-Z_][A-Z0-9_]{1,127})"?[ \t]{0,40}=[ \t]{0,40}(?:(?:data\.)?aws_secretsmanager_secret(?:_version)?\.([\w-]{1,100})|var\.[\w-]{1,100}|local\.[\w-]{1,100})/gm;
const secretName =
  /(?:data|resource)[ \t]+"aws_secretsmanager_secret(?:_version)?"[ \t]+"([\w-]{1,100})"[ \t]*\{[^{}]{0,400}?(?:name|secret_id)[ \t]*=[ \t]*"([^"\n]{1,300})"/g;
