import { lineCounter } from "../mention/mention.ts";
import { blank } from "./blank.ts";

/** A call of something that a file imports: `new OpenAI(…)`, `openai.NewClient(…)`. */
export interface Call {
  /** Module, imported name and members, as the file's import says: `openai#default`, `boto3#client`, `github.com/openai/openai-go#NewClient`. */
  readonly callee: string;
  /** 1-based. */
  readonly line: number;
  /** The arguments without a name, as code. */
  readonly positional: readonly string[];
  /** Keyword arguments, properties of an object argument, and Go's options (`WithAPIKey(x)` → `WithAPIKey`), as code. */
  readonly named: ReadonlyMap<string, string>;
}

export interface SourceCode {
  readonly calls: readonly Call[];
  /** What a name of this file was first set to, as code. */
  readonly assigned: ReadonlyMap<string, string>;
  /** Without comments, for whoever looks for more. */
  readonly code: string;
  readonly lineOf: (offset: number) => number;
}

/** A hostile file has at most so many of each. */
const most = 2000;

export function isCallable(path: string): boolean {
  return /\.(?:[cm]?[jt]sx?|py|go)$/i.test(path);
}

/** The calls of imported names in a file, for JavaScript, TypeScript, Python and Go. Never throws; nothing is resolved outside of it. */
export function readCalls(path: string, text: string): SourceCode {
  const { code, bare } = blank(path, text);
  const lineOf = lineCounter(text);
  const imports = importsOf(path, code, bare);
  if (imports.size === 0) return { calls: [], assigned: new Map(), code, lineOf };
  const calls: Call[] = [];
  let tries = 0;
  for (const match of bare.matchAll(
    /(?<![\w$.])([A-Za-z_$][\w$]{0,80})((?:\.[A-Za-z_$][\w$]{0,80}){0,3})(?:<[\w$<>., |]{0,80}>)?\s{0,4}\(/g,
  )) {
    const imported = imports.get(match[1] ?? "");
    if (imported === undefined) continue;
    // Each try may look ahead a long way, whether it finds its end or not.
    if (++tries > most) break;
    const open = match.index + match[0].length;
    const close = closing(bare, open);
    if (close === undefined) continue;
    const members = match[2] ?? "";
    const callee = imported.endsWith("#") ? `${imported}${members.slice(1)}` : `${imported}${members}`;
    calls.push({ callee, line: lineOf(match.index), ...argumentsOf(code.slice(open, close), bare.slice(open, close)) });
  }
  return { calls, assigned: assignedIn(code, bare), code, lineOf };
}

const request =
  /(?<![\w$])(?:fetch|axios(?:\.\w{1,20})?|got(?:\.\w{1,20})?|ky(?:\.\w{1,20})?|requests\.\w{1,20}|httpx\.\w{1,20}|(?:client|session)\.(?:get|post|request|stream)|http\.NewRequest(?:WithContext)?)\(/g;

/** Calls that send a request to an address which stands in them as plain text; `options` is the rest of the call, as code. */
export function readRequests(
  path: string,
  text: string,
): { address: string; options: string; line: number; assigned: ReadonlyMap<string, string> }[] {
  const { code, bare } = blank(path, text);
  const lineOf = lineCounter(text);
  const assigned = assignedIn(code, bare);
  return [...bare.matchAll(request)].slice(0, most).flatMap(({ index, 0: call }) => {
    const open = index + call.length;
    const close = closing(bare, open);
    const given = close === undefined ? "" : code.slice(open, close);
    const address = /^[^"'`]{0,120}?(?:["']POST["']\s*,\s*)?["'`](https:\/\/[^"'`\s]{1,300})["'`]/.exec(given);
    return address === null ? [] : [{ address: address[1] ?? "", options: given.slice(address[0].length), line: lineOf(index), assigned }];
  });
}

/** Local name → `module#name`; `module#` where the name stands for the whole module. */
function importsOf(path: string, code: string, bare: string): Map<string, string> {
  const found = new Map<string, string>();
  const add = (local: string, target: string) => found.size < most && found.set(local, target);
  // What stands inside of a string is text about code.
  const all = (pattern: RegExp) =>
    [...code.matchAll(pattern)].filter(({ index, 0: text }) => bare.startsWith(/^\s*\w+/.exec(text)?.[0] ?? text.slice(0, 1), index));
  if (/\.py$/i.test(path)) {
    for (const [, module = "", list = ""] of all(/^[ \t]*from[ \t]+([\w.]{1,120})[ \t]+import[ \t]+(\([^)]{0,2000}\)|[^\n]{1,500})/gm))
      for (const [, name = "", alias] of list.matchAll(/(\w{1,80})(?:[ \t]+as[ \t]+(\w{1,80}))?/g)) add(alias ?? name, `${module}#${name}`);
    for (const [, list = ""] of all(/^[ \t]*import[ \t]+([\w., \t]{1,300})$/gm))
      for (const [, module = "", alias] of list.matchAll(/([\w.]{1,120})(?:[ \t]+as[ \t]+(\w{1,80}))?/g))
        add(alias ?? module, `${module}#`);
    return found;
  }
  if (/\.go$/i.test(path)) {
    for (const [, alias, module = ""] of all(/^[ \t]*(?:import[ \t]+)?(?:([\w.]{1,60})[ \t]+)?"([\w.-]{1,80}\/[\w./-]{1,200})"/gm))
      add(alias ?? packageOf(module), `${module.replace(/\/v\d+(?=\/|$)/, "")}#`);
    return found;
  }
  const clause = /\bimport\s+(?!type\b)([^'"`;]{1,1500}?)\s+from\s*["']([^"'\n]{1,200})["']/g;
  for (const [, names = "", module = ""] of all(clause)) {
    const whole = /(?:^|,)\s*\*\s+as\s+([\w$]{1,80})/.exec(names)?.[1];
    if (whole !== undefined) add(whole, `${module}#`);
    const first = /^\s*([\w$]{1,80})\s*(?:,|$)/.exec(names)?.[1];
    if (first !== undefined) add(first, `${module}#default`);
    for (const [, name = "", alias] of (/\{([^}]*)\}/.exec(names)?.[1] ?? "").matchAll(
      /(?:type\s+)?([\w$]{1,80})(?:\s+as\s+([\w$]{1,80}))?/g,
    ))
      add(alias ?? name, `${module}#${name}`);
  }
  const required =
    /\b(?:const|let|var)\s+(?:([\w$]{1,80})|\{([^}]{1,800})\})\s*=\s*(?:await\s+import|require)\(\s*["']([^"'\n]{1,200})["']\s*\)/g;
  for (const [, whole, names = "", module = ""] of all(required)) {
    if (whole !== undefined) add(whole, `${module}#default`);
    for (const [, name = "", alias] of names.matchAll(/([\w$]{1,80})(?:\s*:\s*([\w$]{1,80}))?/g)) add(alias ?? name, `${module}#${name}`);
  }
  return found;
}

/** `github.com/openai/openai-go/v2` → `openai`: the name that its package clause has, by Go's custom. */
function packageOf(module: string): string {
  const last =
    module
      .replace(/\/v\d+$/, "")
      .split("/")
      .at(-1) ?? "";
  return last
    .replace(/^go-|-go$|-sdk-go$/g, "")
    .replace(/-sdk$/, "")
    .replaceAll("-", "");
}

const pairs = new Map([
  ["(", ")"],
  ["[", "]"],
  ["{", "}"],
]);
const closers = new Set(pairs.values());

/** Where the bracket that was opened just before `open` closes; undefined where that is too far to be a client's options. */
function closing(bare: string, open: number): number | undefined {
  let depth = 1;
  const end = Math.min(bare.length, open + 8000);
  for (let at = open; at < end; at++) {
    const character = bare[at] ?? "";
    if (pairs.has(character)) depth++;
    else if (closers.has(character) && --depth === 0) return at;
  }
  return undefined;
}

function argumentsOf(code: string, bare: string): Pick<Call, "positional" | "named"> {
  const positional: string[] = [];
  const named = new Map<string, string>();
  const name = (key: string, value: string) => named.has(key) || named.set(key, value);
  for (const { start, end } of parts(bare)) {
    const [own, plain] = [code.slice(start, end).trim(), bare.slice(start, end).trim()];
    const keyword = /^([A-Za-z_]\w{0,80})\s*=(?![=>])\s*/.exec(plain);
    const option = /^(?:[\w.]{1,80}\.)?(With\w{1,60})\(([\s\S]*)\)$/.exec(own);
    if (keyword !== null) name(keyword[1] ?? "", own.slice(keyword[0].length));
    else if (option !== null) name(option[1] ?? "", option[2] ?? "");
    else if (plain.startsWith("{")) for (const [key, value] of properties(own)) name(key, value);
    else if (own !== "") positional.push(own);
  }
  return { positional, named };
}

/** The properties of an object or of a Python dict, one level deep. */
export function properties(object: string): [key: string, value: string][] {
  const open = object.indexOf("{");
  if (open === -1) return [];
  const { bare } = blank("x.ts", object);
  const close = closing(bare, open + 1) ?? object.length;
  const [code, plain] = [object.slice(open + 1, close), bare.slice(open + 1, close)];
  return parts(plain).flatMap(({ start, end }): [string, string][] => {
    const own = code.slice(start, end).trim();
    const pair = /^(?:(["'])([^"'\n]{1,200})\1|([\w$]{1,80}))\s*:\s*/.exec(own);
    if (pair !== null) return [[pair[2] ?? pair[3] ?? "", own.slice(pair[0].length)]];
    return /^[\w$]{1,80}$/.test(own) ? [[own, own]] : [];
  });
}

/** The places between commas that stand in no bracket. */
export function parts(bare: string): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  let [depth, start] = [0, 0];
  for (let at = 0; at <= bare.length; at++) {
    const character = bare[at] ?? ",";
    if (pairs.has(character)) depth++;
    else if (closers.has(character)) depth--;
    else if (character === "," && (depth <= 0 || at === bare.length)) {
      found.push({ start, end: at });
      start = at + 1;
    }
  }
  return found;
}

function assignedIn(code: string, bare: string): Map<string, string> {
  const found = new Map<string, string>();
  const assignment = /(?<![\w$.])([A-Za-z_$][\w$]{0,80})(?:\s*:\s*[\w$.<>[\] |]{1,80})?\s*(?::=|=(?![=>]))/g;
  for (const match of bare.matchAll(assignment)) {
    if (found.size >= most) break;
    const name = match[1] ?? "";
    if (found.has(name)) continue;
    const start = match.index + match[0].length;
    found.set(name, statement(code.slice(start, start + 400)));
  }
  const taken = /\b(?:const|let|var)\s*\{([^}]{1,800})\}\s*=\s*((?:process|import\.meta)\.env)\b/g;
  for (const [, names = "", from = ""] of code.matchAll(taken))
    for (const [, name = "", alias] of names.matchAll(/([A-Z_][A-Z0-9_]{1,127})(?:\s*:\s*([\w$]{1,80}))?/g))
      found.set(alias ?? name, `${from}.${name}`);
  return found;
}

/** To the end of its line, or of a later one where the line is open. */
function statement(text: string): string {
  return /^(?:[^\n;]*[(=,|?:[]\s*\n){0,4}[^\n;]*/.exec(text)?.[0].trim() ?? "";
}
