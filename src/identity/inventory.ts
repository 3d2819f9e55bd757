import { clientFor } from "../agent-config/index.ts";
import { grants } from "./graph.ts";
import { isManifest, namesVariables } from "./technique/environment-reference.ts";

/** A file that takes part in a repository's inventory is at most this large, in bytes; larger ones are left out. */
export const largestInventoryFile = 1 << 20;

/** Folders of other people's code: what is configured there is not this repository's identity. */
const foreign = /(?:^|\/)(?:\.git|node_modules|\.venv|venv|site-packages|vendor|__pycache__)\//;

/** Whether a file of this path can say anything about identities: what an inventory job reads, per blob. */
export function isInventoryPath(path: string): boolean {
  if (foreign.test(path)) return false;
  return grants(path) || isManifest(path) || clientFor(path) !== undefined || namesVariables(path);
}

/** Whether a folder need not be entered at all. */
export function isForeignFolder(path: string): boolean {
  return foreign.test(`${path}/`);
}
