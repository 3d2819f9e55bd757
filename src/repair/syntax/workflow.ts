import { readTree } from "../../agent-config/format/read.ts";
import type { Syntax } from "../syntax.ts";
import { placeAt, yamlEdit } from "../yaml.ts";

/** GitHub Actions: https://docs.github.com/actions/security-for-github-actions/security-guides/using-secrets-in-github-actions. */
export const workflow: Syntax = {
  takes: ({ path }) => /(?:^|\/)\.github\/workflows\/[^/]+\.ya?ml$/.test(path),
  rewrite(target) {
    const name = target.variable.toUpperCase().replace(/^GITHUB_/, "GH_"); // names that begin with GITHUB_ are GitHub's own
    const reference = `\${{ secrets.${name} }}`;
    const place = placeAt(readTree(target.text, "yaml").root, target.start, target.end);
    if (place !== undefined && !maySecrets(place.path))
      return { none: "GitHub Actions gives no secrets to this key; move the value into env or with of a job" };
    const edit = yamlEdit(target, reference);
    if (edit === undefined) return { none: "the value stands in a comment, or where GitHub Actions expands nothing; delete it there" };
    return { edits: [edit], reference, name, next: [`Store the new value as a secret of the repository: gh secret set ${name}`] };
  },
};

/** https://docs.github.com/actions/reference/workflows-and-actions/contexts#context-availability */
function maySecrets(path: readonly string[]): boolean {
  if (path[0] === "env") return true;
  if (path[0] !== "jobs") return false;
  return path.some((key) => key === "env" || key === "with" || key === "secrets" || key === "run" || key === "credentials");
}
