/** Accounts and trailers under which coding agents commit (identity.md 3.2, technique 7). People are never identities. */
const agents: readonly [pattern: RegExp, name: string][] = [
  [/copilot(?:-swe-agent)?\[bot\]|^Copilot\b/i, "Copilot coding agent"],
  [/devin-ai-integration\[bot\]/i, "Devin"],
  [/claude\[bot\]|noreply@anthropic\.com/i, "Claude Code"],
  [/cursoragent@cursor\.com|cursor\[bot\]/i, "Cursor agent"],
  [/google-labs-jules\[bot\]/i, "Jules"],
  [/chatgpt-codex-connector\[bot\]|codex@openai\.com/i, "Codex"],
  [/openhands@all-hands\.dev/i, "OpenHands"],
];

/** The agent that an author or a co-author is; undefined for a person. */
export function agentNamed({ name, email }: { readonly name: string; readonly email: string }): string | undefined {
  const text = `${name.slice(0, 200)} ${email.slice(0, 200)}`;
  return agents.find(([pattern]) => pattern.test(text))?.[1];
}

const trailer = /^(?:co-authored-by|assisted-by|generated-by):[ \t]{0,8}([^<\n]{0,200})<?([^>\n]{0,200})>?[ \t]*$/gim;

/** The agents that the trailers of a commit's message name, each once. */
export function agentsInTrailers(message: string): string[] {
  const found = [...message.slice(-4000).matchAll(trailer)].flatMap(
    ([, name = "", email = ""]) => agentNamed({ name: name.trim(), email }) ?? [],
  );
  return [...new Set(found)];
}
