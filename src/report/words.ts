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

/** "It is active." for a sentence; nothing where nobody asked. */
export function alive({ validity }: Pick<Finding, "validity">): string {
  if (validity === undefined) return "";
  return validity === "unknown" ? "Whether it is active is not known." : `It is ${validity}.`;
}

/** "active (GET openrouter.ai/api/v1/key: 200; user 7, scopes read)"; nothing where nobody asked. */
export function validityOf({ validity, verification }: Pick<Finding, "validity" | "verification">): string {
  if (validity === undefined || verification === undefined) return validity ?? "";
  const { call, answer, tells = {} } = verification;
  const facts = Object.entries(tells).map(([fact, text]) => `${fact.replaceAll("_", " ")} ${text}`);
  return `${validity} (${[call === undefined ? answer : `${call}: ${answer}`, facts.join(", ")].filter(Boolean).join("; ")})`;
}

/** `src/a.env:3`, or the kind of place where there is no file: `commit message`. */
export function placeOf({ location }: Finding): string {
  return location.path === undefined ? location.kind.replace("-", " ") : `${location.path}:${location.startLine}`;
}
