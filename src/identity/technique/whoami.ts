import type { Evidence, Finding } from "../../finding.ts";
import { type Contribution, credentialNode, type GraphNode, type Technique } from "../model.ts";

const method = "whoami";

/** What the vendor itself says of a live credential (identity.md 3.5), where somebody asked: `confirmed`. */
export const whoami: Technique = {
  method,
  find({ findings }) {
    const parts = findings.map(ofFinding);
    return {
      identities: parts.flatMap(({ identities = [] }) => identities),
      nodes: parts.flatMap(({ nodes = [] }) => nodes),
      edges: parts.flatMap(({ edges = [] }) => edges),
    };
  },
};

/** The narrowest that the vendor names is what the credential authenticates as; the wider ones are what it reaches. */
const principals = ["token", "user", "project", "team", "account", "organization"] as const;

function ofFinding(finding: Finding): Contribution {
  const { validity, verification, provider, identity: kind = "service-account", location } = finding;
  const { tells = {}, call = "" } = verification ?? {};
  const known = principals.filter((one) => nameOf(one, tells) !== undefined);
  const [principal, ...wider] = known;
  if (validity !== "active" || principal === undefined) return {};
  const credential = credentialNode(finding);
  const name = nameOf(principal, tells) ?? "";
  const id = `${kind}:${provider}/${principal}/${tells[`${principal}_id`] ?? name}`;
  const text = `${call.split(/[ /]/)[1] ?? provider} says that the credential is ${said(tells)}.`;
  const where = location.path === undefined ? {} : { path: location.path, line: location.startLine };
  const evidence: Evidence[] = [{ method, grade: "confirmed", text, ...where }];
  const resources = wider.map((one): GraphNode => {
    const resource = `${provider}/${one}/${tells[`${one}_id`] ?? nameOf(one, tells)}`;
    return { id: `resource:${resource}`, type: "resource", name: `${provider} ${one} ${nameOf(one, tells)}` };
  });
  return {
    identities: [{ id, kind, name, locations: [] }],
    nodes: [credential, ...resources],
    edges: [
      { from: credential.id, to: id, relation: "authenticates_as", method, grade: "confirmed", evidence },
      ...resources.map((node) => ({
        from: id,
        to: node.id,
        relation: "can_access" as const,
        method,
        grade: "confirmed" as const,
        evidence,
      })),
    ],
  };
}

function nameOf(principal: string, tells: Readonly<Record<string, string>>): string | undefined {
  return tells[principal] ?? tells[`${principal}_id`];
}

function said(tells: Readonly<Record<string, string>>): string {
  return Object.entries(tells)
    .map(([fact, text]) => `${fact.replaceAll("_", " ")} ${text}`)
    .join(", ");
}
