/**
 * Token templates (reference: detection.md §0): literal text with `{class:n}`, `{class:a..b}` or `{class:n+}`; `{uuid}`.
 * `{` is literal unless it parses. One template is both the pattern of a detector and the generator of its examples.
 */
export type TemplatePart = { readonly literal: string } | { readonly alphabet: string; readonly min: number; readonly max: number };

const lower = "abcdefghijklmnopqrstuvwxyz";
const upper = lower.toUpperCase();
const digits = "0123456789";

export const classes: Readonly<Record<string, string>> = {
  hex: `${digits}abcdef`,
  HEX: `${digits}ABCDEF`,
  hexi: `${digits}abcdefABCDEF`,
  digits,
  letters: lower + upper,
  lower,
  upper,
  alnum: lower + upper + digits,
  lowernum: lower + digits,
  uppernum: upper + digits,
  word: `${lower}${upper}${digits}_`,
  b64: `${lower}${upper}${digits}+/`,
  b64url: `${lower}${upper}${digits}_-`,
  base62: digits + upper + lower,
  b58: "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
  b32: `${lower}234567`,
  B32: `${upper}234567`,
  BECH32: "023456789ACDEFGHJKLMNPQRSTUVWXYZ",
  /** Printable, without white space, quotes and the characters that end a value in config files. */
  visible: `${lower}${upper}${digits}!#$%&()*+-./:;<=>?@[]^_{|}~`,
};

/** Without an upper bound a run is followed this far: longer values exist only in key files, which are `regex` rules. */
const unbounded = 4096;
const uuid: readonly TemplatePart[] = [8, 4, 4, 4, 12].flatMap((length, index) => [
  ...(index === 0 ? [] : [{ literal: "-" }]),
  { alphabet: "0123456789abcdef", min: length, max: length },
]);

/** The last ones: a template is looked at from many sides. */
const parsed = new Map<string, readonly TemplatePart[]>();
const mostParsed = 2000;

export function parseTemplate(template: string): readonly TemplatePart[] {
  const known = parsed.get(template);
  if (known !== undefined) return known;
  if (parsed.size >= mostParsed) parsed.clear();
  const parts = partsOf(template);
  parsed.set(template, parts);
  return parts;
}

function partsOf(template: string): readonly TemplatePart[] {
  const parts: TemplatePart[] = [];
  let rest = template;
  while (rest.length > 0) {
    const match = /\{(?:(uuid)|([A-Za-z0-9]+):(\d+)(?:(\+)|\.\.(\d+))?)\}/.exec(rest);
    const alphabet = match?.[2] === undefined ? undefined : classes[match[2]];
    if (match === null || (match[1] === undefined && alphabet === undefined)) {
      parts.push({ literal: rest });
      break;
    }
    if (match.index > 0) parts.push({ literal: rest.slice(0, match.index) });
    if (alphabet === undefined) parts.push(...uuid);
    else {
      const min = Number(match[3]);
      parts.push({ alphabet, min, max: match[4] === undefined ? Number(match[5] ?? min) : unbounded });
    }
    rest = rest.slice(match.index + match[0].length);
  }
  return parts;
}

/** Fills a template. `random(n)` gives an integer in 0..n-1; an open run gets its minimum plus up to 4 characters. */
export function expandTemplate(template: string, random: (below: number) => number): string {
  return parseTemplate(template)
    .map((part) => {
      if ("literal" in part) return part.literal;
      const span = Math.min(part.max, part.min + 4) - part.min;
      const length = part.min + (span === 0 ? 0 : random(span + 1));
      return Array.from({ length }, () => part.alphabet[random(part.alphabet.length)]).join("");
    })
    .join("");
}

/** A deterministic generator (mulberry32), so that an example expands to the same text in every run. */
export function seededRandom(seed: string): (below: number) => number {
  let state = 0x811c9dc5;
  for (const character of seed) state = Math.imul(state ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** The template as RE2 source. A run of base64 of no fixed length at its end may be padded. */
export function templateSource(template: string): string {
  const parts = parseTemplate(template);
  const last = parts.at(-1);
  const padded = last !== undefined && "alphabet" in last && last.alphabet === classes["b64"] && last.max > last.min;
  return `${runsOf(parts)}${padded ? "={0,2}" : ""}`;
}

function runsOf(parts: readonly TemplatePart[]): string {
  return parts
    .map((part) => ("literal" in part ? escapeRegex(part.literal) : `[${escapeClass(part.alphabet)}]${quantifier(part.min, part.max)}`))
    .join("");
}

export function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

function escapeClass(alphabet: string): string {
  return alphabet.replace(/[\\\]^-]/g, "\\$&");
}

/** RE2 counts to 1000 only: a longer run is written as a sum. */
function quantifier(min: number, max: number): string {
  if (max === unbounded) return min <= 1000 ? `{${min},}` : `{${min}}`;
  return min === max ? `{${min}}` : `{${min},${max}}`;
}
