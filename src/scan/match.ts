import { type ChecksumResult, checksums } from "../detector/checksum.ts";
import type { AnchorUser, CompiledDetector, CompiledPattern, Ruleset } from "../detector/compile.ts";
import { type Futile, futile } from "../detector/precheck.ts";
import type { Found } from "../detector/search.ts";
import { opensBehindFirst, providersOpening } from "../detector/vendors.ts";
import type { Confidence } from "../finding.ts";
import { entropy, readsAsRandom } from "./entropy.ts";
import { openExceptions } from "./exceptions.ts";
import { issuerOf } from "./issuer.ts";
import { isVariant } from "./name-suffix.ts";
import { encodesPlaceholder, isIdentifier, isPlaceholder } from "./placeholder.ts";
import { Spans } from "./spans.ts";

/** A credential in one view of a document: byte offsets in that view, end exclusive. Holds the value; lives for one scan. */
export interface Match {
  readonly rule: CompiledDetector;
  readonly start: number;
  readonly end: number;
  readonly secret: string;
  readonly confidence: Confidence;
  readonly checksum: ChecksumResult;
  readonly subject: string | undefined;
  readonly attributes: Readonly<Record<string, string>>;
  readonly candidates: readonly string[];
  /** As of the finding. */
  readonly exceptions?: readonly number[];
}

interface RawMatch {
  readonly rule: CompiledDetector;
  readonly pattern: CompiledPattern;
  readonly part: string | undefined;
  readonly start: number;
  readonly end: number;
  readonly secret: string;
  readonly groups: Readonly<Record<string, string | undefined>>;
  /** What the pattern took before the value: the name and what joins it to the value. */
  readonly lead: string;
  readonly exceptions?: readonly number[];
  /** What stands beside it says that it may be meant to be public. */
  readonly doubted?: boolean;
}

/** Matches of one view, at most, before precedence: memory is bounded whatever a file holds. */
export const maxMatches = 50_000;

/**
 * Every credential of these bytes after filters and precedence, in order of position: one secret, one match. `onTooMany` is told where
 * there are more than are looked at. `found`: what the ruleset's filter finds in these bytes.
 */
export function matchBytes(
  bytes: Uint8Array,
  ruleset: Ruleset,
  onTooMany?: () => void,
  found: Found = ruleset.filter.search(bytes),
): Match[] {
  if (found.count === 0) return [];
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const raw = rawMatches(buffer, ruleset, found, onTooMany);
  if (raw.length === 0) return [];
  const pairs = composites(raw, buffer);
  const whole = raw.filter((match) => match.part === undefined && !isIdOf(match, pairs.ids));
  return resolve([...whole.map((match) => complete(match)), ...pairs.matches]);
}

function rawMatches(buffer: Buffer, ruleset: Ruleset, hits: Found, onTooMany: (() => void) | undefined): RawMatch[] {
  const worthwhile = windows(buffer, ruleset, hits);
  if (worthwhile.length === 0) return [];
  const found = new Set<string>();
  const kept: RawMatch[] = [];
  const hasKeyword = keywordsOf(buffer);
  for (const { rule, pattern, from, to } of worthwhile) {
    const text = buffer.toString("latin1", from, to);
    let at = 0;
    for (let match = pattern.regex.exec(text, at); match !== undefined; match = pattern.regex.exec(text, at)) {
      if (pattern.inside && match.index === 0 && from > 0) {
        at = 1;
        continue;
      }
      const secret = match.groups["secret"] ?? match.text;
      const offset = match.text.lastIndexOf(secret);
      const start = from + match.index + offset;
      at = Math.max(match.index + match.text.length, match.index + 1);
      const key = `${rule.detector.id}\0${pattern.part}\0${start}\0${secret.length}`;
      if (found.has(key)) continue;
      found.add(key);
      const [end, lead] = [start + secret.length, match.text.slice(0, offset)];
      const raw = { rule, pattern, part: pattern.part, start, end, secret, groups: match.groups, lead };
      const likely = issued(raw, buffer, ruleset).filter((one) => plausible(one, buffer) && hasKeyword(one.rule));
      kept.push(...likely.flatMap((one) => unlessPublished(one, buffer)).flatMap((one) => unlessExcepted(one, match.text, buffer)));
      if (kept.length >= maxMatches) {
        onTooMany?.();
        return kept;
      }
    }
  }
  return kept;
}

/** Whether one of a detector's keywords stands in the bytes; each detector is asked once. */
function keywordsOf(buffer: Buffer): (rule: CompiledDetector) => boolean {
  let text: string | undefined;
  const known = new Map<CompiledDetector, boolean>();
  return (rule) => {
    const { keywords } = rule.detector;
    if (keywords === undefined) return true;
    text ??= buffer.toString("latin1").toLowerCase();
    const has = known.get(rule) ?? keywords.some((word) => text?.includes(word.toLowerCase()));
    known.set(rule, has);
    return has;
  };
}

/** The match with what its detector's exceptions leave open, or nothing where one of them holds. */
function unlessExcepted(one: RawMatch, match: string, buffer: Buffer): RawMatch[] {
  if (one.rule.exceptions === undefined) return [one];
  const exceptions = openExceptions(one.rule, { secret: one.secret, match, line: () => lineAt(buffer, one) });
  return exceptions === undefined ? [] : [{ ...one, exceptions }];
}

function unlessPublished(one: RawMatch, buffer: Buffer): RawMatch[] {
  const { published } = one.rule.detector;
  if (published === undefined) return [one];
  const says = (words: readonly string[], from: number, to: number) => {
    const text = buffer.toString("latin1", Math.max(0, from), to).toLowerCase();
    return words.some((word) => text.includes(word.toLowerCase()));
  };
  if (says(published.unless, one.start - 60, one.start) || !says(published.beside, one.start - 240, one.end + 240)) return [one];
  return published.demote ? [{ ...one, doubted: true }] : [];
}

function lineAt(buffer: Buffer, { start, end }: RawMatch): string {
  const before = buffer.subarray(Math.max(0, start - 2048), start);
  const after = buffer.subarray(end, end + 2048);
  const stop = after.indexOf(10);
  const head = before.toString("latin1", before.lastIndexOf(10) + 1);
  return head + buffer.toString("latin1", start, end) + after.toString("latin1", 0, stop === -1 ? after.length : stop);
}

interface Window {
  readonly rule: CompiledDetector;
  readonly pattern: CompiledPattern;
  /** Whether it may hold more than matches that are no finding. */
  promising: boolean;
  /** Anchors in it. */
  count: number;
  from: number;
  to: number;
}

/** A pattern may look at a byte behind its match. */
const behind = 2;
/** In a window of so many it does not pay to know where the next match ends. */
const manyAnchors = 16;

/** Whether a value without a literal of its own is a name in a program, by letters alone: then nothing else makes a finding of it (`plausible`). */
const isName: Futile = (bytes, start, end) => {
  for (let at = start; at < end; at++) if ((bytes[at] as number) - 48 < 10 && (bytes[at] as number) >= 48) return false;
  return isIdentifier((bytes as Buffer).toString("latin1", start, end));
};

/** A part that is no secret may be a name. */
function findsNames({ pattern, rule }: AnchorUser): boolean {
  return !pattern.bare || (pattern.part !== undefined && rule.detector.parts?.[pattern.part]?.secret === false);
}

/** The stretches in which each pattern is worth running: overlapping ones become one, so that no byte is searched twice by a pattern. */
function windows(buffer: Buffer, { users }: Ruleset, { hits, first, count }: Found): Window[] {
  const all: Window[] = [];
  const open = new Map<CompiledPattern, Window>();
  for (let hit = 0, at = first; hit < count; hit++, at += 2) {
    const position = hits[at + 1] as number;
    const user = users[hits[at] as number] as AnchorUser;
    const { rule, pattern, reach } = user;
    const from = Math.max(position - pattern.back, 0);
    const last = open.get(pattern);
    const isNext = last !== undefined && from <= last.to;
    const roughly = isNext && last.count > manyAnchors;
    const reached =
      reach === undefined ? Number.POSITIVE_INFINITY : reach(buffer, position, findsNames(user) ? undefined : isName, roughly);
    if (reached === -1) continue;
    const promising = reached > futile;
    const end = promising ? reached : futile - reached;
    const to = Math.min(position + pattern.forward, end + behind, buffer.length);
    if (isNext) {
      last.from = Math.min(from, last.from);
      last.to = Math.max(to, last.to);
      last.promising ||= promising;
      last.count++;
    } else {
      const window = { rule, pattern, promising, count: 1, from, to };
      open.set(pattern, window);
      all.push(window);
    }
  }
  return all.filter((window) => window.promising);
}

/** A match of a rule that knows no issuer goes to the vendor that the text beside it names, or to nobody where it has not its format. */
function issued(match: RawMatch, buffer: Buffer, ruleset: Ruleset): RawMatch[] {
  // what begins as another format of the same vendor is that one, mistyped; a generic rule leaves every known beginning alone
  const { detector, provider } = match.rule;
  if (match.pattern.bare || detector.fallback) {
    if (opensBehindFirst(match.secret, ruleset)) return [];
    const opened = providersOpening(match.secret, ruleset, 4);
    if (opened !== undefined && (detector.fallback ? !detector.without_issuer : opened.has(provider))) return [];
  }
  if (!detector.without_issuer) return [match];
  const before = buffer.toString("latin1", Math.max(0, match.start - 480), match.start);
  // arn:aws:secretsmanager:…:secret:name: the name of a secret, not the secret
  if (/\barn:[\w:&; /-]*$/.test(before)) return [];
  const after = buffer.toString("latin1", match.end, match.end + 160);
  const issuer = issuerOf(match.secret, before, after, ruleset, match.pattern.bare);
  if (issuer === "unknown") return [match];
  return issuer === "known" ? [] : [{ ...match, rule: issuer, part: undefined }];
}

/** Boundaries, context words, entropy and placeholders: everything that only needs the bytes around. */
function plausible(match: RawMatch, buffer: Buffer): boolean {
  const { detector } = match.rule;
  const part = match.part === undefined ? undefined : detector.parts?.[match.part];
  if (detector.boundary === "token" && !standsAlone(match, buffer)) return false;
  if (detector.near !== undefined && !hasNear(detector.near, match, buffer)) return false;
  if (detector.unless !== undefined && isCalled(detector.unless, match, buffer)) return false;
  if (!isVariant(match.groups["stage"] ?? "", detector.without_issuer)) return false;
  if (part?.secret === false) return true;
  if (match.pattern.bare && publicName.test(match.lead)) return false;
  if (detector.fallback && exampleName.test(match.lead)) return false;
  if (match.pattern.bare && /[^|=:]\|\s{1,2}["'`*]{0,3}$/.test(match.lead) && !isColumnOfKeys(match, buffer)) return false;
  const chosen = detector.memorable && /\d/.test(match.secret);
  if ((match.pattern.bare || detector.fallback) && ((isIdentifier(match.secret) && !chosen) || buffer[match.end] === 0x28)) return false;
  if (detector.memorable && !/\d|[A-Za-z][!@#$%^&*=+~][A-Za-z]/.test(match.secret)) return false;
  if (detector.without_issuer && (!readsAsRandom(match.secret) || encodesPlaceholder(match.secret))) return false;
  if (
    detector.checksum === "basic-credentials" &&
    isPlaceholder(
      Buffer.from(match.secret, "base64")
        .toString("latin1")
        .replace(/^[^:]*:/, ""),
    )
  )
    return false;
  // where no vendor's format is at stake, a wrong form is no credential
  if (detector.fallback && checksums[detector.checksum]?.(match.secret) === "invalid") return false;
  return entropy(match.secret) >= detector.entropy && !isPlaceholder(match.secret);
}

/**
 * Whether a cell of a table holds a key: a random text of mixed letters does; a hash or an id only in a column that is called so.
 */
function isColumnOfKeys({ start, secret }: RawMatch, buffer: Buffer): boolean {
  if (/[g-z]/.test(secret) && /[G-Z]/.test(secret)) return true;
  const lines = buffer.toString("latin1", Math.max(0, start - 2000), start).split("\n");
  const row = lines.at(-1) ?? "";
  const rule = lines.findLastIndex((line) => /^[ \t|:-]*-{3,}[ \t|:-]*$/.test(line) && line.includes("|"));
  const heading = lines[rule - 1]?.split("|")[row.split("|").length - 1] ?? "";
  return /key|token|secret|password|credential/i.test(heading);
}

/** The name before the value says that everybody may have it. */
const publicName =
  /(?:public|publishable|anon|verification|verify)[_.\- ]{0,2}(?:api[_.\- ]{0,2})?(?:key|token)["'`\])\\]{0,4}\s{0,8}[=:,(>]?[\s=>:]{0,8}["'`\\[(]{0,6}$/i;

/** The name says that the value is there to be looked at. A value with a certain format is a key whatever its name says. */
const exampleName =
  /(?:example|sample|dummy|placeholder|fake|mock)[A-Za-z0-9_.-]{0,40}["'`\])\\]{0,4}\s{0,8}[=:,(>]?[\s=>:]{0,8}["'`\\[(]{0,6}$/i;

/** A token is not a piece of a longer one. `\n` and `%3D` before it are escapes, not characters of it. */
function standsAlone({ start, end, pattern: { glue, bare } }: RawMatch, buffer: Buffer): boolean {
  const before = buffer.toString("latin1", Math.max(0, start - 3), start);
  const rest = buffer.toString("latin1", end, end + 2);
  const after = rest.slice(0, 1);
  if ((/[+/]$/.test(before) || /[+/]/.test(after)) && isInBlob(buffer, start, end)) return false;
  if (after !== "" && (/[A-Za-z0-9_]/.test(after) || glue.after.includes(after))) return false;
  if (before !== "" && glue.before.includes(before.slice(-1))) return false;
  // a character of no such format, and the value goes on behind it
  if (/^[*!+~^#$][A-Za-z0-9*]/.test(rest) || (bare && /^[.-][A-Za-z0-9*]/.test(rest))) return false;
  if (bare && /[=/+]/.test(after) && !glue.after.includes("/")) return false;
  return !/[A-Za-z0-9_]$/.test(before) || /(\\[nrt"']|%[0-9A-Fa-f]{2})$/.test(before);
}

/** An image or archive written in base64 holds every short beginning somewhere. Ids and paths in URLs are not that long. */
function isInBlob(buffer: Buffer, start: number, end: number): boolean {
  const left = /[A-Za-z0-9+/]*$/.exec(buffer.toString("latin1", Math.max(0, start - 120), start))?.[0] ?? "";
  const right = /^[A-Za-z0-9+/]*/.exec(buffer.toString("latin1", end, end + 120))?.[0] ?? "";
  return left.length >= 120 || right.length >= 120;
}

function hasNear(words: readonly string[], { start, end }: RawMatch, buffer: Buffer): boolean {
  const around = `${buffer.toString("latin1", Math.max(0, start - 120), start)}\0${buffer.toString("latin1", end, end + 60)}`.toLowerCase();
  return words.some((word) => around.includes(word.toLowerCase()));
}

function isCalled(words: readonly string[], { start }: RawMatch, buffer: Buffer): boolean {
  const before = buffer.toString("latin1", Math.max(0, start - 120), start).toLowerCase();
  const line = before.slice(before.lastIndexOf("\n") + 1);
  return words.some((word) => line.includes(word));
}

/** Groups that a pattern has for itself. */
const inner = new Set(["secret", "stage"]);

function complete(
  { rule, part, start, end, secret, groups, exceptions = [], doubted = false }: RawMatch,
  extra: { attributes?: Record<string, string>; subject?: string[] } = {},
): Match {
  const { detector } = rule;
  // half of a pair, which the vendor's name beside it made its own
  const isAlone = detector.parts !== undefined && part === undefined && detector.confidence === "high";
  const checksum = detector.checksum === "none" ? "not-applicable" : (checksums[detector.checksum]?.(secret) ?? "not-applicable");
  const named = Object.entries(groups).filter(
    (entry): entry is [string, string] => !inner.has(entry[0]) && entry[1] !== undefined && entry[1] !== "",
  );
  const subject = [...detector.subject.map((name) => groups[name] ?? ""), ...(extra.subject ?? [])].join("/");
  return {
    rule,
    start,
    end,
    secret,
    checksum,
    confidence: doubted ? "low" : checksum === "invalid" ? demoted(detector) : isAlone ? "medium" : detector.confidence,
    subject: subject.replaceAll("/", "") === "" ? undefined : subject,
    attributes: { ...Object.fromEntries(named), ...extra.attributes },
    candidates: detector.candidates ?? [],
    ...(exceptions.length === 0 ? {} : { exceptions }),
  };
}

const structural = new Set(["azure-identifiable", "nkey", "base64-json", "integer-bytes"]);

/** A checksum that was recomputed on real tokens is nearly always right; others are known from a vendor's source only (detection.md §4). */
function demoted({ checksum, confidence }: CompiledDetector["detector"]): Confidence {
  return structural.has(checksum) && confidence === "high" ? "medium" : "low";
}

/** Each secret part with the nearest of every other part within the detector's lines; incomplete ones are no finding. With those others. */
function composites(raw: readonly RawMatch[], buffer: Buffer): { matches: Match[]; ids: Spans<RawMatch> } {
  const groups = Map.groupBy(
    raw.filter(({ part }) => part !== undefined),
    ({ rule, part }) => `${rule.detector.id}\0${part}`,
  );
  for (const group of groups.values()) group.sort((a, b) => a.start - b.start);
  const ids = new Spans<RawMatch>();
  const matches = raw.flatMap((secret) => {
    const parts = secret.rule.detector.parts ?? {};
    if (secret.part === undefined || parts[secret.part]?.secret === false) return [];
    const attributes: Record<string, string> = {};
    const subject: string[] = [];
    const others: RawMatch[] = [];
    for (const [name, part] of Object.entries(parts)) {
      if (name === secret.part) continue;
      const nearest = nearestTo(secret, groups.get(`${secret.rule.detector.id}\0${name}`) ?? [], buffer);
      if (nearest === undefined || nearest.start === secret.start) return [];
      attributes[name] = nearest.secret;
      others.push(nearest);
      if (part.subject) subject.push(nearest.secret);
    }
    for (const other of others) ids.add(other);
    return [complete(secret, { attributes, subject })];
  });
  return { matches, ids };
}

/** The id of a pair is told with its secret; by itself it is not found again by a looser rule. */
function isIdOf(match: RawMatch, ids: Spans<RawMatch>): boolean {
  const { provider, detector } = match.rule;
  return ids.overlapping(match, (id) => id.start === match.start && (id.rule.provider === provider || detector.fallback)) !== undefined;
}

/** The one within the detector's lines that begins nearest. `others` in order of position: farther ones are more lines away. */
function nearestTo(secret: RawMatch, others: readonly RawMatch[], buffer: Buffer): RawMatch | undefined {
  let low = 0;
  for (let high = others.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if ((others[middle] as RawMatch).start < secret.start) low = middle + 1;
    else high = middle;
  }
  const [before, after] = [others[low - 1], others[low]].map((other) =>
    other !== undefined && lines(buffer, other, secret) <= secret.rule.detector.within ? other : undefined,
  );
  if (before === undefined || after === undefined) return before ?? after;
  return secret.start - before.start <= after.start - secret.start ? before : after;
}

function lines(buffer: Buffer, a: RawMatch, b: RawMatch): number {
  const [first, second] = a.start < b.start ? [a, b] : [b, a];
  if (second.start - first.end > 8192) return Number.POSITIVE_INFINITY;
  let count = 0;
  for (let at = buffer.indexOf(10, first.end); at !== -1 && at < second.start; at = buffer.indexOf(10, at + 1)) count++;
  return count;
}

const rank: Readonly<Record<Confidence, number>> = { high: 0, medium: 1, low: 2 };

/** Declared precedence first, then confidence, then the longer text; equals at one place become candidates of one finding. */
function resolve(matches: readonly Match[]): Match[] {
  const ordered = matches.toSorted(
    (a, b) =>
      Number(a.rule.detector.fallback) - Number(b.rule.detector.fallback) ||
      Number(a.rule.yields ?? false) - Number(b.rule.yields ?? false) ||
      rank[a.confidence] - rank[b.confidence] ||
      b.end - b.start - (a.end - a.start) ||
      a.rule.detector.id.localeCompare(b.rule.detector.id),
  );
  const kept = new Set<Match>();
  const places = new Spans<Match>();
  const replace = (old: Match | undefined, match: Match) => {
    if (old !== undefined) {
      kept.delete(old);
      places.delete(old);
    }
    kept.add(match);
    places.add(match);
  };
  for (const match of ordered) {
    const winner = places.overlapping(match);
    if (winner === undefined) replace(undefined, match);
    else if (match.rule.detector.over.includes(winner.rule.detector.id)) replace(winner, match);
    else if (tied(match, winner))
      replace(winner, { ...winner, candidates: [...new Set([winner.rule.detector.id, ...winner.candidates, match.rule.detector.id])] });
  }
  return [...kept].sort((a, b) => a.start - b.start);
}

function tied(a: Match, b: Match): boolean {
  const declared = a.rule.detector.over.includes(b.rule.detector.id) || b.rule.detector.over.includes(a.rule.detector.id);
  const alike = a.rule.detector.fallback === b.rule.detector.fallback;
  return !declared && alike && a.rule !== b.rule && a.confidence === b.confidence && a.start === b.start && a.end === b.end;
}
