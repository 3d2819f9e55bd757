import { stringify } from "yaml";
import { type Claims, checkExamples, checkRawText, expandExample } from "../detector/check.ts";
import type { DetectorFile } from "../detector/schema.ts";
import { ConfigError } from "../errors.ts";
import {
  type Converted,
  type ConvertOptions,
  convertAllowlist,
  convertRule,
  type ImportedDetector,
  type ImportedException,
  kebab,
} from "./convert.ts";
import { type Placed, type Remark, type Rule, type RuleDocument, readRules } from "./document.ts";
import { exampleOf, nearMisses } from "./example.ts";

/** Texts of the same expression that are tried as its example. */
const attempts = 8;
/** As the format has it: a file, what it extends, and what that extends. */
const deepest = 2;

export interface ImportOptions extends Omit<ConvertOptions, "prefix"> {
  /** The file's name, for messages. */
  readonly file: string;
  /** The provider of the new detectors; `gitleaks` for `.gitleaks.toml` where absent. */
  readonly name?: string | undefined;
  /** The text of the file that `extend.path` names, from the folder of the file that names it; throws ConfigError. */
  readonly readExtended: (path: string, from: string) => { readonly file: string; readonly text: string };
  /** What a scan with the built-in detectors and these says of a text. */
  readonly claimsOf: (file: DetectorFile) => Promise<Claims>;
}

export interface Import {
  /** Absent where no rule could be imported. */
  readonly file: DetectorFile | undefined;
  /** The file's text, as `rekey check` proves it. */
  readonly yaml: string | undefined;
  /** Ids of the rules that became detectors. */
  readonly imported: readonly string[];
  /** Imported, but not as they stand. */
  readonly changed: readonly Remark[];
  /** What another detector finds already. */
  readonly covered: readonly Remark[];
  readonly rejected: readonly Remark[];
}

/** Detectors of a gitleaks or betterleaks rule file, each proven by examples made from its expression. Throws ConfigError. */
export async function importRules(text: string, options: ImportOptions): Promise<Import> {
  const { document, rejected } = extended(text, options.file, options, 0);
  const provider =
    kebab(
      options.name ??
        options.file
          .split(/[\\/]/)
          .at(-1)
          ?.replace(/\.toml$/i, "") ??
        "",
    ) || "imported";
  const convert = { ...options, prefix: provider };
  const converted: Converted[] = [];
  const changed: Remark[] = [];
  for (const rule of document.rules) {
    const made = convertRule(rule, convert);
    if ("detector" in made) converted.push(made);
    else rejected.push(made);
  }
  const distinct = [...new Map(converted.map((one) => [one.detector.id, one])).values()];
  for (const one of converted)
    if (!distinct.includes(one)) rejected.push(remarkOn(one.from, `its id is '${one.detector.id}' as that of another rule is`));
  const ids = new Map(distinct.map(({ detector, from }) => [from.value.id, detector.id]));
  const allow = document.allowlists.flatMap((list): ImportedException[] => {
    const { exception, remarks } = convertAllowlist(list.value, { ...list, rule: "(allowlist)" }, convert);
    changed.push(...remarks.filter(() => exception !== undefined));
    rejected.push(...remarks.filter(() => exception === undefined));
    if (exception === undefined) return [];
    const { targetRules } = list.value;
    if (targetRules === undefined || targetRules.length === 0) return [exception];
    const detectors = targetRules.flatMap((id) => ids.get(id) ?? []);
    return detectors.length === 0 ? [] : [{ ...exception, detectors }];
  });
  const proven = await prove(distinct, allow, provider, options);
  changed.push(...proven.kept.flatMap(({ changes }) => changes));
  const result = { imported: proven.kept.map(({ from }) => from.value.id), changed, covered: proven.covered };
  rejected.push(...proven.rejected);
  rejected.sort((a, b) => (a.file === b.file ? a.line - b.line : 0));
  if (proven.kept.length === 0) return { ...result, file: undefined, yaml: undefined, rejected };
  const kept = new Set(proven.kept.map(({ detector }) => detector.id));
  const stillThere = allow.filter(({ detectors }) => detectors?.some((id) => kept.has(id)) ?? true);
  const file = fileOf(
    provider,
    proven.kept.map(({ detector }) => detector),
    stillThere,
  );
  return { ...result, file, yaml: yamlOf(file, document.heading, options.file), rejected };
}

function remarkOn({ file, line, value }: Placed<Rule>, reason: string): Remark {
  return { file, line, rule: value.id, reason };
}

/** The document with what it extends merged in: the extending file wins field by field, lists are appended. */
function extended(text: string, file: string, options: ImportOptions, depth: number): { document: RuleDocument; rejected: Remark[] } {
  const document = readRules(text, file);
  const rejected = [...document.rejected];
  const { extend } = document;
  if (extend === undefined) return { document, rejected };
  const refuse = (reason: string) => rejected.push({ file, line: extend.line, rule: "(extend)", reason });
  const { path, url, useDefault, disabledRules = [] } = extend.value;
  if (url !== undefined) refuse("extend.url: nothing is fetched; save the file and name it with extend.path");
  if (useDefault === true) refuse("extend.useDefault: that tool's own rules are not imported; Rekey's own detectors run beside these");
  if (path === undefined) return { document, rejected };
  if (useDefault === true)
    throw new ConfigError("extend.path beside extend.useDefault: the format allows one of them", { file, line: extend.line });
  if (depth === deepest) throw new ConfigError(`files extend each other more than ${deepest} times`, { file, line: extend.line });
  const named = options.readExtended(path, file);
  const base = extended(named.text, named.file, options, depth + 1);
  const disabled = new Set(disabledRules);
  const own = new Map(document.rules.map((rule) => [rule.value.id, rule]));
  const inherited = base.document.rules.filter(({ value }) => !disabled.has(value.id));
  const merged = inherited.map((rule) => {
    const over = own.get(rule.value.id);
    own.delete(rule.value.id);
    return over === undefined ? rule : { ...over, value: overridden(rule.value, over.value) };
  });
  return {
    document: {
      ...document,
      rules: [...merged, ...own.values()],
      allowlists: [...base.document.allowlists, ...document.allowlists],
      heading: [...document.heading, ...base.document.heading],
    },
    rejected: [...rejected, ...base.rejected],
  };
}

function overridden(base: Rule, over: Rule): Rule {
  const joined = <T>(a: readonly T[] | undefined, b: readonly T[] | undefined) =>
    a === undefined && b === undefined ? undefined : [...(a ?? []), ...(b ?? [])];
  const lists = (rule: Rule) => rule.allowlists ?? (rule.allowlist === undefined ? undefined : [rule.allowlist]);
  return {
    ...base,
    ...over,
    allowlist: undefined,
    tags: joined(base.tags, over.tags),
    keywords: joined(base.keywords, over.keywords),
    allowlists: joined(lists(base), lists(over)),
  };
}

interface Proven {
  readonly kept: readonly Converted[];
  readonly covered: readonly Remark[];
  readonly rejected: readonly Remark[];
}

/** Gives every detector an example that a scan finds and one that it does not; those that have none are left out. */
async function prove(
  all: readonly Converted[],
  allow: readonly ImportedException[],
  provider: string,
  options: ImportOptions,
): Promise<Proven> {
  const [kept, covered, rejected]: [Converted[], Remark[], Remark[]] = [[], [], []];
  if (all.length === 0) return { kept, covered, rejected };
  const claims = await options.claimsOf(
    fileOf(
      provider,
      all.map(({ detector }) => withExamples(detector, ["«x»"], ["x"])),
      allow,
    ),
  );
  for (const one of all) {
    const detector = exampled(one, claims);
    const shown = detector === undefined ? [] : checkRawText("", stringify(detector), claims);
    if (detector === undefined) {
      const other = claimedBy(one, claims);
      if (other === undefined) rejected.push(remarkOn(one.from, "no text made from its expression is found with it: no example proves it"));
      else covered.push(remarkOn(one.from, `'${other}' finds what it finds`));
    } else if (shown.length > 0)
      rejected.push(remarkOn(one.from, "its own text is taken for a credential; leave the value out of its allowlist"));
    else kept.push({ ...one, detector });
  }
  return { kept, covered, rejected };
}

function exampled({ detector, shape, lead }: Converted, claims: Claims): ImportedDetector | undefined {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const example = exampleOf(shape, attempt);
    if (example === undefined) continue;
    for (const miss of nearMisses(example)) {
      const candidate = withExamples(detector, [lead + example], [lead + miss]);
      if (checkExamples({ ...noFile, detectors: [candidate] }, claims).length === 0) return candidate;
    }
  }
  return undefined;
}

/** Another detector that claims the example instead. */
function claimedBy({ detector: { id }, shape, lead }: Converted, claims: Claims): string | undefined {
  const example = exampleOf(shape, 0);
  if (example === undefined) return undefined;
  const { text, secret = "" } = expandExample(lead + example, `${id}/match/0`);
  return claims(text).find((claim) => claim.detector !== id && (claim.secret.includes(secret) || secret.includes(claim.secret)))?.detector;
}

function withExamples(detector: ImportedDetector, match: string[], noMatch: string[]): ImportedDetector {
  return { ...detector, examples: { match, no_match: noMatch } };
}

const noFile = { provider: "imported", name: "imported", aliases: [], references: [] };

function fileOf(provider: string, detectors: readonly ImportedDetector[], allow: readonly ImportedException[]): DetectorFile {
  return {
    provider,
    name: `Rules of ${provider}`,
    aliases: [],
    references: ["https://github.com/gitleaks/gitleaks#configuration"],
    detectors: [...detectors],
    ...(allow.length === 0 ? {} : { allow: [...allow] }),
  };
}

export const firstLine = "# Made by rekey check --import; it overwrites this file.";

/** Without what a detector has anyway. The imported file's heading stays: mostly a licence. */
function yamlOf({ aliases: _, ...file }: DetectorFile, heading: readonly string[], from: string): string {
  const detectors = file.detectors.map((detector) => {
    const { within, checksum, subject, fallback, without_issuer, memorable, over, ...rest } = detector;
    return { ...rest, ...(fallback ? { fallback } : {}) };
  });
  const comments = [firstLine, `# From ${from.replace(/[^\x20-\x7e]/g, "?")}`, ...heading.map((line) => line.trim())];
  return `${comments.join("\n")}\n${stringify({ ...file, detectors }, { lineWidth: 0 })}`;
}
