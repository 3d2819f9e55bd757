import { createHash } from "node:crypto";
import type { LocationKind, Locator } from "./document.ts";

export type Severity = "critical" | "high" | "medium" | "low" | "info";
export type Confidence = "high" | "medium" | "low";
/** GitHub secret scanning's words. */
export type Validity = "active" | "inactive" | "unknown";
/** How far evidence binds: the provider or store says so; exact structural binding; name-based join; proximity. */
export type Grade = "confirmed" | "strong" | "moderate" | "weak";

export type IdentityKind =
  | "agent"
  | "agent-instance"
  | "mcp-server"
  | "tool"
  | "model-endpoint"
  | "model-api-key"
  | "retrieval-store"
  | "service-account"
  | "cloud-role"
  | "ci-job"
  | "workload"
  | "app-installation"
  | "oauth-client"
  | "human-token";

/** What a credential slot of an agent config holds, read with that client's own grammar (identity.md 1.1). */
export type SlotKind = "literal" | "default_literal" | "mixed" | "reference" | "dead_reference" | "placeholder" | "names_only";

export interface Slot {
  /** `claude-code`, `cursor`, … : the name of the file in src/agent-config. */
  readonly client: string;
  /** JSON pointer (RFC 6901) of the slot, also for TOML and YAML. */
  readonly pointer: string;
  readonly kind: SlotKind;
  /** The environment variable that the slot sets or names. */
  readonly variable?: string;
}

/** How a validity was found out, or why it was not. Never holds a value. */
export interface Verification {
  /** ISO 8601 UTC. */
  readonly at: string;
  /** What was sent and where, `GET openrouter.ai/api/v1/key`; absent = nothing was sent. */
  readonly call?: string;
  /** Status and the vendor's own code (`401 invalid_api_key`), or in words why there is no answer. */
  readonly answer: string;
  /** What the same answer told of the credential: `user`, `organization`, `scopes`, `expires`, … */
  readonly tells?: Readonly<Record<string, string>>;
}

/** How a value is to be written in its file instead; never the value. */
export interface ShownRepair {
  /** In the file's own syntax: `${env:X}`. */
  readonly reference?: string;
  /** The variable, or the entry of the platform's store, that it names. */
  readonly name?: string;
  /** `- ` and `+ ` lines; a removed one has `…` where a value stood. */
  readonly diff?: readonly string[];
  /** Where the value must now be put, in sentences. */
  readonly next?: readonly string[];
  /** Why there is no automatic repair. */
  readonly none?: string;
}

export interface Evidence {
  /** `checksum`, `entropy`, `config-slot`, `store-match`, `codeowners`, … : kebab-case, stable. */
  readonly method: string;
  readonly grade: Grade;
  /** One sentence for a person. Never the value. */
  readonly text: string;
  readonly path?: string;
  readonly line?: number;
}

/** Lines and columns are 1-based, columns in UTF-16 units, the end exclusive: the narrowest value that grants access. */
export interface Location {
  readonly kind: LocationKind;
  readonly path?: string;
  readonly startLine: number;
  readonly startColumn: number;
  readonly endLine: number;
  readonly endColumn: number;
  readonly pointer?: string;
  readonly decoded?: readonly string[];
  readonly commit?: string;
  readonly author?: { readonly name: string; readonly email: string };
  /** Coding agents that the commit's trailers name. */
  readonly agents?: readonly string[];
  /** Committer date, ISO 8601 UTC. */
  readonly date?: string;
}

/** A link from a finding to an AI identity, strongest first in a list. */
export interface IdentityLink {
  readonly id: string;
  readonly kind: IdentityKind;
  readonly name: string;
  readonly relation: "authenticates_as" | "used_by" | "exposed_by";
  readonly grade: Grade;
  readonly owner?: string;
}

/** Something that a leaked credential opens, or somebody who breaks when it dies. */
export interface ReachedThing {
  readonly relation: "opens" | "breaks";
  /** An identity's kind, or `resource`. */
  readonly kind: string;
  readonly name: string;
  readonly access: "standing" | "temporary" | "inherited" | "delegated";
  readonly grade: Grade;
  /** The chain of evidence, one sentence for each step. */
  readonly why: readonly Evidence[];
}

/** A credential seen at a place. Never holds the value. */
export interface Finding {
  /** Committed fingerprint, subject, detector, path and pointer, hashed: see `findingId`. */
  readonly id: string;
  readonly detector: string;
  /** The detector's title for people: "Anthropic API key". */
  readonly title: string;
  /** Detector ids, when the format is ambiguous. */
  readonly candidates?: readonly string[];
  readonly provider: string;
  readonly severity: Severity;
  readonly confidence: Confidence;
  /** `fp1:…`, or `rs1:…` where there is no tenant key. */
  readonly fingerprint: string;
  /** The same value under the tenant's older keys, while a key is rotated: what is known under one of them is the same credential. */
  readonly aliases?: readonly string[];
  /** Of the value's SHA-256, where a gateway names keys so: joins its calls to this credential (`hashFingerprint`). */
  readonly hashed?: string;
  /** `rs1:…` */
  readonly committed: string;
  /** Estimated entropy of the value, bits. Under 40: identified by place, never joined. Under 64: no committed fingerprint is written. */
  readonly bits: number;
  readonly subject?: string;
  readonly revoke: string;
  readonly identity?: IdentityKind;
  readonly validity?: Validity;
  readonly verification?: Verification;
  readonly repair?: ShownRepair;
  readonly location: Location;
  readonly locator: Locator;
  readonly occurrences: number;
  readonly slot?: Slot;
  readonly identities: readonly IdentityLink[];
  /** The blast radius, strongest first; absent where nobody has looked. */
  readonly reach?: readonly ReachedThing[];
  /** Non-secret parts and decoded fields: account id, host, key id. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly evidence: readonly Evidence[];
  /** Set where an inline `rekey:allow <reason>` stands on the line; the reporter filters, `explain` shows. */
  readonly allowed?: string;
  /** Numbers of the detector's exceptions that hold where its path or commit is theirs (src/scan/exceptions.ts). */
  readonly exceptions?: readonly number[];
  /** The how-manieth finding of this detector (and pointer) in its document, from 1: names values too weak to fingerprint. */
  readonly ordinal?: number;
}

/** The id of contracts.md §3: the same for one credential at one path, whatever the commit. 16 hex characters. */
export function findingId(of: {
  committed: string;
  subject?: string | undefined;
  detector: string;
  path?: string | undefined;
  pointer?: string | undefined;
}): string {
  const parts = [of.committed, of.subject ?? "", of.detector, of.path ?? "", of.pointer ?? ""];
  return createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 16);
}

/** Credential = (fingerprint, subject): what incidents, locks and runs key on. */
export function credentialKey(of: { fingerprint: string; subject?: string | undefined }): string {
  return of.subject === undefined || of.subject === "" ? of.fingerprint : `${of.fingerprint}|${of.subject}`;
}

const grades: readonly Grade[] = ["confirmed", "strong", "moderate", "weak"];

/** Negative where `a` binds more than `b`: for sorting strongest first. */
export function compareGrades(a: Grade, b: Grade): number {
  return grades.indexOf(a) - grades.indexOf(b);
}

/** A value of fewer bits could be guessed from a committed fingerprint, whose salt is public: such values are named by their place. */
export const fingerprintableBits = 64;
