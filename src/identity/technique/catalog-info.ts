import { readTree } from "../../agent-config/format/read.ts";
import { select } from "../../agent-config/format/tree.ts";
import { basename, dirname } from "../mention/path.ts";
import { type GraphEdge, ownerNode, type Technique } from "../model.ts";
import { owningPlaces } from "./codeowners.ts";

const method = "catalog-info";

/** Backstage's `catalog-info.yaml` names the owner of its folder (`spec.owner`, `team` or `group:default/team`); CODEOWNERS goes before it. */
export const catalogInfo: Technique = {
  method,
  find({ files }, known) {
    const owners = new Map(
      files.filter(({ path }) => isCatalogInfo(path)).map(({ path, text }) => [dirname(path), { path, owner: ownerIn(text) }]),
    );
    if (owners.size === 0) return {};
    const edges = known.flatMap((identity) =>
      owningPlaces(identity).flatMap((path): GraphEdge[] => {
        const found = foldersAbove(path).flatMap((folder) => owners.get(folder) ?? [])[0];
        if (found?.owner === undefined) return [];
        const text = `${found.path} names ${found.owner} as the owner of its folder.`;
        const evidence = [{ method, grade: "moderate" as const, text, path: found.path, line: 1 }];
        return [{ from: identity.id, to: ownerNode(found.owner).id, relation: "owned_by", method, grade: "moderate", evidence }];
      }),
    );
    return { nodes: edges.map(({ to }) => ownerNode(to.slice("owner:".length))), edges };
  },
};

export function isCatalogInfo(path: string): boolean {
  return /^catalog-info\.ya?ml$/.test(basename(path));
}

function ownerIn(text: string): string | undefined {
  const { root } = readTree(text, "yaml");
  const found = root === undefined ? [] : [...select(root, "/spec/owner"), ...select(root, "/*/spec/owner")];
  const owner = found.flatMap(({ node }) => (node.kind === "text" ? [node.value.trim()] : []))[0];
  return owner !== undefined && /^[\w.:/@-]{1,200}$/.test(owner) ? owner : undefined;
}

/** From the nearest to the top, which is the empty path. */
function foldersAbove(path: string): string[] {
  const folders: string[] = [];
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    folders.push(folder);
    if (folder === "") return folders;
  }
}
