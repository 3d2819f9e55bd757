import { scheme } from "./classify.ts";

/** A part of a longer text that is a credential slot of its own. Offsets count UTF-16 units of the text. */
export interface Part {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** The environment variable that the part sets, or, with `passes`, names. */
  readonly variable?: string;
  /** Only a name: the value comes from the caller's environment (`docker run -e KEY`). */
  readonly passes?: boolean;
}

const secretName = /(?:key|token|secret|passw(?:or)?d|pwd|passphrase|auth|credential|bearer|pat)(?:$|[-_.\d])|apikey|access[-_]?token/i;

/** What in a URL grants access: the password (or the lone user name), query keys with secret names, a token in the path. */
export function urlParts(url: string): Part[] {
  const head = /^[a-z][a-z0-9+.-]{0,30}:\/\//i.exec(url)?.[0].length;
  if (head === undefined) return [];
  const queryAt = indexOr(url, "?", url.length);
  const authorityEnd = Math.min(indexOr(url, "/", url.length, head), queryAt);
  return [...userInfo(url, head, authorityEnd), ...pathTokens(url, authorityEnd, queryAt), ...queryKeys(url, queryAt)];
}

function userInfo(url: string, head: number, end: number): Part[] {
  const at = url.lastIndexOf("@", end - 1);
  if (at < head) return [];
  const colon = url.indexOf(":", head);
  if (colon !== -1 && colon < at) return [{ name: "password", start: colon + 1, end: at }];
  return [{ name: "userinfo_token", start: head, end: at }];
}

/** Endpoints that carry the key as a path segment: long, with letters and digits, and no word. */
function pathTokens(url: string, from: number, to: number): Part[] {
  const parts: Part[] = [];
  let start = from + 1;
  for (let at = start; at <= to; at++) {
    if (at < to && url[at] !== "/") continue;
    const segment = url.slice(start, at);
    if (segment.length >= 20 && segment.length <= 512 && /\d/.test(segment) && /[A-Za-z]/.test(segment) && /^[\w~=.-]+$/.test(segment)) {
      parts.push({ name: "path_token", start, end: at });
    }
    start = at + 1;
  }
  return parts.slice(0, 4);
}

function queryKeys(url: string, queryAt: number): Part[] {
  const end = indexOr(url, "#", url.length, queryAt);
  const parts: Part[] = [];
  let start = queryAt + 1;
  while (start < end) {
    const next = Math.min(indexOr(url, "&", end, start), end);
    const equals = url.indexOf("=", start);
    if (equals !== -1 && equals < next) {
      const name = url.slice(start, equals);
      if (secretName.test(name)) parts.push({ name, start: equals + 1, end: next });
    }
    start = next + 1;
  }
  return parts.slice(0, 20);
}

/** The value of `name=value`. */
export function assignmentPart(text: string): Part[] {
  const equals = text.indexOf("=");
  const name = text.slice(0, Math.max(0, equals)).trim();
  if (equals < 1 || name.length > 128) return [];
  return [{ name, start: equals + 1, end: text.length, ...(/^[A-Z_][A-Z0-9_]*$/.test(name) ? { variable: name } : {}) }];
}

/** The credential slots of a header line `Name: value`. */
export function headerLine(line: string): Part[] {
  const colon = /^\s{0,8}[\w-]{1,64}\s{0,4}:\s{0,8}/.exec(line);
  if (colon === null) return [];
  return [{ name: colon[0].slice(0, colon[0].lastIndexOf(":")).trim(), start: colon[0].length, end: line.length }];
}

/** The credential slots of command-line arguments: for each argument the parts of it. Flags take their value from the next argument. */
export function argumentParts(argv: readonly string[]): Part[][] {
  return argv.map((argument, index) => partsOf(argument, argv[index - 1]));
}

function partsOf(argument: string, before: string | undefined): Part[] {
  if (argument.length > 65_536) return [];
  if (before !== undefined && headerFlag.test(before)) return headerLine(argument);
  if (before !== undefined && envFlag.test(before)) return assignment(argument, 0);
  if (before !== undefined && valueFlag(before) && !argument.startsWith("-")) {
    return [{ name: before.replace(/^-+/, ""), start: scheme(argument), end: argument.length }];
  }
  if (/^-e[A-Z_]/.test(argument)) return assignment(argument, 2);
  const joined = /^(--?[A-Za-z][\w.-]{0,63})=/.exec(argument);
  if (joined !== null) return ofFlag(joined[1] ?? "", argument, joined[0].length);
  if (/^[a-z][a-z0-9+.-]{0,30}:\/\//i.test(argument)) return urlParts(argument);
  return inside(argument);
}

const headerFlag = /^(?:--?header|-H)$/;
const envFlag = /^(?:-e|--env)$/;

function valueFlag(flag: string): boolean {
  return /^--?[A-Za-z][\w.-]{0,63}$/.test(flag) && secretName.test(flag);
}

function ofFlag(flag: string, argument: string, start: number): Part[] {
  const value = argument.slice(start);
  if (headerFlag.test(flag)) return headerLine(value).map((part) => ({ ...part, start: part.start + start, end: part.end + start }));
  if (envFlag.test(flag)) return assignment(argument, start);
  if (valueFlag(flag)) return [{ name: flag.replace(/^-+/, ""), start, end: argument.length }];
  return urlParts(value).map((part) => ({ ...part, start: part.start + start, end: part.end + start }));
}

/** `KEY=value` sets, `KEY` alone passes the caller's variable on. */
function assignment(argument: string, from: number): Part[] {
  const match = /^([A-Za-z_][A-Za-z0-9_]{0,127})(=)?/.exec(argument.slice(from));
  if (match === null) return [];
  const [text, name = "", equals] = match;
  if (equals !== undefined) return [{ name, variable: name, start: from + text.length, end: argument.length }];
  return text.length === argument.length - from ? [{ name, variable: name, passes: true, start: from, end: argument.length }] : [];
}

/** One argument has at most this many; the parts of a longer one are found by the scan of its text. */
const mostParts = 50;

/** In a shell line or a bare argument: assignments, header flags, URLs. */
function inside(text: string): Part[] {
  const assignments = [...text.matchAll(/(?<=^|[\s;&"'])([A-Z][A-Z0-9_]{1,127})=(["']?)([^\s"';&]{1,4096})/g)].map((match): Part => {
    const end = match.index + match[0].length;
    return { name: match[1] ?? "", variable: match[1] ?? "", start: end - (match[3]?.length ?? 0), end };
  });
  if (!/\s/.test(text)) return assignments.slice(0, mostParts);
  const urls = [...text.matchAll(/[a-z][a-z0-9+.-]{0,30}:\/\/[^\s"'`]{1,4096}/gi)].flatMap((match) =>
    urlParts(match[0]).map((part) => ({ ...part, start: part.start + match.index, end: part.end + match.index })),
  );
  const flags = [...text.matchAll(/(?<=^|\s)(--?[A-Za-z][\w-]{0,63})[= ](["']?)([^\s"']{1,4096})/g)].flatMap((match): Part[] => {
    const end = match.index + match[0].length;
    return valueFlag(match[1] ?? "") && !headerFlag.test(match[1] ?? "")
      ? [{ name: (match[1] ?? "").replace(/^-+/, ""), start: end - (match[3]?.length ?? 0), end }]
      : [];
  });
  const headers = [...text.matchAll(/(?<=^|\s)(?:--header|-H)[= ](["'])([^"'\n]{1,4096})\1/g)].flatMap((match) => {
    const start = match.index + match[0].length - 1 - (match[2]?.length ?? 0);
    return headerLine(match[2] ?? "").map((part) => ({ ...part, start: part.start + start, end: part.end + start }));
  });
  return distinct([...headers, ...assignments, ...urls, ...flags].slice(0, mostParts));
}

function distinct(parts: readonly Part[]): Part[] {
  const kept: Part[] = [];
  for (const part of parts) if (!kept.some((other) => other.start < part.end && part.start < other.end)) kept.push(part);
  return kept;
}

function indexOr(text: string, what: string, otherwise: number, from = 0): number {
  const at = text.indexOf(what, from);
  return at === -1 ? otherwise : at;
}
