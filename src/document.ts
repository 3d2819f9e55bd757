/** What kind of place a text came from: `location.kind` of contracts.md §3. */
export type LocationKind =
  | "file"
  | "stdin"
  | "commit-message"
  | "tag-message"
  | "ref-name"
  | "github-text"
  | "alert"
  /** What an agent said or did, as a gateway, a trace or a hook reported it. */
  | "runtime"
  /** Where it is kept on purpose: a review denied it. */
  | "secret-manager";

/** Where a document came from. Paths use `/`, are relative to the scanned root, and name archive members as `a.zip!/b.env`. */
export interface Origin {
  readonly kind: LocationKind;
  readonly path?: string;
  /** `host/owner/name` in lower case, absent outside a repository with an origin. */
  readonly repository?: string;
  readonly blob?: string;
  readonly commit?: string;
  /** Id of a GitHub text: GraphQL node id, or REST id. */
  readonly node?: string;
  readonly author?: { readonly name: string; readonly email: string };
  /** Coding agents that the commit's trailers name. */
  readonly agents?: readonly string[];
  /** Committer date, ISO 8601 UTC. */
  readonly date?: string;
}

/** Bytes with an origin. `bytes` is read, never changed, and may be a view into a reused buffer: copy what must outlive the scan. */
export interface Document {
  readonly bytes: Uint8Array;
  readonly origin: Origin;
  /** Told, in words for a person, what of the document was not looked at. `hole`: not even as it stands, so the scan is not complete. */
  readonly onUnread?: (reason: string, hole: boolean) => void;
}

/** A place that was not (wholly) read, and why, in words for a person. */
export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

/** How an encoded text was undone on the way to the value, outermost first. */
export type DecodeStep =
  | "base64"
  | "base64url"
  | "hex"
  | "percent"
  | "unicode-escape"
  | "c-escape"
  | "json-string"
  | "joined-literals"
  | "utf-16le"
  | "utf-16be";

/**
 * Where an occurrence's value can be read again (contracts.md §1). `byteStart` and `byteEnd` are 0-based offsets into the
 * raw bytes of the innermost member, end exclusive; `decode` leads from those bytes to the value.
 */
export interface Locator {
  readonly source: "git" | "file" | "github-text" | "github-alert" | "stdin" | "runtime" | "secret-manager";
  readonly repository?: string;
  readonly path?: string;
  readonly blob?: string;
  /** GitHub GraphQL node id or REST comment id, for `github-text`; the alert's number for `github-alert`; the connection's name for `secret-manager`. */
  readonly node?: string;
  readonly member?: string;
  readonly pointer?: string;
  readonly byteStart: number;
  readonly byteEnd: number;
  readonly decode: readonly DecodeStep[];
}

/** Turns UTF-16 offsets of a text, asked for in rising order or not, into offsets of its UTF-8 bytes. */
export function byteOffsets(text: string): (utf16: number) => number {
  if (Buffer.byteLength(text) === text.length) return (utf16) => utf16;
  let [knownUtf16, knownByte] = [0, 0];
  return (utf16) => {
    if (utf16 < knownUtf16) [knownUtf16, knownByte] = [0, 0];
    knownByte += Buffer.byteLength(text.slice(knownUtf16, utf16));
    knownUtf16 = utf16;
    return knownByte;
  };
}
