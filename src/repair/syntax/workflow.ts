import { readTree } from "../../agent-config/format/read.ts";
import { field } from "../../agent-config/format/tree.ts";
import type { Syntax } from "../syntax.ts";
import { yamlEdit } from "../yaml.ts";

/** GitHub Actions: https://docs.github.com/actions/security-for-github-actions/security-guides/using-secrets-in-github-actions. */
export const workflow: Syntax = {
  takes: ({ path }) => /(?:^|\/)\.github\/workflows\/[^/]+\.ya?ml$/.test(path),
  rewrite(target) {
    const name = target.variable.toUpperCase().replace(/^GITHUB_/, "GH_"); // names that begin with GITHUB_ are GitHub's own
    const reference = `\${{ secrets.${name} }}`;
    if (field(readTree(target.text, "yaml").root, "jobs") === undefined)
      return { none: "this file is no workflow with jobs, and only those may read secrets" };
    const edit = yamlEdit(target, reference);
    if (edit === undefined) return { none: "the value stands in a comment, or where GitHub Actions expands nothing; delete it there" };
    return { edits: [edit], reference, name, next: [`Store the new value as a secret of the repository: gh secret set ${name}`] };
  },
};
