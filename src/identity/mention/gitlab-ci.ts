import { readTree } from "../../agent-config/format/read.ts";
import { field, type Tree } from "../../agent-config/format/tree.ts";
import { storeEntryNode } from "../model.ts";
import { textOf } from "./kubernetes.ts";
import { lineCounter, type Mention, type MentionReader, mostMentions } from "./mention.ts";
import { basename } from "./path.ts";

/** Top-level keys that are no jobs (docs.gitlab.com/ci/yaml). */
const keywords = new Set(["default", "include", "stages", "variables", "workflow", "image", "services", "cache", "spec", "pages"]);

/**
 * A job of GitLab CI: `secrets:` takes a variable from Vault or AWS Secrets Manager, `variables:` gives it a value. Names that
 * GitLab itself sets hold no credential of the project.
 */
export const gitlabCi: MentionReader = {
  takes: (path) => /^\.gitlab-ci(?:[.-][\w-]{1,60})?\.ya?ml$/.test(basename(path)) || /(?:^|\/)\.gitlab\/ci\/[^/]+\.ya?ml$/.test(path),
  read(_path, text) {
    const lineOf = lineCounter(text);
    const { root } = readTree(text, "yaml");
    if (root?.kind !== "map") return [];
    return root.entries
      .filter(({ key, node }) => !keywords.has(key) && !key.startsWith(".") && isJob(node))
      .flatMap(({ key, node }): Mention[] => {
        const by = { kind: "ci-job" as const, name: key.slice(0, 200), line: lineOf(node.start) };
        const own = [...entriesOf(field(node, "variables")), ...entriesOf(field(node, "secrets"))];
        const passed = own.map(({ key: variable, node: value }): Mention => {
          const from = entryOf(value);
          return { variable, line: lineOf(value.start), verb: "passes", by, ...(from && { from }) };
        });
        const named = new Set(own.map(({ key: variable }) => variable));
        const read = ["script", "before_script", "after_script"].flatMap((part) => scripts(field(node, part)));
        const used = read.flatMap((line) =>
          [...line.value.matchAll(/\$\{?([A-Z][A-Z0-9_]{2,127})\b/g)].flatMap((match): Mention[] => {
            const variable = match[1] ?? "";
            if (
              named.has(variable) ||
              /^(?:CI|GITLAB)(?:_|$)/.test(variable) ||
              !/(?:KEY|TOKEN|SECRET|PASSWORD|CREDENTIALS?)/.test(variable)
            )
              return [];
            named.add(variable);
            return [{ variable, line: lineOf(line.start), verb: "reads", by }];
          }),
        );
        return [...passed, ...used];
      })
      .slice(0, mostMentions);
  },
};

function isJob(node: Tree): boolean {
  return ["script", "trigger", "extends", "run"].some((key) => field(node, key) !== undefined);
}

function entriesOf(node: Tree | undefined): { key: string; node: Tree }[] {
  return node?.kind === "map" ? node.entries.filter(({ key }) => /^[A-Za-z_]\w{0,127}$/.test(key)) : [];
}

function scripts(node: Tree | undefined): { value: string; start: number }[] {
  if (node?.kind === "text") return [node];
  return node?.kind === "list" ? node.items.flatMap((item) => (item.kind === "text" ? [item] : [])) : [];
}

/** `vault: production/db/password@ops` → field `password` at `production/db` of the mount `ops`; or the long form. */
function entryOf(secret: Tree): ReturnType<typeof storeEntryNode> | undefined {
  const vault = field(secret, "vault");
  const short = textOf(vault);
  if (short !== undefined) {
    const [, path = "", name = "", mount = "kv-v2"] = /^(.{1,200})\/([^/@]{1,100})(?:@(.{1,100}))?$/.exec(short) ?? [];
    return path === "" ? undefined : storeEntryNode("vault", `${mount}/${path}`, name);
  }
  const [path, name] = [textOf(field(vault, "path")), textOf(field(vault, "field"))];
  if (path !== undefined) return storeEntryNode("vault", `${textOf(field(field(vault, "engine"), "path")) ?? "kv-v2"}/${path}`, name);
  const aws = field(secret, "aws_secrets_manager");
  const id = textOf(aws) ?? textOf(field(aws, "secret_id"));
  if (id === undefined) return undefined;
  const [entry = id, own] = id.split("#");
  return storeEntryNode("aws-secrets-manager", entry, textOf(field(aws, "field")) ?? own);
}
