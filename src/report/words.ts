import type { Finding } from "../finding.ts";

/** `revoke` as advice for a person: a page, or a sentence. */
export function advice({ revoke }: Pick<Finding, "revoke">): string {
  return revoke.replace(/^none: /, "");
}

/** "Used by mcp-server search, owner @mara (strong)." of the strongest identity; nothing where none is known. */
export function whose({ identities: [first] }: Finding): string {
  if (first === undefined) return "";
  const owner = first.owner === undefined ? "" : `, owner ${first.owner}`;
  const relation = { authenticates_as: "Authenticates as", used_by: "Used by", exposed_by: "Exposed by" }[first.relation];
  return `${relation} ${first.kind} ${first.name}${owner} (${first.grade}).`;
}

/** `src/a.env:3`, or the kind of place where there is no file: `commit message`. */
export function placeOf({ location }: Finding): string {
  return location.path === undefined ? location.kind.replace("-", " ") : `${location.path}:${location.startLine}`;
}
