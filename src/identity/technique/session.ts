import type { Finding } from "../../finding.ts";
import { type Leaf, openTranscript } from "../../transcript/index.ts";
import { type Contribution, credentialNode, type Technique, type View } from "../model.ts";

const method = "session";

/** A value in a transcript was exposed by that session of an agent; who spoke decides what to do about it (identity.md 2.1). */
export const session: Technique = {
  method,
  find(view) {
    const parts = [...Map.groupBy(view.findings, ({ location }) => location.path)].map(([path, findings]) => ofFile(path, findings, view));
    return {
      identities: parts.flatMap(({ identities = [] }) => identities),
      nodes: parts.flatMap(({ nodes = [] }) => nodes),
      edges: parts.flatMap(({ edges = [] }) => edges),
    };
  },
};

function ofFile(path: string | undefined, findings: readonly Finding[], { textOf }: View): Contribution {
  const text = path === undefined ? undefined : textOf.get(path);
  const opened = path === undefined || text === undefined ? undefined : openTranscript(path, text);
  if (path === undefined || opened === undefined) return {};
  const found = new Map<Finding, Leaf>();
  for (const leaf of opened.leaves) {
    if (leaf.session === undefined) continue;
    for (const finding of findings) if (!found.has(finding) && holds(leaf, finding)) found.set(finding, leaf);
  }
  return {
    identities: [...found].map(([{ location }, leaf]) => ({
      id: instanceId(opened.format, leaf),
      kind: "agent-instance",
      name: `${opened.format} session ${leaf.session ?? ""}`,
      locations: [{ path, startLine: location.startLine }],
    })),
    nodes: [...found.keys()].map(credentialNode),
    edges: [...found].map(([finding, leaf]) => ({
      from: credentialNode(finding).id,
      to: instanceId(opened.format, leaf),
      relation: "exposed_by",
      method,
      grade: "strong",
      evidence: [{ method, grade: "strong", text: sentence(leaf), path, line: finding.location.startLine }],
    })),
  };
}

function holds(leaf: Leaf, { location, locator }: Finding): boolean {
  if (leaf.pointer !== undefined && location.pointer !== undefined) return leaf.pointer === location.pointer;
  return leaf.byteStart <= locator.byteStart && locator.byteEnd <= leaf.byteEnd;
}

function instanceId(format: string, { session: id = "" }: Leaf): string {
  return `agent-instance:${format}:${id}`;
}

function sentence({ role, tool, turn, session: id = "" }: Leaf): string {
  const place = `turn ${turn ?? 0} of session ${id}`;
  const by = tool === undefined ? "" : ` ${tool}`;
  if (role === "tool") return `A tool${by} returned the value in ${place}: the agent read it somewhere.`;
  if (role === "assistant")
    return `The agent wrote the value${tool === undefined ? "" : ` into a call of ${tool}`} in ${place}: it went on from there.`;
  if (role === "user") return `A person gave the value to the agent in ${place}.`;
  return `The value stands in ${place}.`;
}
