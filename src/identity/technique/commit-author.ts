import type { Finding } from "../../finding.ts";
import { agentNamed } from "../agent-names.ts";
import { edgesOf, joined } from "../edge.ts";
import { type Contribution, credentialNode, type GraphIdentity, type Technique } from "../model.ts";

const method = "commit-author";
const edge = edgesOf(method);

/** An agent that made the commit which brought the value in, as its author or by its trailers. Both are claims, so they are `moderate`. */
export const commitAuthor: Technique = {
  method,
  find: ({ findings }) => joined(findings.map(ofFinding)),
};

function ofFinding(finding: Finding): Contribution {
  const { author, agents = [], commit = "" } = finding.location;
  const own = author === undefined ? undefined : agentNamed(author);
  const said = new Map([
    ...agents.map((name) => [name, `A trailer of commit ${commit.slice(0, 12)} says that ${name} had a part in it.`] as const),
    ...(own === undefined ? [] : [[own, `Commit ${commit.slice(0, 12)} names ${own} as its author.`] as const]),
  ]);
  return joined([...said].map(([name, text]) => exposedBy(finding, name, text)));
}

function exposedBy(finding: Finding, name: string, text: string): Contribution {
  const identity: GraphIdentity = { id: `agent:commit-author#${name}`, kind: "agent", name, locations: [] };
  const node = credentialNode(finding);
  const { path, startLine } = finding.location;
  const made = edge(node.id, "exposed_by", identity.id, "moderate", text, { path: path ?? "", line: startLine });
  const evidence = path === undefined ? made.evidence.map(({ path: _path, line: _line, ...rest }) => rest) : made.evidence;
  return { identities: [identity], nodes: [node], edges: [{ ...made, evidence }] };
}
