import type { AgentConfig, ConfigSlot } from "../agent-config/index.ts";
import { readAgentConfig } from "../agent-config/index.ts";
import { decodings, undo } from "../decode/decode.ts";
import { utf16Of } from "../decode/utf16.ts";
import type { Ruleset } from "../detector/compile.ts";
import type { DecodeStep, Document, Locator } from "../document.ts";
import { type Evidence, type Finding, findingId, type Slot } from "../finding.ts";
import { committedFingerprint, fingerprint, hasFingerprint, hashFingerprint, type Keyring, olderFingerprints, Secret } from "../secret.ts";
import { type Leaf, readTranscript } from "../transcript/index.ts";
import { estimatedBits } from "./entropy.ts";
import { LineIndex } from "./locate.ts";
import { type Match, matchBytes } from "./match.ts";
import { selfDescription } from "./self-description.ts";
import { slotMatches } from "./slot.ts";
import { Spans } from "./spans.ts";

const maxDepth = 3;
const none: readonly Leaf[] = [];

/** Findings of one document, at most. A file of more is not read by anybody: it is replaced as a whole. */
const maxFindings = 10_000;

/** A match with the place in the raw bytes that it came from. */
interface Placed {
  readonly match: Match;
  readonly start: number;
  readonly end: number;
  readonly decode: readonly DecodeStep[];
}

/**
 * Every credential in one document, as findings (contracts.md §3) in order of position. Pure: bytes in, findings out.
 * `onValue` sees each finding with its value while both are in memory: for fingerprint inventories and recovery, never to keep.
 */
export function scan(
  document: Document,
  ruleset: Ruleset,
  keyring: Keyring,
  onValue?: (finding: Finding, secret: Secret) => void,
): Finding[] {
  const { bytes, decode, mark } = transcoded(document.bytes);
  const text = () => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  const { path } = document.origin;
  const config = path === undefined ? undefined : readAgentConfig(path, text);
  const leaves = path === undefined || decode.length > 0 ? none : [...(readTranscript(path, text, () => headOf(bytes)) ?? none)];

  let tooMany = false;
  const limit: Limits = {
    onTooMany: () => {
      tooMany = true;
    },
    // what is encoded is rarer than what is not: the text itself was read
    onUndecoded: (reason) => document.onUnread?.(reason, false),
  };
  const plain = inView({ bytes, decode, depth: maxDepth }, ruleset, limit);
  if (plain.length === 0 && leaves.length === 0 && config === undefined) return [];
  const every = unique([
    ...plain,
    ...leaves.filter((leaf) => leaf.escaped).flatMap((leaf) => inLeaf(leaf, ruleset, limit)),
    ...(config === undefined
      ? []
      : slotMatches(config, bytes, ruleset).map((match) => ({ match, start: match.start, end: match.end, decode }))),
  ]);
  if (every.length === 0) return [];
  if (tooMany || every.length > maxFindings) document.onUnread?.(`more than ${maxFindings} credentials: the rest was left out`, true);
  const placed = every.slice(0, maxFindings);

  const index = new LineIndex(bytes);
  return placed.flatMap((entry) => {
    const slot = config === undefined ? undefined : slotAt(config, entry);
    // a client would resolve it; but what has a vendor's own format is a key, whatever the client makes of the text around it
    const indirect = slot?.kind === "reference" || slot?.kind === "placeholder";
    if (indirect && entry.match.confidence !== "high") return [];
    const secret = Secret.from(Buffer.from(entry.match.secret, "latin1"));
    const finding = toFinding(entry, {
      document,
      index,
      keyring,
      slot,
      leaf: leafAt(leaves, entry),
      secret,
      wide: decode.length > 0 ? { bytes, mark } : undefined,
    });
    onValue?.(finding, secret);
    secret.wipe();
    return [finding];
  });
}

/**
 * The value of an occurrence, read again from the bytes it stood in (contracts.md §1). Counts only if its HMAC matches:
 * undefined where the bytes hold something else now.
 */
export function valueAt(bytes: Uint8Array, locator: Locator, expected: string, ruleset: Ruleset, keyring: Keyring): Secret | undefined {
  const slice = bytes.subarray(locator.byteStart, locator.byteEnd);
  if (locator.decode.length === 0) {
    const secret = Secret.from(slice);
    return hasFingerprint(secret, expected, keyring) ? secret : undefined;
  }
  const first = locator.decode[0] ?? "base64";
  // the strings of a list are the lines of one text (notebooks)
  const text = Buffer.from(slice).toString("latin1");
  const decoded = undo(first, first === "json-string" ? text.replace(/(?<!\\)"\s{0,80},\s{0,80}"/g, "") : text);
  if (decoded === undefined) return undefined;
  let found: Secret | undefined;
  for (const candidate of [Secret.from(decoded), ...valuesIn(decoded, ruleset)]) {
    if (found === undefined && hasFingerprint(candidate, expected, keyring)) found = candidate;
    else candidate.wipe();
  }
  return found;
}

function valuesIn(bytes: Uint8Array, ruleset: Ruleset): Secret[] {
  return inView({ bytes, decode: [], depth: maxDepth - 1 }, ruleset).map(({ match }) => Secret.from(Buffer.from(match.secret, "latin1")));
}

function headOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 4096)).toString("utf8");
}

/** UTF-16 becomes UTF-8 before anything looks at it. `mark`: bytes of a byte order mark. */
function transcoded(bytes: Uint8Array): { bytes: Uint8Array; decode: readonly DecodeStep[]; mark: number } {
  const wide = utf16Of(bytes);
  if (wide === undefined) return { bytes, decode: [], mark: 0 };
  const even = bytes.subarray(wide.mark, bytes.length - (bytes.length % 2));
  return { bytes: undo(wide.step, Buffer.from(even).toString("latin1")) ?? bytes, decode: [wide.step], mark: wide.mark };
}

/** Matches of a view, then of whatever it encodes. In a decoded view every match has the place of the encoded text. */
function inView({ bytes, decode, depth, fixed, lead = 0 }: View, ruleset: Ruleset, limit?: Limits): Placed[] {
  const searched = ruleset.filter.search(bytes);
  const { encoded } = searched;
  const matches = matchBytes(bytes, ruleset, limit?.onTooMany, searched);
  const isPlain = depth === 0 || (encoded.runs.length === 0 && !encoded.percent && !encoded.escapes && encoded.joints.length === 0);
  if (isPlain && matches.length === 0) return [];
  const found: Placed[] = matches
    .filter((match) => match.start >= lead)
    .map((match) => ({ match, start: fixed?.start ?? match.start, end: fixed?.end ?? match.end, decode }));
  if (isPlain) return found;
  const sure = new Spans(fixed === undefined ? found.filter(certain) : []);
  for (const stretch of decodings(bytes, limit?.onUndecoded, encoded)) {
    if (stretch.start < lead) continue;
    if (sure.overlapping(stretch, (entry) => entry.start <= stretch.start && entry.end >= stretch.end) !== undefined) continue;
    const before = leadOf(bytes, stretch.start);
    const view = {
      bytes: Buffer.concat([before, stretch.bytes]),
      decode: [...decode, stretch.step],
      depth: depth - 1,
      fixed: fixed ?? { start: stretch.start, end: stretch.end },
      lead: before.length,
    };
    const inside = inView(view, ruleset, limit);
    // a name speaks for the first literal alone as well as for all: only a format says that they are one value
    found.push(...(stretch.step === "joined-literals" ? inside.filter(({ match }) => !match.rule.detector.fallback) : inside));
  }
  return found;
}

/** Who is told of what was left out. */
interface Limits {
  readonly onTooMany: () => void;
  readonly onUndecoded: (reason: string) => void;
}

/** A text, or what a part of it encodes. */
interface View {
  readonly bytes: Uint8Array;
  readonly decode: readonly DecodeStep[];
  /** Levels of encoding that are still undone. */
  readonly depth: number;
  /** Where the encoded text stands, which is the place of all that is found in it. */
  readonly fixed?: { readonly start: number; readonly end: number };
  /** Bytes before the text itself, for context only. */
  readonly lead?: number;
}

/** What stands before an encoded text on its line: `API_KEY: ` says what the value is, encoded or not. */
function leadOf(bytes: Uint8Array, at: number): Uint8Array {
  const from = Math.max(0, at - 80);
  const before = bytes.subarray(from, at);
  return before.subarray(before.lastIndexOf(10) + 1);
}

/** Its own form says what it is; a name alone also fits the encoded form of a value. */
function certain({ match }: Placed): boolean {
  return match.confidence === "high" && !match.rule.detector.fallback;
}

function inLeaf(leaf: Leaf, ruleset: Ruleset, limit: Limits): Placed[] {
  const fixed = { start: leaf.byteStart, end: leaf.byteEnd };
  return inView({ bytes: Buffer.from(leaf.text), decode: ["json-string"], depth: maxDepth - 1, fixed }, ruleset, limit);
}

/**
 * One value at one place once: a plain match hides the same value found again through a decoder or a parser, and what a text
 * encodes hides the text itself where only a name spoke for it.
 */
function unique(placed: readonly Placed[]): Placed[] {
  const kept: Placed[] = [];
  const [all, chosen] = [new Spans(placed), new Spans<Placed>()];
  for (const entry of placed.toSorted((a, b) => a.decode.length - b.decode.length)) {
    const text = bare(entry);
    const twin = chosen.overlapping(entry, (other) => bare(other) === text || (entry.decode.length === 0 && other.decode.length === 0));
    const encodes = certain(entry)
      ? undefined
      : all.overlapping(entry, (other) => other.decode.length > entry.decode.length && bare(other) !== text);
    if (twin !== undefined || encodes !== undefined) continue;
    kept.push(entry);
    chosen.add(entry);
  }
  return kept.toSorted((a, b) => a.start - b.start || a.match.secret.localeCompare(b.match.secret));
}

/** The value without line ends, quotes and what else stands between the lines of a key in a program. */
function bare({ match: { secret } }: Placed): string {
  const plain = secret.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  return plain.length < 120 ? plain : plain.replace(/\\[nrt"]|[^A-Za-z0-9+/=_.-]/g, "");
}

function slotAt(config: AgentConfig, { start, end }: Placed): ConfigSlot | undefined {
  return config.slots.find((slot) => slot.byteStart < end && start < slot.byteEnd);
}

function leafAt(leaves: readonly Leaf[], { start, end }: Placed): Leaf | undefined {
  return leaves.find((leaf) => leaf.byteStart <= start && end <= leaf.byteEnd);
}

interface Context {
  readonly document: Document;
  readonly index: LineIndex;
  readonly keyring: Keyring;
  readonly slot: ConfigSlot | undefined;
  readonly leaf: Leaf | undefined;
  readonly secret: Secret;
  /** The transcoded bytes, where the document was UTF-16: offsets then count its units. */
  readonly wide: { readonly bytes: Uint8Array; readonly mark: number } | undefined;
}

function toFinding({ match, start, end, decode }: Placed, { document, index, keyring, slot, leaf, secret, wide }: Context): Finding {
  const { detector, provider } = match.rule;
  const { origin } = document;
  const committed = committedFingerprint(secret, keyring);
  const pointer = slot?.pointer ?? leaf?.pointer;
  const [from, to] = [index.position(start), index.position(end)];
  const allowed = /rekey:allow(?:\s+([^\n\r]{1,200}))?/.exec(index.lineAround(start));
  const offset = (at: number) =>
    wide === undefined ? at : wide.mark + 2 * Buffer.from(wide.bytes.subarray(0, at)).toString("utf8").length;
  return {
    id: findingId({ committed, subject: match.subject, detector: detector.id, path: origin.path, pointer }),
    detector: detector.id,
    title: detector.name,
    ...(match.candidates.length > 0 ? { candidates: match.candidates } : {}),
    provider,
    severity: detector.severity,
    confidence: match.confidence,
    fingerprint: fingerprint(secret, keyring),
    ...(keyring.tenant.length < 2 ? {} : { aliases: olderFingerprints(secret, keyring) }),
    ...(provider === "litellm" ? { hashed: hashFingerprint(secret, keyring) } : {}),
    committed,
    bits: estimatedBits(match.secret),
    ...(match.subject === undefined ? {} : { subject: match.subject }),
    revoke: detector.revoke,
    ...(detector.identity === undefined ? {} : { identity: detector.identity }),
    location: {
      kind: origin.kind,
      ...(origin.path === undefined ? {} : { path: origin.path }),
      startLine: from.line,
      startColumn: from.column,
      endLine: to.line,
      endColumn: to.column,
      ...(pointer === undefined ? {} : { pointer }),
      ...(decode.length === 0 ? {} : { decoded: decode }),
      ...(origin.commit === undefined ? {} : { commit: origin.commit }),
      ...(origin.author === undefined ? {} : { author: origin.author }),
      ...(origin.agents === undefined ? {} : { agents: origin.agents }),
      ...(origin.date === undefined ? {} : { date: origin.date }),
    },
    locator: {
      source: origin.blob === undefined ? (origin.kind === "stdin" || origin.kind === "github-text" ? origin.kind : "file") : "git",
      ...(origin.repository === undefined ? {} : { repository: origin.repository }),
      ...(origin.path === undefined ? {} : { path: origin.path }),
      ...(origin.blob === undefined ? {} : { blob: origin.blob }),
      ...(origin.node === undefined ? {} : { node: origin.node }),
      ...(pointer === undefined ? {} : { pointer }),
      byteStart: offset(start),
      byteEnd: offset(end),
      decode,
    },
    occurrences: 1,
    ...(slot === undefined ? {} : { slot: slotOf(slot) }),
    identities: [],
    attributes: { ...selfDescription(match.secret, match.attributes["id"]), ...match.attributes },
    evidence: evidenceOf(match),
    ...(allowed === null ? {} : { allowed: allowed[1]?.trim() ?? "" }),
    ...(match.exceptions === undefined ? {} : { exceptions: match.exceptions }),
  };
}

function slotOf({ client, pointer, kind, variable }: ConfigSlot): Slot {
  return { client, pointer, kind, ...(variable === undefined ? {} : { variable }) };
}

function evidenceOf({ rule, checksum, candidates }: Match): Evidence[] {
  const said: Evidence[] = [];
  if (checksum === "valid") said.push({ method: "checksum", grade: "strong", text: "The token's own checksum is right." });
  if (checksum === "invalid")
    said.push({
      method: "checksum",
      grade: "weak",
      text: "The token's checksum is wrong: mistyped, made up, or an older variant of the format.",
    });
  if (candidates.length > 0)
    said.push({ method: "ambiguous-format", grade: "weak", text: `The format fits several providers: ${candidates.join(", ")}.` });
  if (said.length === 0)
    said.push({
      method: "format",
      grade: rule.detector.confidence === "high" ? "strong" : "moderate",
      text: `The text has the format of ${rule.detector.name}.`,
    });
  return said;
}
