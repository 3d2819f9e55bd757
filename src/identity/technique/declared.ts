import type { Finding, Grade } from "../../finding.ts";
import { type DeclaredCredential, type DeclaredIdentities, type DeclaredIdentity, declaredId } from "../declared.ts";
import {
  type Contribution,
  credentialNode,
  type GraphEdge,
  type GraphNode,
  ownerNode,
  type StoreMatch,
  storeEntryNode,
  type Technique,
  type View,
  variableNode,
} from "../model.ts";
import { variableOf } from "../variable.ts";

const method = "declared";
/** A sponsor is no owner: apart, so that nobody takes one for the other. */
const sponsorMethod = "sponsor";

/**
 * What people wrote in `.rekey/identities.yml` of the default branch. It outranks inference. That a finding is the declared
 * credential is `confirmed` by a store match at the declared place, `strong` by the detector and the slot's variable name,
 * `moderate` by the detector alone.
 */
export const declared: Technique = {
  method,
  find(view) {
    if (view.declared === undefined) return {};
    const { declared: file } = view;
    const parts = [
      ...file.identities.map((identity) => ofIdentity(identity, file, view)),
      ...view.findings.map((finding) => ofFinding(finding, file, view)),
    ];
    return {
      identities: parts.flatMap(({ identities = [] }) => identities),
      nodes: parts.flatMap(({ nodes = [] }) => nodes),
      edges: parts.flatMap(({ edges = [] }) => edges),
    };
  },
};

function ofIdentity(identity: DeclaredIdentity, { path }: DeclaredIdentities, { scope }: View): Contribution {
  const id = declaredId(identity, scope, path);
  const where = { path, line: identity.line };
  const title = `${identity.kind} ${identity.name}`;
  const owner = identity.owner === undefined ? [] : [ownerNode(identity.owner)];
  const sponsor = identity.sponsor === undefined ? [] : [ownerNode(identity.sponsor)];
  const said = `${title} is declared to be in ${identity.environment ?? "production"}${identity.environment === undefined ? ", where nothing else is said" : ""}.`;
  const entries = identity.credentials.flatMap(({ stored_in }) =>
    stored_in.map((place) => ({
      entry: storeEntryNode(place.connection, place.path, place.field),
      variable: fieldVariable(place.field, scope),
    })),
  );
  return {
    identities: [
      {
        id,
        kind: identity.kind,
        name: identity.name,
        ...(identity.owner === undefined ? {} : { owner: identity.owner }),
        ...(identity.sponsor === undefined ? {} : { sponsor: identity.sponsor }),
        environment: {
          name: identity.environment ?? "production",
          grade: "strong",
          evidence: [{ method, grade: "strong", text: said, ...where }],
        },
        locations: [{ path, startLine: identity.line }],
      },
    ],
    nodes: [...owner, ...sponsor, ...entries.flatMap(({ entry, variable }) => [entry, ...variable])],
    edges: [
      ...owner.map((node) => edge(id, node.id, "owned_by", "strong", `${title} is declared with the owner ${node.name}.`, where)),
      ...sponsor.map((node) => ({
        ...edge(id, node.id, "owned_by", "strong", `${title} is declared with the sponsor ${node.name}.`, where),
        method: sponsorMethod,
      })),
      ...entries.flatMap(({ entry, variable }) => [
        edge(entry.id, id, "used_by", "strong", `${title} is declared to keep a credential in ${entry.name}.`, where),
        ...variable.map((node) =>
          edge(node.id, entry.id, "stored_in", "moderate", `The field of the declared store entry has the name ${node.name}.`, where),
        ),
      ]),
    ],
  };
}

/** A field that is written like a variable is one, by name. */
function fieldVariable(name: string | undefined, scope: string): GraphNode[] {
  return name !== undefined && /^[A-Z_][A-Z0-9_]*$/.test(name) ? [variableNode(scope, name)] : [];
}

interface Candidate {
  readonly identity: DeclaredIdentity;
  readonly credential: DeclaredCredential;
  readonly match: StoreMatch | undefined;
  readonly byName: boolean;
}

function ofFinding(finding: Finding, file: DeclaredIdentities, view: View): Contribution {
  const detectors = new Set([finding.detector, ...(finding.candidates ?? [])]);
  const variable = variableOf(finding, view);
  const matches = view.matchesOf(finding);
  const candidates = file.identities.flatMap((identity) =>
    identity.credentials
      .map(
        (credential): Candidate => ({
          identity,
          credential,
          match: matchAt(credential, matches),
          byName: variable !== undefined && credential.stored_in.some(({ field }) => field === variable),
        }),
      )
      .filter(({ credential, match }) => match !== undefined || detectors.has(credential.detector)),
  );
  const node = credentialNode(finding);
  const edges = candidates.map((candidate) => {
    const { grade, text } = judged(candidate, candidates, variable);
    const where = { path: file.path, line: candidate.identity.line };
    return edge(node.id, declaredId(candidate.identity, view.scope, file.path), "authenticates_as", grade, text, where);
  });
  return { nodes: edges.length === 0 ? [] : [node], edges };
}

function matchAt({ stored_in }: DeclaredCredential, matches: readonly StoreMatch[]): StoreMatch | undefined {
  return matches.find((match) =>
    stored_in.some(
      (place) =>
        place.connection === match.connection &&
        trimmed(place.path) === trimmed(match.path) &&
        (place.field === undefined || place.field === match.field),
    ),
  );
}

function judged(
  { identity, credential, match, byName }: Candidate,
  all: readonly Candidate[],
  variable: string | undefined,
): { grade: Grade; text: string } {
  const title = `${identity.kind} ${identity.name}`;
  const declares = `${title} is declared to hold a credential of the type ${credential.detector}`;
  if (match !== undefined) {
    const place = storeEntryNode(match.connection, match.path, match.field).name;
    return { grade: match.grade, text: `${declares} in ${place}, and version ${match.version} there has this value's fingerprint.` };
  }
  if (byName) {
    const rivals = all.filter((other) => other.byName && other.identity !== identity).length;
    const text = `${declares}, in a field that is named as the variable here, ${variable ?? ""}.`;
    return rivals === 0 ? { grade: "strong", text } : { grade: "moderate", text: `${text} Others are declared with the same name.` };
  }
  const rivals = new Set(all.map((other) => other.identity)).size - 1;
  if (rivals > 0) return { grade: "weak", text: `${declares}, as ${rivals === 1 ? "one other is" : `${rivals} others are`}.` };
  return { grade: "moderate", text: `${declares}; nothing but the type ties it to this value.` };
}

function trimmed(path: string): string {
  return path.replace(/^\/+|\/+$/g, "");
}

function edge(
  from: string,
  to: string,
  relation: GraphEdge["relation"],
  grade: Grade,
  text: string,
  where: { path: string; line: number },
): GraphEdge {
  return { from, to, relation, method, grade, evidence: [{ method, grade, text, ...where }] };
}
