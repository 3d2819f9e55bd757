import { createHash } from "node:crypto";
import { ConfigError } from "../errors.ts";
import { commonWords } from "./byte-frequency.ts";
import { checksums } from "./checksum.ts";
import {
  assignment,
  continuation,
  type Demand,
  Links,
  type Reach,
  runOfShape,
  runOfTemplate,
  stretchOf,
  templateSteps,
  valueStretch,
} from "./precheck.ts";
import { type Anchor, type AnchorFilter, buildFilter } from "./prefilter.ts";
import type { LinearRegex, RegexEngine } from "./regex.ts";
import { lengthsOf, shapeOf } from "./regex-shape.ts";
import type { Detector, DetectorException, DetectorFile, DetectorPart } from "./schema.ts";
import { escapeRegex, parseTemplate, type TemplatePart, templateSource } from "./template.ts";

type PatternSource = Pick<DetectorPart, "token" | "assign" | "regex" | "anchors">;

/** A pattern ready to run: an anchor hit opens a window of `back` bytes before it and `forward` bytes behind its start. */
export interface CompiledPattern {
  readonly regex: LinearRegex;
  /** Every match contains (or, for `near`, stands beside) at least one of them. */
  readonly anchors: readonly PatternAnchor[];
  readonly back: number;
  readonly forward: number;
  /** A match does not begin with the first byte of a window, except at the beginning of the text: `^` would match there by mistake. */
  readonly inside: boolean;
  /** Characters besides letters, digits and `_` that would make the text beside a match a part of a longer token. */
  readonly glue: { readonly before: string; readonly after: string };
  /** Without a literal of its own, the value could also be an identifier of the program. */
  readonly bare: boolean;
  /** Name of the part in a composite, otherwise undefined. */
  readonly part: string | undefined;
}

/** Says whether it is worth to run the regex around a place of the anchor. */
export interface PatternAnchor extends Anchor, Demand {}

export interface CompiledDetector {
  readonly detector: Detector;
  readonly provider: string;
  /** Other names of the vendor or of its products. */
  readonly aliases: readonly string[];
  readonly patterns: readonly CompiledPattern[];
  /** As of its file. */
  readonly yields?: true;
  /** Only in files of such a path. */
  readonly path?: LinearRegex;
  readonly exceptions?: readonly CompiledException[];
}

export interface CompiledException extends Pick<DetectorException, "reason" | "condition" | "target" | "stopwords" | "commits"> {
  readonly paths?: readonly LinearRegex[];
  readonly regexes?: readonly LinearRegex[];
}

export interface Ruleset {
  readonly detectors: readonly CompiledDetector[];
  /** What the detectors were compiled from: so that another thread can. */
  readonly files: readonly DetectorFile[];
  readonly engine: RegexEngine["name"];
  /** SHA-256 over every detector, hex: scans under one hash give one result. */
  readonly hash: string;
  readonly filter: AnchorFilter;
  /** By the numbers in the filter's hits. */
  readonly users: readonly AnchorUser[];
}

/** A pattern that is worth running near an anchor whose gate is open, up to its `reach`. */
export interface AnchorUser {
  readonly rule: CompiledDetector;
  readonly pattern: CompiledPattern;
  readonly reach?: Reach | undefined;
}

/** Throws ConfigError naming the detector where a rule has no usable anchor, does not compile or names an unknown checksum. */
export async function compileDetectors(files: readonly DetectorFile[], engine: RegexEngine): Promise<Ruleset> {
  const detectors = files.flatMap((file) => file.detectors.map((detector) => compileOne(detector, file, engine)));
  const seen = new Set<string>();
  for (const { detector } of detectors) {
    if (seen.has(detector.id)) throw new ConfigError(`two detectors have the id '${detector.id}'; ids are unique`, { file: "detectors" });
    seen.add(detector.id);
  }
  const hash = createHash("sha256").update(JSON.stringify(files)).digest("hex");
  return { detectors, files, engine: engine.name, hash, ...anchorsOf(detectors) };
}

/** Each literal once, however many patterns it serves. */
function anchorsOf(detectors: readonly CompiledDetector[]): Pick<Ruleset, "filter" | "users"> {
  const anchors: Anchor[] = [];
  const users: (AnchorUser & Demand)[][] = [];
  const numbers = new Map<string, number>();
  for (const rule of detectors) {
    for (const pattern of rule.patterns) {
      for (const { text, exact, reach, gate } of pattern.anchors) {
        const key = `${exact} ${text}`;
        const number = numbers.get(key) ?? anchors.push({ text, exact }) - 1;
        numbers.set(key, number);
        users[number] ??= [];
        users[number].push({ rule, pattern, gate, ...(reach === undefined ? {} : { reach }) });
      }
    }
  }
  const filter = buildFilter(
    anchors,
    users.map((all) => all.map(({ gate }) => gate)),
  );
  return { filter, users: users.flat() };
}

function compileOne(detector: Detector, file: DetectorFile, engine: RegexEngine): CompiledDetector {
  const { provider, aliases } = file;
  const fail = (problem: string): never => {
    throw new ConfigError(`'${detector.id}': ${problem}`, { file: `detectors/${provider}.yml` });
  };
  if (detector.checksum !== "none" && !Object.hasOwn(checksums, detector.checksum)) {
    fail(`unknown checksum '${detector.checksum}'; expected one of ${Object.keys(checksums).join(", ")}`);
  }
  const sources: [string | undefined, PatternSource][] =
    detector.parts === undefined ? [[undefined, patternOf(detector)]] : Object.entries(detector.parts);
  const patterns = sources.flatMap(([part, source]) => {
    try {
      return patternsOf(source, detector, part, engine, fail);
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      return fail(`not RE2 syntax: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
  const yields = file.yields === undefined ? {} : { yields: file.yields };
  return { detector, provider, aliases, patterns, ...yields, ...limitsOf(detector, file, engine, fail) };
}

/** What limits a detector beside its pattern; a built-in detector has hardly ever any. */
function limitsOf(
  { id, path, allow = [] }: Detector,
  file: DetectorFile,
  engine: RegexEngine,
  fail: (problem: string) => never,
): Pick<CompiledDetector, "path" | "exceptions"> {
  const compile = (source: string) => {
    try {
      return engine.compile(source);
    } catch (error) {
      return fail(`'${source}' is not RE2 syntax: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const own = [...allow, ...(file.allow ?? []).filter(({ detectors }) => detectors?.includes(id) ?? true)];
  const exceptions = own.map(({ reason, condition, target, stopwords, commits, paths, regexes }) => ({
    reason,
    condition,
    target,
    ...(stopwords === undefined ? {} : { stopwords: stopwords.map((word) => word.toLowerCase()) }),
    ...(commits === undefined ? {} : { commits: commits.map((commit) => commit.toLowerCase()) }),
    ...(paths === undefined ? {} : { paths: paths.map(compile) }),
    ...(regexes === undefined ? {} : { regexes: regexes.map(compile) }),
  }));
  return { ...(path === undefined ? {} : { path: compile(path) }), ...(exceptions.length === 0 ? {} : { exceptions }) };
}

function patternOf({ token, assign, regex, anchors }: Detector): PatternSource {
  return { token, assign, regex, anchors };
}

function patternsOf(
  source: PatternSource,
  detector: Detector,
  part: string | undefined,
  engine: RegexEngine,
  fail: (problem: string) => never,
): CompiledPattern[] {
  if (source.token !== undefined) return source.token.map((template) => tokenPattern(template, detector, part, engine, fail));
  if (source.assign !== undefined) {
    const { names, vendor, value } = source.assign;
    return value.flatMap((template) => [
      ...(names.length === 0 ? [] : [assignPattern(names, template, part, engine)]),
      ...(vendor.length === 0 ? [] : [vendorPattern(vendor, template, part, engine)]),
    ]);
  }
  if (source.regex === undefined) return fail("expected one of token, assign, regex");
  const anchors = (source.anchors ?? []).map((anchor) => anchor.toLowerCase());
  if (anchors.length === 0) fail("a regex needs anchors: literals of 3 bytes or more, one of which every match contains");
  if (/\(\?(?:[=!]|<[=!])/.test(source.regex)) fail("look-around is not linear-time and not supported");
  return [{ regex: engine.compile(source.regex), ...regexWindow(source.regex, anchors, detector.near), glue: noGlue, bare: false, part }];
}

/**
 * A match of bounded length lies within that length around an anchor in it, and near one of the words that it has to have beside it, where
 * those are the anchors. Otherwise an anchor beside the match is given what most formats need.
 */
function regexWindow(
  source: string,
  anchors: readonly string[],
  near: readonly string[] | undefined,
): Pick<CompiledPattern, "anchors" | "back" | "forward" | "inside"> {
  const shape = shapeOf(source);
  const longest = shape === undefined ? Number.POSITIVE_INFINITY : lengthsOf(shape).max + 1;
  const inside = anchors.map((anchor) => (shape === undefined ? undefined : continuation(shape, anchor)));
  const areInside = !inside.includes(undefined);
  const areNear = near?.every((word) => anchors.includes(word.toLowerCase())) === true;
  const [most, reach] = areInside ? [longest, longest] : areNear ? nearby(longest) : [512, 8192];
  const [back, forward] = [Math.min(most, 512), Math.min(reach, 8192)];
  const stretch = shape === undefined ? undefined : stretchOf(shape, -back, forward);
  const run = shape === undefined ? undefined : runOfShape(shape, -back, forward);
  return {
    anchors: anchors.map((text, index) => {
      const known = inside[index];
      return { text, exact: false, ...known, gate: known === undefined ? { run, stretch } : { run, ...known.gate } };
    }),
    back,
    forward,
    inside: areInside && longest <= back,
  };
}

/** How far before and behind a word a match of at most so many bytes may begin and end to have the word beside it (`hasNear` of src/scan/match.ts). */
function nearby(longest: number): [back: number, forward: number] {
  return [60 + longest, 140 + longest];
}

/** The anchor is the longest literal of the template; without one of 3 bytes, the words of `near` are. */
function tokenPattern(
  template: string,
  detector: Detector,
  part: string | undefined,
  engine: RegexEngine,
  fail: (problem: string) => never,
): CompiledPattern {
  const parts = parseTemplate(template);
  const anchor = longestLiteral(template);
  const longest = lengthOf(template);
  const shared = { regex: engine.compile(`(?P<secret>${templateSource(template)})`), glue: glueOf(template), part };
  if (anchor.length >= 3) {
    const before = parts.slice(
      0,
      parts.findIndex((piece) => "literal" in piece && piece.literal === anchor),
    );
    const lead = lengthOf(before);
    const isFixed = before.every((piece) => "literal" in piece || piece.min === piece.max);
    const gate = {
      run: isFixed ? runOfTemplate(template, -lead, -lead) : undefined,
      steps: templateSteps(template, anchor, isFixed ? lead : undefined),
    };
    return { ...shared, anchors: [{ text: anchor, exact: true, gate }], back: lead + 1, forward: longest + 3, inside: true, bare: false };
  }
  if (detector.near === undefined) return fail(`'${template}' has no literal of 3 bytes; give the words that stand near it (near: …)`);
  const [back, forward] = nearby(longest);
  const gate = { run: runOfTemplate(template, -back, forward), stretch: valueStretch(template, -back, forward) };
  const anchors = detector.near.map((word) => ({ text: word.toLowerCase(), exact: false, gate }));
  return { ...shared, anchors, back, forward, inside: false, bare: anchor === "" };
}

function longestLiteral(template: string): string {
  const literals = parseTemplate(template).flatMap((piece) => ("literal" in piece ? [piece.literal] : []));
  return literals.toSorted((a, b) => b.length - a.length)[0] ?? "";
}

const noGlue = { before: "", after: "" };

/** A value of fixed length must not be the head or the tail of a longer one in the same alphabet. */
function glueOf(template: string): CompiledPattern["glue"] {
  const parts = parseTemplate(template);
  const signs = (piece: TemplatePart | undefined) =>
    piece === undefined || "literal" in piece ? "" : piece.alphabet.replace(/[A-Za-z0-9_]/g, "");
  const [first] = parts;
  // a short prefix behind a hyphen is a piece of a longer one (`px-api-…`)
  const before = first !== undefined && "literal" in first && first.literal.length <= 4 ? "-" : signs(first);
  return { before, after: template.endsWith("{uuid}") ? "-" : signs(parts.at(-1)) };
}

function lengthOf(template: string | readonly TemplatePart[]): number {
  const parts = typeof template === "string" ? parseTemplate(template) : template;
  return parts.reduce((sum, piece) => sum + ("literal" in piece ? piece.literal.length : piece.max), 0);
}

/**
 * Between a name and its value: quotes and brackets, an operator (or white space behind a flag), an auth scheme. Quotes may carry
 * the backslashes of the JSON string that the whole text stands in (notebooks, transcripts, logs).
 */
const quotes = "(?:\\\\{0,3}[\"'`*\\])]|&quot;|&#3[49];){0,3}";
const blank = "(?:\\s|\\\\n){0,24}";
const operator = [
  quotes,
  "(?:",
  [
    // NAME=value, name: value, name => value, f(name, value), <name>value, | name | value |, --name value
    "\\s{0,8}(?:=>|:=|\\|\\|=|[?+]=|[=:,(>|]|\\s|\\\\u003[da])\\s{0,8}(?:[=>:]\\s{0,4}|[>|][+-]?\\s{1,16})?",
    // the key is value, the key for the staging bot is value
    "(?:\\s(?i:for|of|to|in|on|from)(?:\\s[A-Za-z0-9_.@/'-]{1,24}){1,5})?\\s{1,4}(?i:(?:is|was)(?:\\s(?:set\\sto|now|still))?|please|here|below|instead|again|now|(?:we|i|to|you\\scan)\\suse)\\s{0,2}:?\\s{1,2}",
    // name: &str = value, name string = value
    "\\s{0,2}:?\\s{0,2}&?(?:'static\\s)?(?i:str|string)\\??\\s{0,4}=\\s{0,4}",
    // <key>name</key> <string>value
    "</key>\\s{0,24}<string>",
    // NAME ?? value
    "\\s{0,4}(?:\\|\\||\\?\\?|or)\\s{1,4}",
    // { name: NAME, value: value }, name = NAME, type = …, value = value, --name NAME --value value, NAME --body value
    `,?${blank}(?:[a-z_]{2,12}\\s{0,4}[:=][^\\n]{1,40}\\n[ \\t]{0,12}){0,2}\\\\{0,3}["']?(?:--)?(?i:value|body|secret-string)\\\\{0,3}["']?\\s{0,4}[\\s:=]\\s{0,4}`,
    // variable "name" { default = value
    `\\s{0,4}\\{${blank}(?:[a-z_]{2,12}\\s{0,4}=[^\\n]{1,60}\\n\\s{0,12}){0,3}default\\s{0,4}=\\s{0,4}`,
  ].join("|"),
  ")",
  "(?:[\\[({]\\s{0,4})?(?:(?i:[fbru]{0,2})\\\\{0,3}[\"'`]|&quot;|&#3[49];){0,2}(?:(?i:bearer|basic|token|apikey|key)[ :]{1,8})?",
].join("");

function assignPattern(names: readonly string[], template: string, part: string | undefined, engine: RegexEngine): CompiledPattern {
  // the longest first: the rest of a longer name is no suffix
  const alternatives = names.toSorted((a, b) => b.length - a.length).map((name) => name.split("_").map(escapeRegex).join("[_.\\- ]?"));
  const name = `(?:${start}(?i:${alternatives.join("|")})|[a-z0-9](?:${camelCased(names)}))`;
  return behindName(`${name}(?P<stage>${stage})${operator}`, names, template, part, engine, nameLinks());
}

/**
 * A vendor word, then a key-like name: in the rest of its line, or in the first lines of the object or YAML map that it opens.
 * The word stands alone or as a part of a camel-case or `_`-joined name (`openExaKey`, not `hexaKey` or `EXACT_KEY`).
 */
function vendorPattern(vendor: readonly string[], template: string, part: string | undefined, engine: RegexEngine): CompiledPattern {
  const words = vendor.map((word) => escapeRegex(word).replace(/_|\\\.|-/g, "[_.\\- ]?"));
  const plain = `${start}(?i:${words.join("|")})${vendorLink}`;
  const camel = `(?:${start}(?:${camelCased(vendor, (word) => word)})|[a-z0-9]?(?:${camelCased(vendor)}))(?:[A-Z][A-Za-z0-9]{0,40}?)?`;
  const reversed = `(?i:key|token|secret|password)\\s(?:for|to|of|from)\\s(?:(?:the|our|my)\\s)?(?i:${words.join("|")})(?i:\\s?(?:api|ai))?`;
  const made = `(?:new\\s{1,3}[A-Za-z0-9_.]{0,24}?(?i:${words.join("|")})[A-Za-z0-9_]{0,24}|(?i:${words.join("|")})[A-Za-z0-9_.:]{0,16}?${clientLike})`;
  const named = `(?:(?:${plain}|${camel})${keyLike}${use}|${reversed})${operator}|${made}${call}`;
  const direct = `|${start}(?i:${words.join("|")})(?i:\\s?(?:api|ai))?${isMixed(template) ? told : nextCell}`;
  return behindName(`(?:${named}${direct})`, vendor, template, part, engine, vendorLinks());
}

const keyLike = "(?:(?i:key|token|secret|passw(?:or)?d|[_.-]pat|credentials?|authorization|auth|bearer)|Pat|PAT)";

/** `new Exa("value")`, `cohere.ClientV2("value")`, `hume::Client::new("value")` */
const clientLike = "(?:Client|Api|API|SDK|Sdk|Translator)[A-Za-z0-9_]{0,8}(?:::new)?";
const call = "\\(\\s{0,4}[\"'`]";
/** `Mistral: value`, `| Mistral | value |`, in notes and prompts: only for values that are no hash and no id. */
const told = "[\"'`*]{0,3}(?:\\s{0,2}[:=]|\\s{1,12}\\||\\saccess:\\suse)\\s{1,2}[\"'`*]{0,3}";

/** `| Mistral | value |`, for all values: whether the column holds keys is asked of a match. */
const nextCell = "[\"'`*]{0,3}\\s{1,12}\\|\\s{1,2}[\"'`*]{0,3}";

function isMixed(template: string): boolean {
  return parseTemplate(template).some(
    (piece) => "alphabet" in piece && /[g-z]/.test(piece.alphabet) && /[G-Z]/.test(piece.alphabet) && piece.min >= 16 && piece.max < 100,
  );
}

/** Between a vendor's word and the key-like name: the rest of its line, or what it opens. */
const vendorLink = (() => {
  const sameLine = "(?:[^A-Za-z\\n][^\\n]{0,100}?)?";
  const opening = "[\"'\\])>]{0,2}[ \\t]{0,4}(?:=>|[:=])?[ \\t]{0,4}[{(\\[]{0,2}[ \\t]{0,4}\\r?\\n";
  const nested = `${opening}(?:[ \\t][^\\n]{0,120}\\n){0,3}?[ \\t]{1,24}["'<]?[A-Za-z_-]{0,16}?`;
  const section = "[\\]\"']{1,3}[ \\t]{0,4}\\r?\\n(?:[^\\n[]{0,120}\\n){0,4}?[ \\t]{0,24}[\"']?[A-Za-z_-]{0,16}?";
  const action =
    "[^\\s\\n]{0,60}\\r?\\n[ \\t]{1,16}with:[ \\t]{0,4}\\r?\\n(?:[ \\t][^\\n]{0,120}\\n){0,3}?[ \\t]{1,24}[\"']?[A-Za-z_-]{0,16}?";
  return `(?:(?i:api|ai)|[A-Z][a-z][A-Za-z0-9]{0,24})?(?:${sameLine}|${nested}|${section}|${action})`;
})();

/** What may stand between a name and its value, and between a vendor's word and the value. */
const nameLinks = once(() => linksOf(`${stage}${operator}`));
const vendorLinks = once(() =>
  linksOf(
    `(?:(?:(?:${vendorLink}|[A-Z][A-Za-z0-9]{0,40}?)${keyLike}${use}|(?i:\\s?(?:api|ai))?)${operator}|[A-Za-z0-9_.:]{0,32}${call}|(?i:\\s?(?:api|ai))?${told})`,
  ),
);

function linksOf(source: string): Links {
  const shape = shapeOf(source);
  if (shape === undefined) throw new RangeError(`expected an expression whose shape is known, got ${source}`);
  return new Links(shape);
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function behindName(
  name: string,
  words: readonly string[],
  template: string,
  part: string | undefined,
  engine: RegexEngine,
  links: Links,
): CompiledPattern {
  const longestWord = Math.max(...words.map(({ length }) => length));
  const reach = longestWord + links.longest;
  const anchors = Map.groupBy(words.flatMap(tellingWords), ({ anchor }) => anchor);
  return {
    regex: engine.compile(`${name}(?P<secret>${templateSource(template)})`),
    anchors: [...anchors].map(([text, places]) => {
      const rests = places.map(({ rest }) => rest);
      return { text, exact: false, ...assignment(links, text.length, rests, template) };
    }),
    glue: glueOf(template),
    bare: longestLiteral(template).length < 3,
    back: longestWord + 64,
    inside: true,
    // a run of base64 may be padded by two
    forward: reach + lengthOf(template) + 3,
    part,
  };
}

/** What may stand before a name; `\\n` in a JSON string is an escape, not a letter of the name. */
const start = "(?:^|[^A-Za-z0-9]|\\\\[nrt])";

/** What people append to a name: PROD, v2, VALUE, BackupEu … Which of it leaves the value a secret is asked of a match. */
const stage = "(?:[_.-][A-Za-z0-9]{1,12}|[A-Z][a-z0-9]{1,11}|[A-Z]{2,4}|[0-9]{1,2}){0,3}";

/** The usual ones of them. Behind a vendor's word, where a name that turned out to be another thing's would hide the key-like name behind it. */
const use =
  "(?i:[_.-]?(?:value|v?\\d{1,2}|prod|production|stg|staging|dev|test|live|default|main|local|backup|old|new|legacy|eu|us|uk|primary|secondary|ci|[ab])){0,2}";

/** `mistral_api_key` as it stands inside a camel-case name: MistralApiKey, or MistralAPI_KEY. */
function camelCased(names: readonly string[], first: (word: string) => string = capital): string {
  const forms = names.map((name) => {
    const [head = "", ...rest] = name.split(/[_.-]/).map(escapeRegex);
    return `${first(head)}${rest.map((word) => `[_.-]?(?i:${word})`).join("")}`;
  });
  return forms.join("|");
}

function capital(word: string): string {
  return `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;
}

/**
 * The longest telling word of a name, or, where it has none of 4 letters, the first two words with every separator; with the words
 * that follow it in the name.
 */
function tellingWords(name: string): { anchor: string; rest: string[] }[] {
  const pieces = name.split(/[_.-]/);
  const telling = pieces.filter((piece) => piece.length >= 4 && !commonWords.has(piece)).toSorted((a, b) => b.length - a.length)[0];
  const anchor = telling ?? (pieces.length === 1 ? name : undefined);
  if (anchor === undefined)
    return ["", "_", "-", ".", " "].map((separator) => ({ anchor: pieces.slice(0, 2).join(separator), rest: pieces.slice(2) }));
  return pieces.flatMap((piece, index) => (piece === anchor ? [{ anchor, rest: pieces.slice(index + 1) }] : []));
}
