import type { Shape } from "../detector/regex-shape.ts";

/** More alternatives than this are no good as anchors. */
const most = 64;
/** A literal need not be longer to be rare. */
const enough = 10;
const shortest = 3;

/**
 * Literals in lower case, one of which stands in every match whatever its case: the anchors of a detector (3 bytes or more each).
 * Those that hold a keyword come first, then the longest, then the fewest. Undefined where there are none.
 */
export function requiredLiterals(shape: Shape, keywords: readonly string[] = []): readonly string[] | undefined {
  const good = candidates(shape).filter((literals) => literals.every(({ length }) => length >= shortest));
  const score = (literals: readonly string[]) => {
    const implied = literals.every((literal) => keywords.some((word) => literal.includes(word.toLowerCase())));
    return (implied ? 1000 : 0) + 10 * Math.min(enough, ...literals.map(({ length }) => length)) - 3 * literals.length;
  };
  return good.toSorted((a, b) => score(b) - score(a))[0];
}

/** Sets of texts: of each set, one stands in every match. */
function candidates(shape: Shape): readonly (readonly string[])[] {
  if (shape.kind === "set") return [];
  if (shape.kind === "repeat") return shape.min === 0 ? [] : candidates(shape.item);
  if (shape.kind === "choice") {
    const best = shape.options.map((option) => requiredLiterals(option));
    const union = [...new Set(best.flatMap((literals) => literals ?? []))];
    return best.includes(undefined) || union.length > most ? [] : [union];
  }
  const found: (readonly string[])[] = [];
  let run: readonly string[] = [""];
  for (const item of flat(shape.items)) {
    const texts = textsOf(item);
    const joined = texts === undefined ? undefined : joinedTo(run, texts);
    if (joined !== undefined) {
      if (joined.length > run.length) found.push(run);
      run = joined;
      continue;
    }
    found.push(run, ...candidates(item));
    run = texts ?? [""];
  }
  return [...found, run];
}

function flat(items: readonly Shape[]): Shape[] {
  return items.flatMap((item) => (item.kind === "sequence" ? flat(item.items) : [item]));
}

/** Every text that a shape matches, in lower case, where they are few. */
function textsOf(shape: Shape): readonly string[] | undefined {
  if (shape.kind === "set") {
    const bytes = [...shape.bytes.keys()].filter((byte) => shape.bytes[byte] === 1);
    const texts = new Set(bytes.filter((byte) => byte < 128).map((byte) => String.fromCharCode(byte).toLowerCase()));
    // outside ASCII a caseless set may hold anything; a literal there is no anchor
    return texts.size > 0 && texts.size <= 8 && bytes.length <= 2 * texts.size ? [...texts] : undefined;
  }
  if (shape.kind === "choice") return few(shape.options.map(textsOf));
  if (shape.kind === "sequence") {
    let texts: readonly string[] | undefined = [""];
    for (const item of shape.items) texts = texts === undefined ? undefined : joinedTo(texts, textsOf(item));
    return texts;
  }
  if (shape.max > 16) return undefined;
  const one = textsOf(shape.item);
  const powers: (readonly string[] | undefined)[] = [];
  let power: readonly string[] | undefined = [""];
  for (let count = 0; count <= shape.max; count++) {
    if (count >= shape.min) powers.push(power);
    power = power === undefined ? undefined : joinedTo(power, one);
  }
  return few(powers);
}

function joinedTo(heads: readonly string[], tails: readonly string[] | undefined): readonly string[] | undefined {
  if (tails === undefined || heads.length * tails.length > most) return undefined;
  return [...new Set(heads.flatMap((head) => tails.map((tail) => head + tail)))];
}

function few(parts: readonly (readonly string[] | undefined)[]): readonly string[] | undefined {
  const texts = [...new Set(parts.flatMap((part) => part ?? []))];
  return parts.includes(undefined) || texts.length > most ? undefined : texts;
}
