import { credentialNode, storeEntryNode, type Technique } from "../model.ts";

const method = "store-match";

/** A secret manager holds a value with the finding's fingerprint: the inventory job says so, this only draws it. */
export const storeMatch: Technique = {
  method,
  find({ findings, matchesOf }) {
    const pairs = findings.flatMap((finding) => matchesOf(finding).map((match) => ({ finding, match })));
    const drawn = pairs.map(({ finding, match }) => {
      const [credential, entry] = [credentialNode(finding), storeEntryNode(match.connection, match.path, match.field)];
      const text = `Version ${match.version} of ${entry.name} has this value's fingerprint.`;
      return {
        nodes: [credential, entry],
        edge: {
          from: credential.id,
          to: entry.id,
          relation: "stored_in" as const,
          method,
          grade: match.grade,
          evidence: [{ method, grade: match.grade, text }],
        },
      };
    });
    return { nodes: drawn.flatMap(({ nodes }) => nodes), edges: drawn.map(({ edge }) => edge) };
  },
};
