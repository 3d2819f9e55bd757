import { codeownersPaths, type OwnerRule, ownerRuleFor, parseCodeowners } from "../codeowners.ts";
import { type GraphEdge, type GraphIdentity, ownerNode, type Technique } from "../model.ts";

const method = "codeowners";

/** The owner of an identity is the owner of the file that it stands in. Comes after the techniques that find identities. */
export const codeowners: Technique = {
  method,
  find({ textOf }, known) {
    const path = codeownersPaths.find((one) => textOf.has(one));
    if (path === undefined) return {};
    const rules = parseCodeowners(textOf.get(path) ?? "");
    // Identities of one file have one rule: the file is looked up once, however many servers it configures.
    const decided = new Map<string, OwnerRule | undefined>();
    const ruleFor = (file: string) => {
      if (!decided.has(file)) decided.set(file, ownerRuleFor(file, rules));
      return decided.get(file);
    };
    const edges = known.flatMap((identity) => ownersOf(identity, ruleFor, path));
    return { nodes: edges.map(({ to }) => ownerNode(to.slice("owner:".length))), edges };
  },
};

function ownersOf(identity: GraphIdentity, ruleFor: (path: string) => OwnerRule | undefined, file: string): GraphEdge[] {
  return owningPlaces(identity).flatMap((path) => {
    const rule = ruleFor(path);
    return (rule?.owners ?? []).map((owner): GraphEdge => {
      const text = `${file} names ${owner} as the owner of ${path}.`;
      const evidence = [{ method, grade: "strong" as const, text, path: file, line: rule?.line ?? 1 }];
      return { from: identity.id, to: ownerNode(owner).id, relation: "owned_by", method, grade: "strong", evidence };
    });
  });
}

/** Who owns `.rekey/` owns the declarations, not what they declare; and nobody owns a session by its transcript. */
export function owningPlaces({ kind, locations }: GraphIdentity): string[] {
  return kind === "agent-instance" ? [] : locations.map(({ path }) => path).filter((path) => !path.startsWith(".rekey/"));
}
