/** One spelling of a reference. The pattern is global, and has the groups `name` and, where it may give one, `default`. */
export interface Dialect {
  readonly pattern: RegExp;
  /** What the name is put behind: `input:`, `file:`; empty for an environment variable. */
  readonly prefix?: string;
  /** Names nothing outside of the file: a folder, a separator. */
  readonly builtin?: boolean;
  /** Writes a reference to a variable of the environment, or to an entry of the platform's store. Absent = only read. */
  readonly write?: (name: string) => string;
  /** Counts as the whole value only. */
  readonly whole?: true;
}

/** The references that one client expands. Everything else is sent as text. */
export type Grammar = readonly Dialect[];

/** `$NAME` in capitals only: a small letter after a dollar is far more often part of a password than a variable. */
export const dollar: Dialect = { pattern: /(?<![\w$\\])\$(?<name>[A-Z_][A-Z0-9_]{0,127})(?![A-Za-z0-9_{])/g };
export const dollarBraces: Dialect = { pattern: /\$\{(?<name>[A-Za-z_][A-Za-z0-9_]{0,127})\}/g, write: (name) => `\${${name}}` };
export const dollarDefault: Dialect = { pattern: /\$\{(?<name>[A-Za-z_][A-Za-z0-9_]{0,127}):-(?<default>[^}]{0,1024})\}/g };
export const percent: Dialect = { pattern: /%(?<name>[A-Za-z_][A-Za-z0-9_]{0,127})%/g };
export const envBraces: Dialect = { pattern: /\$\{env:(?<name>[A-Za-z_][A-Za-z0-9_]{0,127})\}/g, write: (name) => `\${env:${name}}` };
/** Prompty. */
export const envDefault: Dialect = { pattern: /\$\{env:(?<name>[A-Za-z_][A-Za-z0-9_]{0,127}):(?<default>[^}]{0,1024})\}/g };
export const inputBraces: Dialect = { pattern: /\$\{input:(?<name>[^}\s]{1,128})\}/g, prefix: "input:" };
export const fileBraces: Dialect = { pattern: /\$\{file:(?<name>[^}]{1,256})\}/g, prefix: "file:" };
export const userConfig: Dialect = { pattern: /\$\{user_config\.(?<name>[A-Za-z0-9_]{1,128})\}/g, prefix: "user_config:" };
export const editorVariables: Dialect = {
  pattern: /\$\{(?:workspaceFolder(?::[^}]{1,128})?|workspaceFolderBasename|userHome|pathSeparator|\/)\}/g,
  builtin: true,
};
/** opencode. */
export const bareEnv: Dialect = { pattern: /(?<!\$)\{env:(?<name>[A-Za-z_][A-Za-z0-9_]{0,127})\}/g, write: (name) => `{env:${name}}` };
export const bareFile: Dialect = { pattern: /(?<!\$)\{file:(?<name>[^}]{1,256})\}/g, prefix: "file:" };
/** GitHub Actions, Continue. */
export const doubleBraces: Dialect = {
  pattern: /\$\{\{\s{0,8}(?:secrets|inputs|env|vars)\.(?<name>[A-Za-z0-9_]{1,128})\s{0,8}\}\}/g,
  write: (name) => `\${{ secrets.${name} }}`,
};
/** LiteLLM: only as the whole value. */
export const osEnviron: Dialect = {
  pattern: /^os\.environ\/(?<name>[A-Za-z_][A-Za-z0-9_]{0,127})$/g,
  write: (name) => `os.environ/${name}`,
  whole: true,
};
export const n8nExpression: Dialect = {
  pattern: /^=?\{\{\s{0,8}\$(?:env|secrets|vars)\.(?<name>[A-Za-z0-9_.]{1,128})\s{0,8}\}\}/g,
  write: (name) => `={{ $env.${name} }}`,
  whole: true,
};
export const templateEnv: Dialect = {
  pattern: /(?<!\$)\{\{\s{0,8}env\.(?<name>[A-Za-z0-9_]{1,128})\s{0,8}\}\}/g,
  write: (name) => `{{env.${name}}}`,
};

/** Flowise. */
export const flowiseVariable: Dialect = { pattern: /(?<!\$)\{\{\s{0,8}\$vars\.(?<name>[A-Za-z0-9_]{1,128})\s{0,8}\}\}/g };

/** No references at all: every text is the value. */
export const noReferences: Grammar = [];

/** All that any tool expands: what a value looks like that another client would have expanded. */
export const everyDialect: Grammar = [
  dollar,
  dollarBraces,
  dollarDefault,
  percent,
  envBraces,
  envDefault,
  inputBraces,
  fileBraces,
  userConfig,
  bareEnv,
  bareFile,
  doubleBraces,
  osEnviron,
  n8nExpression,
  templateEnv,
  flowiseVariable,
];

/** A reference found in a value. Offsets count UTF-16 units of the value. */
export interface Reference {
  readonly start: number;
  readonly end: number;
  /** Absent for built-in variables. */
  readonly name?: string;
  readonly default?: { readonly start: number; readonly end: number };
}

/** The references of a value in this grammar, in order, without overlaps. */
export function referencesIn(value: string, grammar: Grammar): Reference[] {
  const found = grammar.flatMap(({ pattern, prefix = "", builtin = false }) =>
    [...value.matchAll(pattern)].map((match): Reference => {
      const [start, end] = [match.index, match.index + match[0].length];
      const fallback = match.groups?.["default"];
      return {
        start,
        end,
        ...(builtin ? {} : { name: `${prefix}${match.groups?.["name"] ?? ""}` }),
        ...(fallback === undefined ? {} : { default: { start: end - 1 - fallback.length, end: end - 1 } }),
      };
    }),
  );
  const kept: Reference[] = [];
  for (const reference of found.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    if (reference.start >= (kept.at(-1)?.end ?? 0)) kept.push(reference);
  }
  return kept;
}
