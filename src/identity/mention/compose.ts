import { readTree } from "../../agent-config/format/read.ts";
import { field, type Tree } from "../../agent-config/format/tree.ts";
import { dotenv } from "./dotenv.ts";
import { textOf } from "./kubernetes.ts";
import { lineCounter, type Mention, type MentionContext, type MentionReader, mostMentions } from "./mention.ts";
import { basename, dirname, resolved } from "./path.ts";

/** A service of Docker Compose uses the variables of its `environment`, and those that `${X}` passes through. */
export const compose: MentionReader = {
  takes: (path) => /^(?:docker-)?compose(?:[.-][\w.-]{1,60})?\.ya?ml$/.test(basename(path)),
  read(path, text, context) {
    const lineOf = lineCounter(text);
    const services = field(readTree(text, "yaml").root, "services");
    if (services?.kind !== "map") return [];
    return services.entries
      .flatMap(({ key, node }) => {
        const by = { kind: "workload" as const, name: key.slice(0, 200), line: lineOf(node.start) };
        const own = variables(field(node, "environment")).map(
          ({ name, offset }): Mention => ({ variable: name, line: lineOf(offset), verb: "passes", by }),
        );
        const files = field(node, "env_file");
        return [...own, ...envFiles(files).flatMap((file) => fromFile(file, path, context, by, lineOf(files?.start ?? node.start)))];
      })
      .slice(0, mostMentions);
  },
};

/** `env_file: a.env`, `[a.env]`, `[{ path: a.env }]` */
function envFiles(node: Tree | undefined): string[] {
  const items = node?.kind === "list" ? node.items : node === undefined ? [] : [node];
  return items.flatMap((item) => textOf(item) ?? textOf(field(item, "path")) ?? []).slice(0, 50);
}

/** The service is given all that the file sets. */
function fromFile(file: string, path: string, context: MentionContext, by: Mention["by"], line: number): Mention[] {
  const at = resolved(dirname(path), file);
  const text = at === undefined ? undefined : context.textOf.get(at);
  if (at === undefined || text === undefined || by === undefined) return [];
  return dotenv.read(at, text, context).map(({ variable = "" }) => ({ variable, line, verb: `is given ${at}, and with it`, by }));
}

function variables(environment: Tree | undefined): { name: string; offset: number }[] {
  if (environment?.kind === "map")
    return environment.entries.flatMap(({ key, node }) => [{ name: key, offset: node.start }, ...passed(node)]);
  if (environment?.kind !== "list") return [];
  return environment.items.flatMap((item) => {
    if (item.kind !== "text") return [];
    const name = item.value.split("=")[0]?.trim() ?? "";
    return [{ name, offset: item.start }, ...passed(item)].filter((one) => /^[A-Za-z_]\w{0,127}$/.test(one.name));
  });
}

function passed(node: Tree): { name: string; offset: number }[] {
  if (node.kind !== "text") return [];
  return [...node.value.matchAll(/\$\{?([A-Z_][A-Z0-9_]{0,127})/g)].map((match) => ({ name: match[1] ?? "", offset: node.start }));
}
