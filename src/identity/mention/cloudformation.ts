import { readTree } from "../../agent-config/format/read.ts";
import { field, type Tree } from "../../agent-config/format/tree.ts";
import { storeEntryNode } from "../model.ts";
import { textOf } from "./kubernetes.ts";
import { lineCounter, type Mention, type MentionReader, mostMentions } from "./mention.ts";

/** A function's or container's variables; `{{resolve:secretsmanager:…}}` and `ValueFrom` say which entry holds the value. */
export const cloudformation: MentionReader = {
  takes: isTemplatePath,
  read(path, text) {
    const lineOf = lineCounter(text);
    return cloudResources(path, text)
      .flatMap(({ name, type, node, properties }): Mention[] => {
        const by = {
          kind: type.startsWith("AWS::Bedrock::Agent") ? ("agent" as const) : ("workload" as const),
          name,
          line: lineOf(node.start),
        };
        return environment(properties).map(({ variable, value }): Mention => {
          const from = entryOf(textOf(value));
          return { variable, line: lineOf(value.start), verb: "passes", by, ...(from && { from }) };
        });
      })
      .slice(0, mostMentions);
  },
};

/** Any YAML; JSON only where its name or folder says so, since most JSON of a repository is something else. */
export function isTemplatePath(path: string): boolean {
  if (path.startsWith(".github/")) return false;
  return /\.(?:ya?ml|template)$/i.test(path) || /(?:template|stack|cloudformation|cfn)[^/]{0,100}(?:\/[^/]{1,100})?\.json$/i.test(path);
}

export interface CloudResource {
  readonly name: string;
  /** `AWS::Lambda::Function`. */
  readonly type: string;
  readonly node: Tree;
  readonly properties: Tree | undefined;
}

/** The resources of a CloudFormation or SAM template; none where the file is none. */
export function cloudResources(path: string, text: string): CloudResource[] {
  if (!/["']?Type["']?:[ \t]*["']?AWS::/.test(text)) return [];
  const resources = field(readTree(text, /\.json$/i.test(path) || text.trimStart().startsWith("{") ? "json" : "yaml").root, "Resources");
  if (resources?.kind !== "map") return [];
  return resources.entries.flatMap(({ key, node }) => {
    const type = textOf(field(node, "Type"));
    return type === undefined ? [] : [{ name: key.slice(0, 200), type, node, properties: field(node, "Properties") }];
  });
}

function environment(properties: Tree | undefined): { variable: string; value: Tree }[] {
  const lambda = field(field(properties, "Environment"), "Variables");
  const containers = field(properties, "ContainerDefinitions");
  const listed = containers?.kind === "list" ? containers.items : [];
  return [
    ...(lambda?.kind === "map" ? lambda.entries.map(({ key, node }) => ({ variable: key, value: node })) : []),
    ...listed.flatMap((container) => [
      ...named(field(container, "Environment"), "Value"),
      ...named(field(container, "Secrets"), "ValueFrom"),
    ]),
  ].filter(({ variable }) => /^[A-Za-z_]\w{0,127}$/.test(variable));
}

function named(list: Tree | undefined, key: string): { variable: string; value: Tree }[] {
  if (list?.kind !== "list") return [];
  return list.items.flatMap((item) => {
    const variable = textOf(field(item, "Name"));
    const value = field(item, key);
    return variable === undefined || value === undefined ? [] : [{ variable, value }];
  });
}

/** `{{resolve:secretsmanager:prod/bot:SecretString:api_key}}`, or the entry's ARN. */
function entryOf(value: string | undefined): ReturnType<typeof storeEntryNode> | undefined {
  const dynamic = /^\{\{resolve:secretsmanager:([\w/+=.@-]{1,300})(?::SecretString(?::([\w./-]{1,100}))?)?/.exec(value ?? "");
  if (dynamic !== null) return storeEntryNode("aws-secrets-manager", dynamic[1] ?? "", dynamic[2]);
  return secretOfArn(value ?? "");
}

/** `arn:aws:secretsmanager:…:secret:prod/task-AbCdEf:key::` → the entry `prod/task` and its field `key`. */
export function secretOfArn(value: string): ReturnType<typeof storeEntryNode> | undefined {
  const arn =
    /^arn:aws[\w-]*:secretsmanager:[\w-]*:\d{12}:secret:([\w/+=.@-]{1,300}?)(?:-[A-Za-z0-9]{6})?(?::([\w./-]{1,100})(?::.*)?)?$/.exec(
      value,
    );
  return arn === null ? undefined : storeEntryNode("aws-secrets-manager", arn[1] ?? "", arn[2]);
}
