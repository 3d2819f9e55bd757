import { parse, TomlError } from "smol-toml";
import { z } from "zod";
import { readToml } from "../agent-config/format/toml.ts";
import { pointerOf, select } from "../agent-config/format/tree.ts";
import { placesOf } from "../agent-config/slot/places.ts";
import { ConfigError } from "../errors.ts";

/**
 * The configuration format of gitleaks and betterleaks, as their documentation describes it:
 * https://github.com/gitleaks/gitleaks#configuration, https://github.com/betterleaks/betterleaks#configuration (2026-11).
 */
const strings = z.array(z.string());

const allowlist = z.strictObject({
  description: z.string().optional(),
  condition: z.enum(["OR", "AND", "||", "&&"]).optional(),
  commits: strings.optional(),
  paths: strings.optional(),
  regexTarget: z.enum(["secret", "match", "line", ""]).optional(),
  regexes: strings.optional(),
  stopwords: strings.optional(),
  targetRules: strings.optional(),
});
export type Allowlist = z.output<typeof allowlist>;

const rule = z.strictObject({
  id: z.string().min(1),
  description: z.string().optional(),
  regex: z.string().optional(),
  path: z.string().optional(),
  secretGroup: z.number().int().nonnegative().optional(),
  entropy: z.number().optional(),
  keywords: strings.optional(),
  tags: strings.optional(),
  allowlists: z.array(allowlist).optional(),
  /** The old form: one table. */
  allowlist: allowlist.optional(),
  required: z.array(z.unknown()).optional(),
  components: z.array(z.unknown()).optional(),
  skipReport: z.boolean().optional(),
  specificity: z.number().optional(),
  tokenEfficiency: z.boolean().optional(),
  filter: z.string().optional(),
  validate: z.string().optional(),
});
export type Rule = z.output<typeof rule>;

const extend = z.strictObject({
  path: z.string().optional(),
  url: z.string().optional(),
  useDefault: z.boolean().optional(),
  disabledRules: strings.optional(),
});

/** Something of a file that is not imported, or not as it stands. `line` is 1-based. */
export interface Remark {
  readonly file: string;
  readonly line: number;
  /** The rule's id, or what part of the file it is. */
  readonly rule: string;
  readonly reason: string;
}

/** A part of a file with its place. */
export interface Placed<T> {
  readonly value: T;
  readonly file: string;
  readonly line: number;
}

export interface RuleDocument {
  readonly rules: readonly Placed<Rule>[];
  readonly allowlists: readonly Placed<Allowlist>[];
  readonly extend: Placed<z.output<typeof extend>> | undefined;
  readonly rejected: readonly Remark[];
  /** The comment lines at its beginning: mostly a licence. */
  readonly heading: readonly string[];
}

const known = new Set([
  "title",
  "description",
  "minVersion",
  "betterleaksMinVersion",
  "extend",
  "rules",
  "allowlist",
  "allowlists",
  "prefilter",
  "filter",
]);
const mostCharacters = 4 << 20;

/**
 * Reads a rule file. Values come from a TOML parser, lines from the tree with places that agent configuration is read with: the
 * parser gives none. Throws ConfigError with the line where the text is no TOML; a rule that is not of the format is in `rejected`.
 */
export function readRules(text: string, file: string): RuleDocument {
  if (text.length > mostCharacters)
    throw new ConfigError(`expected at most ${mostCharacters} characters, this file has ${text.length}`, { file });
  const values = parsed(text, file);
  const { root } = readToml(text);
  const { lineOf } = placesOf(text);
  const line = (...path: (string | number)[]): number => {
    for (let length = path.length; length > 0 && root !== undefined; length--) {
      const node = select(root, pointerOf(path.slice(0, length).map(String)))[0]?.node;
      if (node !== undefined) return lineOf(node.start);
    }
    return 1;
  };
  const rejected: Remark[] = [];
  const reject = (name: string, reason: string, ...path: (string | number)[]) =>
    rejected.push({ file, line: line(...path), rule: name, reason });
  for (const key of Object.keys(values)) if (!known.has(key)) reject(`(${key})`, "a field that the format does not have", key);
  for (const key of ["prefilter", "filter"])
    if (values[key] !== undefined) reject(`(${key})`, "a filter expression for every rule is not evaluated", key);
  if (values["allowlist"] !== undefined && values["allowlists"] !== undefined)
    reject("(allowlist)", "[allowlist] beside [[allowlists]]: the format allows one of them", "allowlist");

  function read<S extends z.ZodType>(schema: S, value: unknown, name: string, path: (string | number)[]): Placed<z.output<S>>[] {
    const result = schema.safeParse(value);
    if (result.success) return [{ value: result.data, file, line: line(...path) }];
    const [issue] = result.error.issues;
    const wrong = issue?.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
    const where = [...(issue?.path ?? []), ...wrong].map(String);
    const what = wrong.length > 0 ? "the format has no such field" : (issue?.message ?? "not of the format");
    reject(name, `${where.join(".")}: ${what}`, ...path, ...where);
    return [];
  }
  const listed = (key: string): [unknown, (string | number)[]][] => {
    const value = values[key];
    return Array.isArray(value) ? value.map((item, index) => [item, [key, index]]) : value === undefined ? [] : [[value, [key]]];
  };
  const nameOf = (item: unknown, index: number) =>
    typeof item === "object" && item !== null && "id" in item && typeof item.id === "string" ? item.id : `(rule ${index + 1})`;
  return {
    rules: listed("rules").flatMap(([item, path], index) => read(rule, item, nameOf(item, index), path)),
    allowlists: [...listed("allowlists"), ...listed("allowlist")].flatMap(([item, path]) => read(allowlist, item, "(allowlist)", path)),
    extend: listed("extend").flatMap(([item, path]) => read(extend, item, "(extend)", path))[0],
    rejected,
    heading:
      /^(?:\s*#[^\n]*\n)*/
        .exec(text)?.[0]
        .split("\n")
        .filter((one) => one.trim() !== "") ?? [],
  };
}

function parsed(text: string, file: string): Readonly<Record<string, unknown>> {
  try {
    return parse(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw new ConfigError("not valid TOML: nested too deeply to be read", { file, cause });
    // what follows the first line of the message is the file's own text
    throw new ConfigError(cause.message.split("\n")[0] ?? "not valid TOML", { file, line: cause.line, column: cause.column });
  }
}
