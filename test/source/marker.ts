import { randomBytes } from "node:crypto";
import type { Document } from "../../src/document.ts";
import { type Finding, findingId } from "../../src/finding.ts";
import { committedFingerprint, fingerprint, type Keyring, Secret, scopeSalt } from "../../src/secret.ts";
import type { Scan } from "../../src/source/scanner.ts";

/** Stands for a credential in tests of the sources: `marker_` and 24 hex characters. No detector knows it. */
export function marker(): string {
  return `marker_${randomBytes(12).toString("hex")}`;
}

export const keyring: Keyring = { tenant: [scopeSalt("test")], salts: [scopeSalt("example.org/a/b")] };

/** A scan that knows markers only; what it was shown is in `seen`. */
export function markerScan(): Scan & { seen: Document["origin"][] } {
  const seen: Document["origin"][] = [];
  const scan = (document: Document): Finding[] => {
    seen.push(document.origin);
    const text = Buffer.from(document.bytes).toString("latin1");
    return [...text.matchAll(/marker_[0-9a-f]{24}/g)].map((match) => finding(document, text, match.index, match[0]));
  };
  return Object.assign(scan, { seen });
}

/** The fingerprint that `markerScan` gives a marker. */
export function fingerprintOf(value: string): string {
  return fingerprint(Secret.from(value), keyring);
}

function finding({ origin }: Document, text: string, start: number, value: string): Finding {
  const secret = Secret.from(value);
  const before = text.slice(0, start).split("\n");
  const line = before.length;
  const column = (before.at(-1)?.length ?? 0) + 1;
  const committed = committedFingerprint(secret, keyring);
  return {
    id: findingId({ committed, detector: "marker", path: origin.path }),
    detector: "marker",
    title: "Marker",
    provider: "test",
    severity: "high",
    confidence: "high",
    fingerprint: fingerprint(secret, keyring),
    committed,
    bits: 96,
    revoke: "https://example.org/revoke",
    location: {
      kind: origin.kind,
      ...(origin.path === undefined ? {} : { path: origin.path }),
      startLine: line,
      startColumn: column,
      endLine: line,
      endColumn: column + value.length,
      ...(origin.commit === undefined ? {} : { commit: origin.commit }),
      ...(origin.author === undefined ? {} : { author: origin.author }),
      ...(origin.date === undefined ? {} : { date: origin.date }),
    },
    locator: {
      source: "file",
      byteStart: start,
      byteEnd: start + value.length,
      decode: [],
      ...(origin.blob === undefined ? {} : { blob: origin.blob }),
    },
    occurrences: 1,
    identities: [],
    attributes: {},
    evidence: [],
  };
}
