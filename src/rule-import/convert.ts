import { type Shape, shapeOf } from "../detector/regex-shape.ts";
import type { DetectorException, DetectorFile } from "../detector/schema.ts";
import { requiredLiterals } from "./anchors.ts";
import type { Allowlist, Placed, Remark, Rule } from "./document.ts";
import { anchoredAlternation, withSecretGroup } from "./pattern.ts";

export type ImportedDetector = DetectorFile["detectors"][number];
export type ImportedException = NonNullable<DetectorFile["allow"]>[number];

/** A rule as a detector, still without examples; with what differs from the rule. */
export interface Converted {
  readonly detector: ImportedDetector;
  readonly shape: Shape;
  /** Stands before an example: what the expression itself does not have. */
  readonly lead: string;
  readonly from: Placed<Rule>;
  readonly changes: readonly Remark[];
}

export interface ConvertOptions {
  /** Stands before every id: ids are unique beside the built-in ones. */
  readonly prefix: string;
  /** Whether a text is RE2 syntax, as a reason where it is not. */
  readonly syntaxError: (source: string) => string | undefined;
}

/** A rule as a detector, or why it cannot be one. */
export function convertRule(from: Placed<Rule>, options: ConvertOptions): Converted | Remark {
  const { value: rule } = from;
  const remark = (reason: string): Remark => ({ file: from.file, line: from.line, rule: rule.id, reason });
  const refused = refusal(rule);
  if (refused !== undefined) return remark(refused);
  const sources = [rule.regex, rule.path].filter((source) => source !== undefined);
  const wrong = sources.map((source) => syntaxProblem(source, options)).find((problem) => problem !== undefined);
  if (wrong !== undefined) return remark(wrong);
  const named = withSecretGroup(rule.regex ?? "", rule.secretGroup);
  if ("problem" in named) return remark(named.problem);
  const shape = shapeOf(named.source);
  if (shape === undefined) return remark("its expression has syntax that Rekey runs but cannot read anchors from (such as \\pL)");

  const keywords = (rule.keywords ?? []).filter((word) => word !== "");
  const inside = requiredLiterals(shape, keywords);
  const anchors = inside ?? keywords.map((word) => word.toLowerCase());
  if (anchors.length === 0)
    return remark("no text of 3 characters stands in every match, and it has no keywords: it would run on every byte");
  if (anchors.some((anchor) => Buffer.byteLength(anchor) < 3))
    return remark("no text of 3 characters stands in every match, and a keyword has fewer: it would run nearly everywhere");
  const implied = inside === undefined || anchors.every((anchor) => keywords.some((word) => anchor.includes(word.toLowerCase())));
  const changes = [
    ...(inside === undefined ? ["a value is looked for from 512 bytes before a keyword to 8 KiB behind it, not in the whole file"] : []),
    ...unevaluated(rule),
  ];
  const allow = allowlistsOf(rule).map((list) => convertAllowlist(list, { ...from, rule: rule.id }, options));
  const exceptions = allow.flatMap(({ exception }) => exception ?? []);
  const doubtful = rule.filter !== undefined || rule.tokenEfficiency === true || rule.specificity === 0 || keywords.length === 0;
  const detector: ImportedDetector = {
    id: `${options.prefix}-${kebab(rule.id)}`,
    name: nameOf(rule),
    regex: named.source,
    anchors: [...anchors],
    ...(implied || keywords.length === 0 ? {} : { keywords }),
    ...(rule.path === undefined ? {} : { path: rule.path }),
    within: 5,
    boundary: "none",
    // "greater than" there, "at least" here
    entropy: rule.entropy === undefined || rule.entropy <= 0 ? 0 : Math.min(rule.entropy + 1e-6, 8),
    checksum: "none",
    confidence: doubtful ? "low" : "medium",
    severity: "high",
    subject: [],
    fallback: rule.specificity !== undefined && rule.specificity < 100,
    without_issuer: false,
    memorable: false,
    over: [],
    ...(exceptions.length === 0 ? {} : { allow: exceptions }),
    revoke: `none: revoke it where it was issued; the imported rule names no page (${rule.id.replace(/\s+/g, " ")})`,
    examples: { match: [], no_match: [] },
  };
  const lead = inside === undefined || !implied ? `${keywords[0]} ` : "";
  return { detector, shape, lead, from, changes: [...changes.map(remark), ...allow.flatMap((one) => one.remarks)] };
}

function refusal({ regex, path, required, components, skipReport, allowlist, allowlists }: Rule): string | undefined {
  if (required !== undefined || components !== undefined) return "a rule made of several rules is not imported";
  if (skipReport === true) return "it reports nothing by itself: it is a part of a rule made of several";
  if (regex === undefined || regex === "")
    return path === undefined
      ? "neither regex nor path: it changes a rule that is not in these files"
      : "a path alone: Rekey reports values in files, not files";
  if (allowlist !== undefined && allowlists !== undefined) return "allowlist beside allowlists: the format allows one of them";
  return undefined;
}

function unevaluated({ filter, tokenEfficiency, validate }: Rule): string[] {
  return [
    ...(filter === undefined ? [] : ["its filter expression is not evaluated, so its confidence is low"]),
    ...(tokenEfficiency === true ? ["tokenEfficiency is not measured, so its confidence is low"] : []),
    ...(validate === undefined ? [] : ["its validate expression is not run: only built-in detectors may send a value anywhere"]),
  ];
}

function syntaxProblem(source: string, { syntaxError }: ConvertOptions): string | undefined {
  // the scanner sees bytes: a letter outside of ASCII is several of them
  if (/[^\x00-\x7f]/.test(source)) return "its expression has characters outside of ASCII";
  if (/\(\?<?[=!]/.test(source)) return "its expression looks ahead or back, which takes more than linear time";
  const reason = syntaxError(source);
  return reason === undefined ? undefined : `its expression is not RE2 syntax: ${reason}`;
}

function allowlistsOf({ allowlist, allowlists = [] }: Rule): readonly Allowlist[] {
  return allowlist === undefined ? allowlists : [allowlist];
}

/** An allowlist as an exception, or why it is left out: then its rule reports more, never less. */
export function convertAllowlist(
  list: Allowlist,
  from: { readonly file: string; readonly line: number; readonly rule: string },
  options: ConvertOptions,
): { readonly exception: DetectorException | undefined; readonly remarks: readonly Remark[] } {
  const remark = (reason: string): Remark => ({ file: from.file, line: from.line, rule: from.rule, reason });
  const filled = (values: readonly string[] | undefined) => (values === undefined || values.length === 0 ? undefined : [...values]);
  const [paths, regexes] = [filled(list.paths), filled(list.regexes)];
  const [commits, stopwords] = [filled(list.commits), filled(list.stopwords)?.filter((word) => word !== "")];
  if ([paths, regexes, commits, stopwords].every((field) => field === undefined))
    return { exception: undefined, remarks: [remark("an allowlist without commits, paths, regexes and stopwords")] };
  const wrong = [...(paths ?? []), ...(regexes ?? [])]
    .map((source) => syntaxProblem(source, options))
    .find((problem) => problem !== undefined);
  if (wrong !== undefined) return { exception: undefined, remarks: [remark(`an allowlist is left out: ${wrong}`)] };
  if (commits?.some((commit) => !/^[0-9a-f]{7,64}$/i.test(commit)))
    return { exception: undefined, remarks: [remark("an allowlist is left out: a commit is not 7 to 64 hexadecimal characters")] };
  const whole = (sources: string[] | undefined) => sources?.map((source) => anchoredAlternation(source) ?? source);
  const wrapped = [...(paths ?? []), ...(regexes ?? [])].filter((source) => anchoredAlternation(source) !== undefined).length;
  const exception: DetectorException = {
    reason: reasonOf(list.description),
    condition: list.condition === "AND" || list.condition === "&&" ? "all" : "any",
    target: list.regexTarget === undefined || list.regexTarget === "" ? "secret" : list.regexTarget,
    ...(paths === undefined ? {} : { paths: whole(paths) }),
    ...(commits === undefined ? {} : { commits }),
    ...(regexes === undefined ? {} : { regexes: whole(regexes) }),
    ...(stopwords === undefined ? {} : { stopwords }),
  };
  const changed = `${wrapped} of its allowlist's expressions read ^a|b$, which is (^a)|(b$): taken as ^(?:a|b)$`;
  return { exception, remarks: wrapped === 0 ? [] : [remark(changed)] };
}

function reasonOf(description: string | undefined): string {
  const text = oneLine(description ?? "");
  return text.length < 3 ? "an allowlist of the imported file" : text;
}

function nameOf({ id, description }: Rule): string {
  const sentence = oneLine(description ?? "").split(/(?<=[.!?]) /)[0] ?? "";
  const text = sentence.length < 3 || sentence.length > 120 ? id : sentence.replace(/\.$/, "");
  return text.length < 3 ? `rule ${text}` : text;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, 400);
}

export function kebab(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
}
