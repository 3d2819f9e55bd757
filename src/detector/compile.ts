import { createHash } from "node:crypto";
import { ConfigError } from "../errors.ts";
import { checksums } from "./checksum.ts";
import type { LinearRegex, RegexEngine } from "./regex.ts";
import type { Detector, DetectorFile, DetectorPart } from "./schema.ts";
import { escapeRegex, parseTemplate, templateSource } from "./template.ts";

type PatternSource = Pick<DetectorPart, "token" | "assign" | "regex" | "anchors">;

/** A pattern ready to run: an anchor hit opens a window of `back` bytes before it and `forward` bytes behind its start. */
export interface CompiledPattern {
  readonly regex: LinearRegex;
  /** Lower-cased literals; every match contains (or, for `near`, stands beside) at least one of them. */
  readonly anchors: readonly string[];
  readonly back: number;
  readonly forward: number;
  /** Name of the part in a composite, otherwise undefined. */
  readonly part: string | undefined;
}

export interface CompiledDetector {
  readonly detector: Detector;
  readonly provider: string;
  readonly patterns: readonly CompiledPattern[];
}

export interface Ruleset {
  readonly detectors: readonly CompiledDetector[];
  readonly engine: RegexEngine["name"];
  /** SHA-256 over every detector, hex: scans under one hash give one result. */
  readonly hash: string;
  readonly filter: import("./prefilter.ts").AnchorFilter;
}

/** Throws ConfigError naming the detector where a rule has no usable anchor, does not compile or names an unknown checksum. */
export async function compileDetectors(files: readonly DetectorFile[], engine: RegexEngine): Promise<Ruleset> {
  const { buildFilter } = await import("./prefilter.ts");
  const detectors = files.flatMap((file) => file.detectors.map((detector) => compileOne(detector, file.provider, engine)));
  const seen = new Set<string>();
  for (const { detector } of detectors) {
    if (seen.has(detector.id)) throw new ConfigError(`two detectors have the id '${detector.id}'; ids are unique`, { file: "detectors" });
    seen.add(detector.id);
  }
  const hash = createHash("sha256").update(JSON.stringify(files)).digest("hex");
  const anchors = detectors.flatMap((compiled, index) =>
    compiled.patterns.flatMap((pattern) => pattern.anchors.map((text) => ({ text, index, pattern }))),
  );
  return { detectors, engine: engine.name, hash, filter: buildFilter(anchors) };
}

function compileOne(detector: Detector, provider: string, engine: RegexEngine): CompiledDetector {
  const fail = (problem: string): never => {
    throw new ConfigError(`'${detector.id}': ${problem}`, { file: `detectors/${provider}.yml` });
  };
  if (detector.checksum !== "none" && !Object.hasOwn(checksums, detector.checksum)) {
    fail(`unknown checksum '${detector.checksum}'; expected one of ${Object.keys(checksums).join(", ")}`);
  }
  const sources: [string | undefined, PatternSource][] =
    detector.parts === undefined ? [[undefined, patternOf(detector)]] : Object.entries(detector.parts);
  const patterns = sources.flatMap(([part, source]) => patternsOf(source, detector, part, engine, fail));
  return { detector, provider, patterns };
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
  if (/\(\?[=!<][=!]?(?![A-Za-z_])/.test(source.regex)) fail("look-around is not linear-time and not supported");
  try {
    return [{ regex: engine.compile(source.regex), anchors, back: 512, forward: 8192, part }];
  } catch (error) {
    return fail(`not RE2 syntax: ${error instanceof Error ? error.message : String(error)}`);
  }
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
  const literals = parts.flatMap((piece) => ("literal" in piece ? [piece.literal] : []));
  const anchor = literals.toSorted((a, b) => b.length - a.length)[0] ?? "";
  const longest = parts.reduce((sum, piece) => sum + ("literal" in piece ? piece.literal.length : piece.max), 0);
  const regex = engine.compile(`(?P<secret>${templateSource(template)})`);
  if (anchor.length >= 3) {
    // a literal can stand far behind an open run only in templates with two runs; bound it by the whole length
    const before = parts.findIndex((piece) => "literal" in piece && piece.literal === anchor);
    const lead = parts.slice(0, before).reduce((sum, piece) => sum + ("literal" in piece ? piece.literal.length : piece.max), 0);
    return { regex, anchors: [anchor.toLowerCase()], back: lead + 1, forward: longest + 1, part };
  }
  if (detector.near === undefined) return fail(`'${template}' has no literal of 3 bytes; give the words that stand near it (near: …)`);
  return { regex, anchors: detector.near.map((word) => word.toLowerCase()), back: 60 + longest, forward: 120 + longest, part };
}

/** Between a name and its value: quotes, brackets, an operator (or white space behind a flag), an auth scheme. */
const operator =
  "[\"'`\\])]{0,3}\\s{0,8}(?:=>|:=|[=:,(]|\\s|\\\\u003[da])\\s{0,8}(?:[=>:]\\s{0,4})?(?:[\\[({]\\s{0,4})?(?:\\\\?[\"'`]){0,2}(?:(?i:bearer|basic|token|apikey|key)[ :]+)?";

function assignPattern(names: readonly string[], template: string, part: string | undefined, engine: RegexEngine): CompiledPattern {
  const alternatives = names.map((name) => name.split("_").map(escapeRegex).join("[_.\\- ]?"));
  const source = `${startOf(names.join("|"), alternatives.join("|"))}${stage}${operator}(?P<secret>${templateSource(template)})`;
  return {
    regex: engine.compile(source),
    anchors: [...new Set(names.flatMap(anchorsOf))],
    back: 64,
    forward: 256 + lengthOf(template),
    part,
  };
}

/**
 * A vendor word, then a key-like name: in the rest of its line, or in the first lines of the object or YAML map that it opens.
 * The word stands alone or as a part of a camel-case or `_`-joined name (`openExaKey`, not `hexaKey`).
 */
function vendorPattern(vendor: readonly string[], template: string, part: string | undefined, engine: RegexEngine): CompiledPattern {
  const sameLine = "(?:[^a-z\\n][^\\n]{0,60}?)?";
  const nested =
    "[\"'\\])]{0,2}[ \\t]{0,4}[:=]?[ \\t]{0,4}[{(\\[]{0,2}[ \\t]{0,4}\\r?\\n(?:[^\\n]{0,80}\\n){0,3}?[ \\t]{1,24}[\"']?[A-Za-z_-]{0,16}?";
  const keyLike = "(?i:key|token|secret|passw(?:or)?d|_pat|credentials?|authorization|bearer)";
  const words = vendor.map((word) => escapeRegex(word).replace(/(?:_|\\\.|-)/g, "[_.\\- ]?"));
  const source = `${startOf(vendor.join("|"), words.join("|"))}(?i:api|ai)?(?:${sameLine}|${nested})${keyLike}${stage}${operator}(?P<secret>${templateSource(template)})`;
  return {
    regex: engine.compile(source),
    anchors: [...new Set(vendor.flatMap(anchorsOf))],
    back: 64,
    forward: 640 + lengthOf(template),
    part,
  };
}

const stage = "(?i:[_.-]?(?:value|v\\d|prod|production|staging|dev|test|live|default|\\d)){0,2}";

/** Words in any case with no letter or digit before them, or in camel case behind one. */
function startOf(plain: string, alternatives: string): string {
  const camel = plain.split("|").map((name) => {
    const [first = "", ...rest] = name.split(/[_.-]/);
    return [`${capital(first)}${rest.map(capital).join("")}`, `${capital(first)}${["", ...rest].join("[_.\\- ]?")}`];
  });
  return `(?:(?:^|[^A-Za-z0-9]|\\\\[nrt])(?i:${alternatives})|[a-z0-9](?:${camel.flat().join("|")}))`;
}

function capital(word: string): string {
  return `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;
}

/** Words that stand in every program: no good as the anchor of a search. */
const common = /^(api|key|token|secret|access|auth|app|client|id|private|url|password|account|service|the|and)$/;

/** The longest telling word of a name, or, where it has none of 3 letters, the first two words with every separator. */
function anchorsOf(name: string): string[] {
  const pieces = name.split(/[_.-]/);
  const telling = pieces.filter((piece) => piece.length >= 4 && !common.test(piece)).toSorted((a, b) => b.length - a.length)[0];
  if (telling !== undefined || pieces.length === 1) return [telling ?? name];
  return ["", "_", "-", ".", " "].map((separator) => pieces.slice(0, 2).join(separator));
}

function lengthOf(template: string): number {
  return parseTemplate(template).reduce((sum, piece) => sum + ("literal" in piece ? piece.literal.length : piece.max), 0);
}
