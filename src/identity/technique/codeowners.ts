import { codeownersPaths, ownerRuleFor, parseCodeowners } from "../codeowners.ts";
import { type GraphEdge, type GraphIdentity, ownerNode, type SourceFile, type Technique } from "../model.ts";

const method = "codeowners";

/** The owner of an identity is the owner of the file that it stands in. Comes after the techniques that find identities. */
export const codeowners: Technique = {
  method,
  find({ files }, known) {
    const file = codeownersPaths.map((path) => files.find((one) => one.path === path)).find((one) => one !== undefined);
    const edges = file === undefined ? [] : known.flatMap((identity) => ownersOf(identity, file));
    return { nodes: edges.map(({ to }) => ownerNode(to.slice("owner:".length))), edges };
  },
};

function ownersOf(identity: GraphIdentity, file: SourceFile): GraphEdge[] {
  const rules = parseCodeowners(file.text);
  return identity.locations.flatMap(({ path }) => {
    const rule = ownerRuleFor(path, rules);
    return (rule?.owners ?? []).map((owner): GraphEdge => {
      const text = `${file.path} names ${owner} as the owner of ${path}.`;
      const evidence = [{ method, grade: "strong" as const, text, path: file.path, line: rule?.line ?? 1 }];
      return { from: identity.id, to: ownerNode(owner).id, relation: "owned_by", method, grade: "strong", evidence };
    });
  });
}
