import { randomBytes } from "node:crypto";
import type { Finding } from "../../src/finding.ts";

/** A finding as a scan gives it, of a credential that no other test has. */
export function finding(change: Partial<Finding> = {}): Finding {
  const random = randomBytes(16).toString("base64url");
  return {
    id: randomBytes(8).toString("hex"),
    detector: "openrouter-api-key",
    title: "OpenRouter API key",
    provider: "openrouter",
    severity: "high",
    confidence: "high",
    fingerprint: `fp1:test:${random}`,
    committed: `rs1:00000000:${random}`,
    bits: 250,
    revoke: "https://openrouter.ai/settings/keys",
    location: { kind: "file", path: ".mcp.json", startLine: 7, startColumn: 9, endLine: 7, endColumn: 82 },
    locator: {
      source: "git",
      repository: "github.com/acme/agents",
      path: ".mcp.json",
      blob: random,
      byteStart: 100,
      byteEnd: 173,
      decode: [],
    },
    occurrences: 1,
    identities: [],
    attributes: {},
    evidence: [],
    ...change,
  };
}
