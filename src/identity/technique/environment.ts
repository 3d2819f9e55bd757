import { readTree } from "../../agent-config/format/read.ts";
import { field, select } from "../../agent-config/format/tree.ts";
import { withoutValues } from "../../agent-config/slot/mask.ts";
import type { Grade } from "../../finding.ts";
import { textOf } from "../mention/kubernetes.ts";
import { lineCounter } from "../mention/mention.ts";
import type { GraphIdentity, Technique, View } from "../model.ts";

const method = "environment";

/**
 * Where an identity runs: a job's `environment`, a namespace, a folder or a file that is named so. Shown to people; what lowers an
 * approval is only what is declared.
 */
export const environment: Technique = {
  method,
  find(view, known) {
    const jobs = jobEnvironments(view);
    return { identities: known.flatMap((identity) => (identity.environment === undefined ? placed(identity, jobs) : [])) };
  },
};

function placed(identity: GraphIdentity, jobs: ReadonlyMap<string, NonNullable<GraphIdentity["environment"]>>): GraphIdentity[] {
  const said = jobs.get(identity.id) ?? byPlace(identity);
  return said === undefined ? [] : [{ ...identity, environment: said }];
}

/** `environment: production` of a GitHub Actions job, by the job's id. */
function jobEnvironments({ files, scope }: View): Map<string, NonNullable<GraphIdentity["environment"]>> {
  const found = new Map<string, NonNullable<GraphIdentity["environment"]>>();
  for (const { path, text } of files) {
    if (!/(?:^|\/)\.github\/workflows\/[^/]+\.ya?ml$/.test(path) || !text.includes("environment:")) continue;
    const lineOf = lineCounter(text);
    const { root } = readTree(text, "yaml");
    for (const { node, path: at } of root === undefined ? [] : select(root, "/jobs/*")) {
      const given = field(node, "environment");
      const name = textOf(given) ?? textOf(field(given, "name"));
      if (given === undefined || name === undefined || name.includes("${")) continue;
      const job = at.at(-1) ?? "";
      found.set(`ci-job:${scope}#${path}#${job}`, {
        ...environmentNamed(name, "strong", `The job ${job} runs in the environment ${name}.`, { path, line: lineOf(given.start) }),
      });
    }
  }
  return found;
}

const names: readonly [pattern: RegExp, name: string][] = [
  [/^(?:prod|production|live|prd)$/, "production"],
  [/^(?:stag(?:e|ing)|preprod|pre-prod|uat)$/, "staging"],
  [/^(?:dev|development|local|sandbox)$/, "development"],
  [/^(?:test|testing|qa|e2e|ci)$/, "test"],
];

/** All places must agree; a word of a path counts where it stands alone between `/`, `.`, `-` and `_`. */
function byPlace({ kind, name, locations }: GraphIdentity): GraphIdentity["environment"] {
  const [first] = locations;
  if (first === undefined || kind === "agent-instance") return undefined;
  const found = locations.map(({ path }) => wordIn(path) ?? (kind === "service-account" ? wordIn(name) : undefined));
  const [word] = found;
  if (word === undefined || found.some((other) => other?.means !== word.means)) return undefined;
  return environmentNamed(word.means, "moderate", `${first.path} has the word ${word.word} in its path.`, {
    path: first.path,
    line: first.startLine,
  });
}

function wordIn(text: string): { word: string; means: string } | undefined {
  for (const word of text.toLowerCase().split(/[/._-]/)) {
    const means = names.find(([pattern]) => pattern.test(word))?.[1];
    if (means !== undefined) return { word, means };
  }
  return undefined;
}

function environmentNamed(
  name: string,
  grade: Grade,
  text: string,
  where: { path: string; line: number },
): NonNullable<GraphIdentity["environment"]> {
  return { name: withoutValues(name.slice(0, 100)), grade, evidence: [{ method, grade, text: withoutValues(text), ...where }] };
}
