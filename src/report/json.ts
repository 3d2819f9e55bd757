import { createHash } from "node:crypto";
import { type Finding, fingerprintableBits } from "../finding.ts";
import { ordered } from "./order.ts";

export interface ReportStats {
  /** Files, or unique blobs. */
  readonly files: number;
  readonly bytes: number;
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
  readonly complete: boolean;
  readonly clients?: readonly { readonly client: string; readonly agent: string; readonly files: number }[];
}

/** The object of contracts.md §3 (docs/scan-json.md, docs/schema/scan.schema.json), with a line end. Never holds a value. */
export function jsonReport(findings: readonly Finding[], stats: ReportStats): string {
  const { files, bytes, skipped, complete, clients } = stats;
  const report = {
    version: 1,
    findings: ordered(findings).map(publicFinding),
    stats: present({
      files,
      bytes,
      skipped: skipped.map(({ path, reason }) => ({ path, reason })),
      complete,
      clients: clients?.map(({ client, agent, files: count }) => ({ client, agent, files: count })),
    }),
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

/** A finding as others may see it: no locator, no salted twin, no estimate. The order of the keys is part of the format. */
export function publicFinding(finding: Finding): Record<string, unknown> {
  const { location, slot, verification, repair } = finding;
  return present({
    id: finding.id,
    detector: finding.detector,
    candidates: finding.candidates,
    provider: finding.provider,
    severity: finding.severity,
    confidence: finding.confidence,
    fingerprint: shownFingerprint(finding),
    subject: finding.subject,
    revoke: finding.revoke,
    validity: finding.validity,
    verification:
      verification === undefined
        ? undefined
        : present({ at: verification.at, call: verification.call, answer: verification.answer, tells: verification.tells }),
    location: present({
      kind: location.kind,
      path: location.path,
      startLine: location.startLine,
      startColumn: location.startColumn,
      endLine: location.endLine,
      endColumn: location.endColumn,
      pointer: location.pointer,
      decoded: location.decoded,
      commit: location.commit,
      author: location.author === undefined ? undefined : { name: location.author.name, email: location.author.email },
      date: location.date,
    }),
    occurrences: finding.occurrences,
    slot:
      slot === undefined ? undefined : present({ client: slot.client, pointer: slot.pointer, kind: slot.kind, variable: slot.variable }),
    identities: finding.identities.map(({ id, kind, name, relation, grade, owner }) => present({ id, kind, name, relation, grade, owner })),
    repair:
      repair === undefined
        ? undefined
        : present({ reference: repair.reference, name: repair.name, diff: repair.diff, next: repair.next, none: repair.none }),
    attributes: Object.keys(finding.attributes).length === 0 ? undefined : finding.attributes,
    evidence: finding.evidence.map(({ method, grade, text, path, line }) => present({ method, grade, text, path, line })),
  });
}

/** Under a public salt a weak value could be guessed from its fingerprint: then its place stands for it (contracts.md §2). */
function shownFingerprint({ id, bits, fingerprint }: Finding): string {
  const [form, salt] = fingerprint.split(":");
  if (form !== "rs1" || bits >= fingerprintableBits) return fingerprint;
  return `rs1:${salt}:${createHash("sha256").update(id).digest("base64url")}`;
}

function present(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
