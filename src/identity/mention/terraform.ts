import { field, select } from "../../agent-config/format/tree.ts";
import { storeEntryNode } from "../model.ts";
import { secretOfArn } from "./cloudformation.ts";
import { type Block, hclValue, readHcl } from "./hcl.ts";
import { textOf } from "./kubernetes.ts";
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
    const assigned = [...text.matchAll(assignment)].flatMap((match): Mention[] => {
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
    return [...assigned, ...environmentBlocks(text, lineOf), ...containers(text, names, lineOf)].slice(0, mostMentions);
  },
};

/** `env { name = "X" … }` of Cloud Run, with the entry of Secret Manager that the block names. */
function environmentBlocks(text: string, lineOf: (offset: number) => number): Mention[] {
  if (!/\benv\s*\{/.test(text)) return [];
  return readHcl(text).flatMap((resource) => {
    if (resource.type !== "resource") return [];
    const by = { kind: "workload" as const, name: resource.labels.join("."), line: lineOf(resource.start + 1) };
    return inside(resource, "env").flatMap((block): Mention[] => {
      const variable = literal(block, "name");
      if (variable === undefined || !/^[A-Za-z_]\w{0,127}$/.test(variable)) return [];
      const [reference] = inside(block, "secret_key_ref");
      const secret = reference === undefined ? undefined : (literal(reference, "secret") ?? literal(reference, "name"));
      const from = secret === undefined ? undefined : storeEntryNode("gcp-secret-manager", secret);
      return [{ variable, line: lineOf(block.start + 1), verb: "passes", by, ...(from === undefined ? {} : { from }) }];
    });
  });
}

/** `container_definitions = jsonencode([{ secrets = […], environment = […] }])` of ECS. */
function containers(text: string, names: ReadonlyMap<string, string>, lineOf: (offset: number) => number): Mention[] {
  if (!text.includes("container_definitions")) return [];
  return readHcl(text).flatMap((resource) => {
    const definitions = resource.attributes.get("container_definitions");
    if (resource.type !== "resource" || definitions === undefined) return [];
    const by = { kind: "workload" as const, name: resource.labels.join("."), line: lineOf(resource.start + 1) };
    const list = hclValue(definitions);
    return ["secrets", "environment"].flatMap((key) =>
      select(list, `/*/${key}/*`).flatMap(({ node }): Mention[] => {
        const variable = textOf(field(node, "name"));
        if (variable === undefined || !/^[A-Za-z_]\w{0,127}$/.test(variable)) return [];
        const from = entryOf(textOf(field(node, "valueFrom")) ?? "", names);
        return [{ variable, line: lineOf(node.start + 1), verb: "passes", by, ...(from === undefined ? {} : { from }) }];
      }),
    );
  });
}

/** A reference to a secret of the same file, or its ARN. */
function entryOf(value: string, names: ReadonlyMap<string, string>): ReturnType<typeof storeEntryNode> | undefined {
  const reference = /^(?:\$\{)?(?:data\.)?aws_secretsmanager_secret(?:_version)?\.([\w-]{1,100})\.arn\}?(?::([\w./-]{1,100})::)?$/.exec(
    value,
  );
  if (reference !== null) return storeEntryNode("aws-secrets-manager", names.get(reference[1] ?? "") ?? reference[1] ?? "", reference[2]);
  return secretOfArn(value);
}

function inside(block: Block, type: string): Block[] {
  return block.blocks.flatMap((inner) => (inner.type === type ? [inner] : inside(inner, type)));
}

function literal({ attributes }: Block, name: string): string | undefined {
  return /^"([\w./-]{1,200})"$/.exec(attributes.get(name)?.text ?? "")?.[1];
}

const assignment =
  /^[ \t]{1,40}"?([A-Z_][A-Z0-9_]{1,127})"?[ \t]{0,40}=[ \t]{0,40}(?:(?:data\.)?aws_secretsmanager_secret(?:_version)?\.([\w-]{1,100})|var\.[\w-]{1,100}|local\.[\w-]{1,100})/gm;
const secretName =
  /(?:data|resource)[ \t]+"aws_secretsmanager_secret(?:_version)?"[ \t]+"([\w-]{1,100})"[ \t]*\{[^{}]{0,400}?(?:name|secret_id)[ \t]*=[ \t]*"([^"\n]{1,300})"/g;
