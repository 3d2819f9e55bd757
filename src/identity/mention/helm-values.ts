import { readTree } from "../../agent-config/format/read.ts";
import { field, type Tree } from "../../agent-config/format/tree.ts";
import { storeEntryNode } from "../model.ts";
import { isHelmValues } from "./helm.ts";
import { textOf } from "./kubernetes.ts";
import { lineCounter, type Mention, type MentionReader, mostMentions } from "./mention.ts";
import { basename, dirname } from "./path.ts";

/** `env`, `extraEnv`, `extraEnvVars` of a chart's values, as a list of Kubernetes' shape or as a map; the chart is the workload. */
export const helmValues: MentionReader = {
  takes: isHelmValues,
  read(path, text) {
    const lineOf = lineCounter(text);
    const by = { kind: "workload" as const, name: `chart ${basename(dirname(path)) || path}`, line: 1 };
    return environments(readTree(text, "yaml").root, 0)
      .flatMap(variables)
      .map(({ name, node, from }): Mention => ({ variable: name, line: lineOf(node.start), verb: "passes", by, ...(from && { from }) }))
      .slice(0, mostMentions);
  },
};

const lists = new Set(["env", "extraEnv", "extraEnvVars", "envVars"]);

function environments(node: Tree | undefined, depth: number): Tree[] {
  if (node?.kind !== "map" || depth > 6) return [];
  return node.entries.flatMap(({ key, node: child }) => (lists.has(key) ? [child] : environments(child, depth + 1)));
}

interface Variable {
  readonly name: string;
  readonly node: Tree;
  readonly from?: ReturnType<typeof storeEntryNode>;
}

function variables(environment: Tree): Variable[] {
  if (environment.kind === "map") return environment.entries.map(({ key, node }) => ({ name: key, node })).filter(isVariable);
  if (environment.kind !== "list") return [];
  return environment.items
    .flatMap((node): Variable[] => {
      const name = textOf(field(node, "name"));
      if (name === undefined) return [];
      const reference = field(field(node, "valueFrom"), "secretKeyRef");
      const [secret, key] = [textOf(field(reference, "name")), textOf(field(reference, "key"))];
      if (secret === undefined || key === undefined) return [{ name, node }];
      return [{ name, node, from: storeEntryNode("kubernetes", `default/${secret}`, key) }];
    })
    .filter(isVariable);
}

function isVariable({ name }: Variable): boolean {
  return /^[A-Z_][A-Z0-9_]{1,127}$/.test(name);
}
