import { type Manifest, type SinkManifest, sinkConnection, type Verb } from "../driver.ts";
import type { Playbook } from "./schema.ts";

/**
 * The verbs that a playbook needs of its driver: those of its steps, the list by which it names the credential, and what takes a step
 * back (an undo deletes what was issued and enables what was disabled).
 */
export function verbsOf(playbook: Playbook, { type, verbs }: Manifest): Verb[] {
  const family = type.split("/")[0] ?? type;
  const asked = playbook.steps.flatMap(({ uses }) => {
    const [driver, verb] = uses.replace(/@1$/, "").split("/");
    return driver === family && verb !== undefined ? [verb as Verb] : [];
  });
  const implied: Verb[] = asked.flatMap(
    (verb) => ({ issue: ["list", "revoke"], disable: ["list", "enable"], revoke: ["list"] })[verb as string] ?? [],
  ) as Verb[];
  return [...new Set([...asked, ...implied])].filter((verb) => verbs[verb] !== undefined);
}

/** What a connection must be allowed for exactly these playbooks, by verb; `stored` for a secret manager. */
export interface NeededRights {
  readonly verb: string;
  readonly rights: readonly string[];
}

export function rightsOf(
  playbooks: readonly Playbook[],
  manifests: readonly Manifest[],
  sinks: readonly SinkManifest[],
  type: string,
): NeededRights[] {
  const needed = new Map<string, Set<string>>();
  const add = (verb: string, rights: readonly string[]) => needed.set(verb, new Set([...(needed.get(verb) ?? []), ...rights]));
  for (const manifest of manifests) {
    for (const playbook of playbooks.filter(({ match }) => match.credential.some((id) => manifest.detectors.includes(id)))) {
      for (const verb of verbsOf(playbook, manifest)) add(verb, manifest.rights?.[verb] ?? []);
    }
  }
  for (const sink of sinks) if (sinkConnection(sink) === type) add("store", sink.rights ?? []);
  return [...needed].map(([verb, rights]) => ({ verb, rights: [...rights] }));
}

/** The least policy in the vendor's own form: IAM JSON for AWS, HCL for Vault, a list of sentences elsewhere. */
export function renderPolicy(type: string, needed: readonly NeededRights[]): string {
  const rights = [...new Set(needed.flatMap(({ rights: of }) => of))].sort();
  if (rights.length === 0) return "";
  if (type === "aws") {
    const statements = Map.groupBy(rights, (right) => right.split(" ")[1] ?? "*");
    const Statement = [...statements].map(([Resource, of]) => ({
      Effect: "Allow",
      Action: of.map((right) => right.split(" ")[0]),
      Resource,
    }));
    return `${JSON.stringify({ Version: "2012-10-17", Statement }, null, 2)}\n`;
  }
  if (type !== "vault") return rights.map((right) => `- ${right}\n`).join("");
  const paths = new Map<string, Set<string>>();
  for (const right of rights) {
    const [path = "", capabilities = ""] = right.split(": ");
    paths.set(path, new Set([...(paths.get(path) ?? []), ...capabilities.split(", ")]));
  }
  return [...paths]
    .map(
      ([path, of]) =>
        `path "${path}" { capabilities = [${[...of]
          .sort()
          .map((one) => `"${one}"`)
          .join(", ")}] }\n`,
    )
    .join("");
}
