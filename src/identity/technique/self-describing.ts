import type { Evidence, Finding, Grade, IdentityKind } from "../../finding.ts";
import { type Contribution, credentialNode, type GraphNode, type Technique } from "../model.ts";

const method = "self-describing";

/** What the credential says of itself (identity.md 3.3), from the finding's attributes, which the scan decodes while the value is in memory. */
export const selfDescribing: Technique = {
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

/**
 * `inside`: the name is a part of the value. A name that only stands beside it is `weak` until the vendor accepted the pair
 * (contracts.md §8): anybody can write a production key id next to junk.
 */
interface Self {
  readonly inside: boolean;
  readonly kind: IdentityKind;
  readonly native: string;
  readonly name: string;
  readonly text: string;
  readonly resource?: string;
}

function ofFinding(finding: Finding): Contribution {
  const self = describe(finding);
  if (self === undefined) return {};
  const credential = credentialNode(finding);
  const { path, startLine } = finding.location;
  const id = `${self.kind}:${self.native}`;
  const grade: Grade = self.inside || finding.validity === "active" ? "strong" : "weak";
  const evidence: Evidence[] = [{ method, grade, text: self.text, ...(path === undefined ? {} : { path, line: startLine }) }];
  const resource: GraphNode[] =
    self.resource === undefined ? [] : [{ id: `resource:${self.resource}`, type: "resource", name: self.resource }];
  return {
    identities: [{ id, kind: self.kind, name: self.name, locations: [] }],
    nodes: [credential, ...resource],
    edges: [
      { from: credential.id, to: id, relation: "authenticates_as", method, grade, evidence },
      ...resource.map((node) => ({ from: id, to: node.id, relation: "can_access" as const, method, grade, evidence })),
    ],
  };
}

function describe({ attributes, identity, title }: Finding): Self | undefined {
  const { client_email: email, sub, iss, user, host, database, account_id: account } = attributes;
  if (email !== undefined)
    return { inside: false, kind: "service-account", native: email, name: email, text: `The key file names the service account ${email}.` };
  if (sub !== undefined) {
    const native = iss === undefined ? sub : `${iss}#${sub}`;
    return {
      inside: true,
      kind: kindOfSubject(sub, identity),
      native,
      name: sub,
      text: `The token's own claims name ${sub}${iss === undefined ? "" : ` of ${iss}`}; its signature was not checked.`,
    };
  }
  const keyId = attributes["key_id"] ?? attributes["id"];
  if (account !== undefined && keyId !== undefined) {
    return {
      inside: false,
      kind: "service-account",
      native: `aws:${account}:${keyId}`,
      name: keyId,
      text: `The key id holds the AWS account ${account}.`,
      resource: `aws:account/${account}`,
    };
  }
  if (user !== undefined && host !== undefined) {
    const place = `${host}${attributes["port"] === undefined ? "" : `:${attributes["port"]}`}`;
    const resource = `${place}${database === undefined || database === "" ? "" : `/${database}`}`;
    return {
      inside: false,
      kind: "service-account",
      native: `${user}@${place}`,
      name: `${user}@${place}`,
      text: `${title}: the connection string names the user ${user} at ${place}.`,
      resource,
    };
  }
  return undefined;
}

function kindOfSubject(subject: string, declared: IdentityKind | undefined): IdentityKind {
  if (subject.startsWith("system:serviceaccount:")) return "service-account";
  if (subject.startsWith("spiffe://")) return "workload";
  if (subject.startsWith("repo:")) return "ci-job";
  return declared ?? "service-account";
}
