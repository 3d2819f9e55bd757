import type { CompiledDetector, Ruleset } from "./compile.ts";
import { parseTemplate, templateSource } from "./template.ts";

/** A value of this whole form is the detector's, where its vendor is named beside it. */
export interface Format {
  readonly rule: CompiledDetector;
  /** It has a literal beginning of its own. */
  readonly led: boolean;
  readonly whole: RegExp;
}

/** What a ruleset knows of vendors. */
export interface Vendors {
  /** What a vendor is called (lower case, without separators), with the formats that need that word beside them. */
  readonly words: ReadonlyMap<string, readonly Format[]>;
  /** How values of known formats begin, as `normal` writes it, also with one character open (`*`); the providers that begin so. */
  readonly openings: ReadonlyMap<string, ReadonlySet<string>>;
  /** Characters of the longest opening. */
  readonly longest: number;
  /** Openings of three letters or digits as they are written. */
  readonly cased: ReadonlySet<string>;
  /** Openings by their first two characters (`0ab`) and by the two behind those (`2cd`): one wrong character leaves one pair right. */
  readonly byPair: ReadonlyMap<string, readonly string[]>;
}

const cache = new WeakMap<Ruleset, Vendors>();

export function vendors(ruleset: Ruleset): Vendors {
  const known = cache.get(ruleset);
  if (known !== undefined) return known;
  const words = new Map<string, Format[]>();
  const openings = new Map<string, Set<string>>();
  const cased = new Set<string>();
  for (const rule of ruleset.detectors) {
    if (rule.detector.fallback) continue;
    for (const text of leadsOf(rule)) if (/^[A-Za-z0-9]{3}$/.test(text)) cased.add(text);
    for (const text of openingsOf(rule)) openings.set(text, new Set([...(openings.get(text) ?? []), rule.provider]));
    const formats = formatsOf(rule);
    const own = wordsOf(rule);
    for (const word of own) words.set(word, [...(words.get(word) ?? []), ...formats]);
    // the provider's name alone decides only where the detector does not ask for a narrower one
    for (const word of [rule.provider, ...rule.aliases].map(plainWord))
      if (word.length >= 3 && !own.has(word) && !noVendor.has(word))
        words.set(word, [...(words.get(word) ?? []), ...(asksForMore(rule) ? [] : formats)]);
  }
  // half of a pair only where no format of its own fits
  for (const formats of words.values()) formats.sort((a, b) => Number(isPair(a.rule)) - Number(isPair(b.rule)));
  const longest = Math.max(0, ...[...openings.keys()].map(({ length }) => length));
  const pairs = [...openings.keys()]
    .filter((text) => !text.includes("*"))
    .flatMap((text) => [text, text].map((_, half) => ({ key: `${2 * half}${text.slice(2 * half, 2 * half + 2)}`, text })));
  const byPair = new Map([...Map.groupBy(pairs, ({ key }) => key)].map(([key, entries]) => [key, entries.map(({ text }) => text)]));
  const found = { words, openings, cased, longest, byPair };
  cache.set(ruleset, found);
  return found;
}

/**
 * The providers whose values begin as this one does, a wrong case, separator or one wrong character aside, by at least `least`
 * characters; undefined where none does.
 */
export function providersOpening(value: string, ruleset: Ruleset, least = 3): ReadonlySet<string> | undefined {
  const { openings, longest, byPair, cased } = vendors(ruleset);
  const begin = normal(value.slice(0, longest));
  const alike = [...(byPair.get(`0${begin.slice(0, 2)}`) ?? []), ...(byPair.get(`2${begin.slice(2, 4)}`) ?? [])];
  if (!alike.some((text) => wrongCharacters(text, begin) <= 1)) return undefined;
  for (let length = begin.length; length >= least; length--) {
    const head = begin.slice(0, length);
    const exact = openings.get(head);
    // three letters are soon alike: there the case must be right
    if (exact !== undefined && (length > 3 || !/^[a-z0-9]{3}$/.test(head) || cased.has(value.slice(0, 3)))) return exact;
    for (const form of open(head)) {
      const near = openings.get(form);
      if (near !== undefined) return near;
    }
  }
  return undefined;
}

/** Whether a value begins as a known format does, but for one character before it. */
export function opensBehindFirst(value: string, ruleset: Ruleset): boolean {
  const { openings, longest } = vendors(ruleset);
  const begin = normal(value.slice(1, 1 + longest));
  for (let length = begin.length; length >= 4; length--) if (openings.has(begin.slice(0, length))) return true;
  return false;
}

/** How many characters of a text are not those that the other begins with. */
function wrongCharacters(text: string, other: string): number {
  let wrong = 0;
  for (let at = 0; at < text.length; at++) if (text[at] !== other[at]) wrong++;
  return wrong;
}

function openingsOf(rule: CompiledDetector): string[] {
  return leadsOf(rule)
    .map(normal)
    .flatMap((text) => (text.length < 3 ? [] : [text, ...open(text)]));
}

/** How values begin, as the detector has it. */
function leadsOf({ detector }: CompiledDetector): string[] {
  const sources = detector.parts === undefined ? [detector] : Object.values(detector.parts);
  return sources.flatMap(({ token, regex }) => [
    ...(token ?? []).map(leadOf),
    /^\(\?P<secret>((?:[A-Za-z0-9_-]|\\[.+]){4,})/.exec(regex ?? "")?.[1]?.replaceAll("\\", "") ?? "",
  ]);
}

function leadOf(template: string): string {
  const [first] = parseTemplate(template);
  return first !== undefined && "literal" in first ? first.literal : "";
}

/** With one character open, where enough is left to tell it: at the end only of a long one. */
function open(text: string): string[] {
  if (text.length < 4) return [];
  return Array.from(text.slice(0, text.length < 5 ? -1 : undefined), (_, at) => `${text.slice(0, at)}*${text.slice(at + 1)}`);
}

/** A wrong separator or a wrong case does not make it another vendor's value. */
function normal(text: string): string {
  return text.toLowerCase().replace(/[_.]/g, "-");
}

function isPair({ detector }: CompiledDetector): boolean {
  return detector.parts !== undefined;
}

function formatsOf(rule: CompiledDetector): Format[] {
  const { assign, near, token, parts } = rule.detector;
  const secrets = Object.values(parts ?? {}).flatMap((part) => (part.secret && part.assign !== undefined ? part.assign.value : []));
  const templates = [...(assign?.value ?? []), ...secrets, ...(near === undefined ? [] : (token ?? []))];
  return templates.map((template) => ({ rule, led: leadOf(template).length >= 3, whole: new RegExp(`^(?:${templateSource(template)})$`) }));
}

function wordsOf({ detector }: CompiledDetector): ReadonlySet<string> {
  // where the words of `near` name the vendor, the names of the parts are anybody's
  const named = detector.near === undefined ? Object.values(detector.parts ?? {}) : [];
  const parts = named.flatMap(({ assign }) => (assign === undefined ? [] : assign.names));
  const called = [...(detector.assign?.vendor ?? []), ...(detector.assign?.names ?? []), ...(detector.near ?? []), ...parts];
  return new Set(called.map(plainWord).filter((word) => word.length >= 3 && !noVendor.has(word)));
}

/** Whether the provider's name alone is not enough: its words are all longer. */
function asksForMore({ detector, provider }: CompiledDetector): boolean {
  const asked = [...(detector.assign?.vendor ?? []), ...(detector.near ?? [])].map(plainWord);
  return asked.length > 0 && asked.every((word) => word.length > plainWord(provider).length + 3 && word.startsWith(plainWord(provider)));
}

function plainWord(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]/g, "");
}

/** Providers and names of detectors that are not a vendor's. */
const noVendor = new Set(
  "generic proxy jwt jwk password secret token secretkey secretid appkey accountkey privatekey privkey authtoken authsecret sessionsecret cookiesecret signingkey sshkey keydata accesskey accesskeyid clientsecret sharedaccesskey secretaccesskeyid".split(
    " ",
  ),
);
