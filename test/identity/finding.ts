import { randomBytes } from "node:crypto";
import type { Finding } from "../../src/finding.ts";
import { findingId } from "../../src/finding.ts";
import { committedFingerprint, fingerprint, type Keyring, Secret, scopeSalt } from "../../src/secret.ts";

const keyring: Keyring = { tenant: [], salts: [scopeSalt("test")] };

/** An OpenRouter key, made now. */
export function openRouterKey(): string {
  return `sk-or-v1-${randomBytes(32).toString("hex")}`;
}

/** The finding that a scan makes of a value in a text: place and fingerprint are right, the rest is what a test asks for. */
export function findingAt(path: string, text: string, value: string, more: Partial<Finding> = {}): Finding {
  const index = text.indexOf(value);
  if (index === -1) throw new Error("the text does not hold the value");
  const before = text.slice(0, index);
  const line = before.split("\n").length;
  const column = index - before.lastIndexOf("\n");
  const committed = committedFingerprint(Secret.from(value), keyring);
  const byteStart = Buffer.byteLength(before);
  return {
    id: findingId({ committed, detector: "openrouter-api-key", path }),
    detector: "openrouter-api-key",
    title: "OpenRouter API key",
    provider: "openrouter",
    severity: "high",
    confidence: "high",
    fingerprint: fingerprint(Secret.from(value), keyring),
    committed,
    bits: 256,
    revoke: "https://openrouter.ai/settings/keys",
    location: { kind: "file", path, startLine: line, startColumn: column, endLine: line, endColumn: column + value.length },
    locator: { source: "file", path, byteStart, byteEnd: byteStart + Buffer.byteLength(value), decode: [] },
    occurrences: 1,
    identities: [],
    attributes: {},
    evidence: [],
    ...more,
  };
}
