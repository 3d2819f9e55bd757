/**
 * What a pattern in RE2 syntax can match, as far as the scanner needs it to skip text: sets of bytes in sequence. The text is
 * latin1, so a set has 256 entries. A named group is a sequence with a name. Only ever used to say "this cannot match here"; where it is in doubt it says "it may".
 */
export type Shape =
  | { readonly kind: "set"; readonly bytes: Uint8Array }
  | { readonly kind: "sequence"; readonly items: readonly Shape[]; readonly name?: string }
  | { readonly kind: "choice"; readonly options: readonly Shape[] }
  | { readonly kind: "repeat"; readonly item: Shape; readonly min: number; readonly max: number };

/** Undefined where the syntax is not known here: RE2 may still know it. */
export function shapeOf(source: string): Shape | undefined {
  const reader: Reader = { source, at: 0, caseless: false, dotAll: false };
  try {
    const shape = choice(reader);
    return reader.at === source.length ? shape : undefined;
  } catch (error) {
    if (error instanceof UnknownSyntax) return undefined;
    throw error;
  }
}

class UnknownSyntax extends Error {}

/** Fewest and most bytes that a shape matches. */
export function lengthsOf(shape: Shape): { min: number; max: number } {
  if (shape.kind === "set") return { min: 1, max: 1 };
  if (shape.kind === "repeat") {
    const { min, max } = lengthsOf(shape.item);
    return { min: min * shape.min, max: max === 0 ? 0 : max * shape.max };
  }
  const parts = (shape.kind === "sequence" ? shape.items : shape.options).map(lengthsOf);
  if (shape.kind === "choice") return { min: Math.min(...parts.map(({ min }) => min)), max: Math.max(...parts.map(({ max }) => max)) };
  return { min: parts.reduce((sum, { min }) => sum + min, 0), max: parts.reduce((sum, { max }) => sum + max, 0) };
}

/** Every byte that stands anywhere in what a shape matches. */
export function bytesOf(shape: Shape): Uint8Array {
  if (shape.kind === "set") return shape.bytes;
  if (shape.kind === "repeat") return bytesOf(shape.item);
  return union((shape.kind === "sequence" ? shape.items : shape.options).map(bytesOf));
}

/** Every byte that what a shape matches may begin with. */
export function firstOf(shape: Shape): { first: Uint8Array; canBeEmpty: boolean } {
  if (shape.kind === "set") return { first: shape.bytes, canBeEmpty: false };
  if (shape.kind === "repeat") {
    const { first, canBeEmpty } = shape.max === 0 ? { first: setOf(""), canBeEmpty: true } : firstOf(shape.item);
    return { first, canBeEmpty: canBeEmpty || shape.min === 0 };
  }
  if (shape.kind === "choice") {
    const options = shape.options.map(firstOf);
    return { first: union(options.map(({ first }) => first)), canBeEmpty: options.some(({ canBeEmpty }) => canBeEmpty) };
  }
  const firsts: Uint8Array[] = [];
  for (const item of shape.items) {
    const { first, canBeEmpty } = firstOf(item);
    firsts.push(first);
    if (!canBeEmpty) return { first: union(firsts), canBeEmpty: false };
  }
  return { first: union(firsts), canBeEmpty: true };
}

export function union(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const whole = new Uint8Array(256);
  for (const part of parts) for (let byte = 0; byte < 256; byte++) whole[byte] = (whole[byte] as number) | (part[byte] as number);
  return whole;
}

/** Shared: not to be written to. */
export function setOf(characters: string): Uint8Array {
  const known = sets.get(characters);
  if (known !== undefined) return known;
  const set = new Uint8Array(256);
  for (let at = 0; at < characters.length; at++) set[characters.charCodeAt(at) & 255] = 1;
  sets.set(characters, set);
  return set;
}

/** Hundreds of patterns are made of the same characters. */
const sets = new Map<string, Uint8Array>();

interface Reader {
  readonly source: string;
  at: number;
  caseless: boolean;
  dotAll: boolean;
}

function choice(reader: Reader): Shape {
  const { caseless, dotAll } = reader;
  const options = [sequence(reader)];
  while (reader.source[reader.at] === "|") {
    reader.at++;
    options.push(sequence(reader));
  }
  Object.assign(reader, { caseless, dotAll });
  const [only] = options;
  return options.length === 1 && only !== undefined ? only : { kind: "choice", options };
}

function sequence(reader: Reader): Shape {
  const items: Shape[] = [];
  for (let next = reader.source[reader.at]; next !== undefined && next !== "|" && next !== ")"; next = reader.source[reader.at]) {
    const item = atom(reader);
    if (item !== undefined) items.push(repeated(item, reader));
    // RE2 repeats what stands before a change of flags, and some of what matches between bytes
    else if (/^(?:[*+?]|\{\d+(?:,\d*)?\})/.test(reader.source.slice(reader.at, reader.at + 24))) throw new UnknownSyntax();
  }
  return { kind: "sequence", items };
}

/** Undefined for what matches between bytes: `^`, `$`, `\b`, a change of flags. */
function atom(reader: Reader): Shape | undefined {
  const next = reader.source[reader.at++] ?? "";
  if (next === "(") return group(reader);
  if (next === "[") return { kind: "set", bytes: bracket(reader) };
  if (next === "^" || next === "$") return undefined;
  if (next === ".") return { kind: "set", bytes: complement(setOf(reader.dotAll ? "" : "\n")) };
  if (next === "\\") {
    if ("bBAz".includes(reader.source[reader.at] ?? "?")) {
      reader.at++;
      return undefined;
    }
    return { kind: "set", bytes: escaped(reader) };
  }
  return { kind: "set", bytes: cased(setOf(single(next)), reader) };
}

function group(reader: Reader): Shape | undefined {
  const { caseless, dotAll } = reader;
  const rest = reader.source.slice(reader.at, reader.at + 80);
  const [opening, name] = /^\?P?<([A-Za-z_]\w*)>/.exec(rest) ?? [];
  // m and U change what ^ and $ match, and which match is preferred: not what bytes it has
  const [head, on = "", off = "", end] = /^\?([imsU]*)(?:-([imsU]+))?([:)])/.exec(rest) ?? [];
  if (rest.startsWith("?") && opening === undefined && head === undefined) throw new UnknownSyntax();
  reader.at += (opening ?? head ?? "").length;
  reader.caseless = (caseless || on.includes("i")) && !off.includes("i");
  reader.dotAll = (dotAll || on.includes("s")) && !off.includes("s");
  if (end === ")") return undefined; // for the rest of the group around it
  const inner = choice(reader);
  if (reader.source[reader.at++] !== ")") throw new UnknownSyntax();
  Object.assign(reader, { caseless, dotAll });
  return name === undefined ? inner : { kind: "sequence", items: [inner], name };
}

function repeated(item: Shape, reader: Reader): Shape {
  const [text = "", sign, from, comma, to] =
    /^(?:([*+?])|\{(\d+)(,(\d*))?\})\??/.exec(reader.source.slice(reader.at, reader.at + 24)) ?? [];
  if (text === "") return item;
  reader.at += text.length;
  const [min, max] =
    sign === undefined
      ? [Number(from), comma === undefined ? Number(from) : to === "" ? Number.POSITIVE_INFINITY : Number(to)]
      : [sign === "+" ? 1 : 0, sign === "?" ? 1 : Number.POSITIVE_INFINITY];
  return repeated({ kind: "repeat", item, min, max }, reader);
}

function bracket(reader: Reader): Uint8Array {
  const negative = reader.source[reader.at] === "^";
  if (negative) reader.at++;
  const parts: Uint8Array[] = [];
  for (let first = true; first || reader.source[reader.at] !== "]"; first = false) {
    const low = member(reader);
    const isRange = reader.source[reader.at] === "-" && reader.source[reader.at + 1] !== "]";
    if (!isRange) {
      parts.push(low);
      continue;
    }
    reader.at++;
    const [start, end] = [low.indexOf(1), member(reader).indexOf(1)];
    parts.push(new Uint8Array(256).fill(1, start, end + 1));
  }
  reader.at++;
  const set = cased(union(parts), reader);
  return negative ? complement(set) : set;
}

function member(reader: Reader): Uint8Array {
  const next = reader.source[reader.at++];
  if (next === undefined) throw new UnknownSyntax();
  if (next === "[" && reader.source[reader.at] === ":") return namedClass(reader);
  return next === "\\" ? escaped(reader) : setOf(single(next));
}

/** `[:alpha:]`, `[:^space:]`, inside of brackets. */
function namedClass(reader: Reader): Uint8Array {
  const [text = "", negative, name = ""] = /^:(\^?)([a-z]+):\]/.exec(reader.source.slice(reader.at, reader.at + 16)) ?? [];
  const set = Object.hasOwn(posix, name) ? posix[name] : undefined;
  if (set === undefined) throw new UnknownSyntax();
  reader.at += text.length;
  return negative === "" ? set : complement(set);
}

/** What follows a backslash. */
function escaped(reader: Reader): Uint8Array {
  const next = reader.source[reader.at++] ?? "";
  const named = classes[next] ?? classes[next.toLowerCase()];
  if (named !== undefined) return next === next.toLowerCase() ? named : complement(named);
  const control = controls[next];
  if (control !== undefined) return setOf(control);
  const [text = "", hex] = next === "x" ? (/^([0-9A-Fa-f]{2})/.exec(reader.source.slice(reader.at, reader.at + 2)) ?? []) : [];
  if (hex !== undefined) {
    reader.at += text.length;
    return cased(setOf(String.fromCharCode(Number.parseInt(hex, 16))), reader);
  }
  if (/[A-Za-z0-9]/.test(next) || next === "") throw new UnknownSyntax();
  return setOf(single(next));
}

const digit = "0123456789";
const lower = "abcdefghijklmnopqrstuvwxyz";
const classes: Readonly<Record<string, Uint8Array>> = {
  d: setOf(digit),
  w: setOf(`${digit}${lower}${lower.toUpperCase()}_`),
  s: setOf("\t\n\f\r "),
};
const range = (from: number, to: number) => new Uint8Array(256).fill(1, from, to + 1);
const [alpha, digits] = [setOf(lower + lower.toUpperCase()), setOf(digit)];
const alnum = union([alpha, digits]);
const posix: Readonly<Record<string, Uint8Array>> = {
  alpha,
  digit: digits,
  alnum,
  lower: setOf(lower),
  upper: setOf(lower.toUpperCase()),
  word: union([alnum, setOf("_")]),
  xdigit: setOf(`${digit}abcdefABCDEF`),
  space: setOf("\t\n\v\f\r "),
  blank: setOf("\t "),
  punct: union([range(33, 47), range(58, 64), range(91, 96), range(123, 126)]),
  print: range(32, 126),
  graph: range(33, 126),
  cntrl: union([range(0, 31), range(127, 127)]),
  ascii: range(0, 127),
};
const controls: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", f: "\f", v: "\v", a: "\x07" };

/** Latin1 only: of another character the text has bytes, not itself. */
function single(character: string): string {
  if (character.charCodeAt(0) > 255) throw new UnknownSyntax();
  return character;
}

function complement(set: Uint8Array): Uint8Array {
  return set.map((member) => 1 - member);
}

function cased(set: Uint8Array, { caseless }: Reader): Uint8Array {
  if (!caseless) return set;
  const known = folded.get(set);
  if (known !== undefined) return known;
  const both = set.map((member, byte) => {
    const letter = (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122);
    // outside ASCII RE2 folds by Unicode: rare enough to let all of it pass
    return member === 1 || (letter && set[byte ^ 32] === 1) || (byte >= 0xc0 && set.subarray(0xc0).includes(1)) ? 1 : 0;
  });
  folded.set(set, both);
  return both;
}

/** From a set to the one of both cases. */
const folded = new WeakMap<Uint8Array, Uint8Array>();
