import type { Finding } from "../../src/finding.ts";

/** A finding for reports; its fingerprints are of nothing. */
export function finding(changes: Partial<Finding> = {}): Finding {
  return {
    id: "0123456789abcdef",
    detector: "openrouter-api-key",
    title: "OpenRouter API key",
    provider: "openrouter",
    severity: "high",
    confidence: "high",
    fingerprint: `fp1:00000000:${"A".repeat(43)}`,
    committed: `rs1:11111111:${"B".repeat(43)}`,
    bits: 256,
    revoke: "https://openrouter.ai/settings/keys",
    location: { kind: "file", path: "src/a b.env", startLine: 3, startColumn: 5, endLine: 3, endColumn: 78 },
    locator: { source: "file", path: "src/a b.env", byteStart: 44, byteEnd: 117, decode: [] },
    occurrences: 1,
    identities: [],
    attributes: {},
    evidence: [{ method: "format", grade: "strong", text: "The text has the format of OpenRouter API key." }],
    ...changes,
  };
}

export const complete = { files: 2, bytes: 1_234_567, skipped: [], complete: true };
