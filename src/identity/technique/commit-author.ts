import { credentialNode, type GraphIdentity, type Technique } from "../model.ts";

const method = "commit-author";

/** Accounts under which coding agents commit by themselves (identity.md 3.2, technique 7). People are never identities. */
const agents: readonly [pattern: RegExp, name: string][] = [
  [/copilot(?:-swe-agent)?\[bot\]/i, "Copilot coding agent"],
  [/devin-ai-integration\[bot\]/i, "Devin"],
  [/claude\[bot\]|noreply@anthropic\.com/i, "Claude Code"],
  [/cursoragent@cursor\.com|cursor\[bot\]/i, "Cursor agent"],
  [/google-labs-jules\[bot\]/i, "Jules"],
  [/chatgpt-codex-connector\[bot\]|codex@openai\.com/i, "Codex"],
  [/openhands@all-hands\.dev/i, "OpenHands"],
];

/** The author of the commit that brought the value in, where it is an agent. Git's author is a claim, so it is `moderate`. */
export const commitAuthor: Technique = {
  method,
  find({ findings }) {
    const found = findings.flatMap((finding) => {
      const { author, commit, path, startLine } = finding.location;
      const name =
        author === undefined
          ? undefined
          : agents.find(([pattern]) => pattern.test(`${author.name.slice(0, 200)} ${author.email.slice(0, 200)}`))?.[1];
      if (name === undefined) return [];
      const identity: GraphIdentity = { id: `agent:commit-author#${name}`, kind: "agent", name, locations: [] };
      const text = `Commit ${(commit ?? "").slice(0, 12)} names ${name} as its author.`;
      const evidence = [{ method, grade: "moderate" as const, text, ...(path === undefined ? {} : { path, line: startLine }) }];
      const edge = {
        from: credentialNode(finding).id,
        to: identity.id,
        relation: "exposed_by" as const,
        method,
        grade: "moderate" as const,
        evidence,
      };
      return [{ identity, node: credentialNode(finding), edge }];
    });
    return {
      identities: found.map(({ identity }) => identity),
      nodes: found.map(({ node }) => node),
      edges: found.map(({ edge }) => edge),
    };
  },
};
