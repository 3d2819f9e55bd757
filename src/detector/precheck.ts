import { bytesOf, lengthsOf, type Shape, setOf, union } from "./regex-shape.ts";
import { parseTemplate, type TemplatePart } from "./template.ts";

/**
 * Whether a pattern may match around an anchor that begins at byte `at`. Cheap, and never false where the pattern does match there:
 * most anchors stand in text that is no credential, and starting a regular expression costs a microsecond or more.
 */
export type Precheck = (bytes: Uint8Array, at: number) => boolean;

/** The template's characters stand around its own literal. `lead`: bytes before the anchor; undefined where that varies. */
export function templateCheck(template: string, anchor: string, lead: number | undefined): Precheck {
  const parts = parseTemplate(template);
  const steps: { set: Uint8Array; count: number }[] = [];
  let from = lead === undefined ? parts.findIndex((part) => "literal" in part && part.literal === anchor) : 0;
  for (; from < parts.length; from++) {
    const part = parts[from] as TemplatePart;
    if ("literal" in part) for (const character of part.literal) steps.push({ set: setOf(character), count: 1 });
    else steps.push({ set: setOf(part.alphabet), count: part.min });
    if (!("literal" in part) && part.max !== part.min) break; // where the rest begins is not known
  }
  const start = -(lead ?? 0);
  return (bytes, at) => {
    let place = at + start;
    if (place < 0) return false;
    for (const { set, count } of steps) {
      if (place + count > bytes.length) return false;
      for (let left = count; left > 0; left--) if (set[bytes[place++] as number] === 0) return false;
    }
    return true;
  };
}

/** Somewhere between `from` and `to` (from the anchor's first byte, inclusive) a run of the template's characters begins that is long enough. */
export function valueCheck(template: string, from: number, to: number): Precheck {
  const parts = parseTemplate(template);
  const set = union(parts.map((part) => setOf("literal" in part ? part.literal : part.alphabet)));
  return runCheck(
    set,
    parts.reduce((sum, part) => sum + ("literal" in part ? part.literal.length : part.min), 0),
    from,
    to,
  );
}

function runCheck(set: Uint8Array, shortest: number, from: number, to: number): Precheck {
  return (bytes, at) => {
    const last = Math.min(at + to, bytes.length - shortest);
    for (let start = Math.max(at + from, 0); start <= last; ) {
      // from where the shortest run would end: most bytes are never looked at
      let place = start + shortest - 1;
      while (place >= start && set[bytes[place] as number] === 1) place--;
      if (place < start) return true;
      start = place + 1;
    }
    return false;
  };
}

/**
 * For a regular expression: what follows the anchor inside it stands there too. Undefined where the anchor stands beside the match,
 * or where the expression has it in a way that is not understood.
 */
export function continuationCheck(shape: Shape, anchor: string): Precheck | undefined {
  const tails = tailsBehind(shape, anchor.toLowerCase(), []).map(automaton);
  if (tails.length === 0) return undefined;
  return (bytes, at) => tails.some((tail) => tail(bytes, at + anchor.length));
}

/** The longest stretch of one set of bytes that every match has, looked for between `from` and `to`. */
export function stretchCheck(shape: Shape, from: number, to: number): Precheck | undefined {
  const best = stretches(shape).toSorted((a, b) => b.weight - a.weight)[0];
  return best === undefined ? undefined : runCheck(best.set, best.min, from, to);
}

function stretches(shape: Shape): { set: Uint8Array; min: number; weight: number }[] {
  if (shape.kind === "sequence") return shape.items.flatMap(stretches);
  if (shape.kind !== "repeat" || shape.min === 0) return [];
  const set = bytesOf(shape);
  const { min } = lengthsOf(shape);
  const weight =
    min *
    Math.log2(
      256 /
        Math.max(
          set.reduce((sum, member) => sum + member, 0),
          1,
        ),
    );
  return min < 8 ? [] : [{ set, min, weight }];
}

/** Everything that may follow the anchor, once for each place that it has in the shape. */
function tailsBehind(shape: Shape, anchor: string, rest: readonly Shape[]): (readonly Shape[])[] {
  if (shape.kind === "choice") return shape.options.flatMap((option) => tailsBehind(option, anchor, rest));
  if (shape.kind === "repeat") {
    const again: Shape = { kind: "repeat", item: shape.item, min: 0, max: shape.max };
    return tailsBehind(shape.item, anchor, shape.max > 1 ? [again, ...rest] : rest);
  }
  if (shape.kind === "set") return [];
  return shape.items.flatMap((item, index) => {
    const literal = shape.items.slice(index, index + anchor.length);
    const here = literal.length === anchor.length && literal.every((one, place) => isLetter(one, anchor.charCodeAt(place)));
    return [
      ...(here ? [[...shape.items.slice(index + anchor.length), ...rest]] : []),
      ...tailsBehind(item, anchor, [...shape.items.slice(index + 1), ...rest]),
    ];
  });
}

/** A set of one byte, or of a letter in both cases. */
function isLetter(shape: Shape, code: number): boolean {
  if (shape.kind !== "set" || shape.bytes.reduce((sum, member) => sum + member, 0) > 2) return false;
  return shape.bytes[code] === 1 || shape.bytes[String.fromCharCode(code).toUpperCase().charCodeAt(0)] === 1;
}

/** A place in what may follow: one byte of a set, which may be left out or come again. */
interface Step {
  readonly set: Uint8Array;
  readonly optional: boolean;
  readonly again: boolean;
}

/** What follows is looked at for so many steps, one bit each … */
const mostSteps = 31;
/** … and so many bytes; what has come so far may match. */
const mostBytes = 1024;

/** The first steps as an automaton whose states are bits (Navarro and Raffinot, "Flexible Pattern Matching in Strings", 4.2). */
function automaton(tail: readonly Shape[]): Precheck {
  const steps: Step[] = [];
  for (const shape of tail) if (steps.length < mostSteps) steps.push(...stepsOf(shape).slice(0, mostSteps - steps.length));
  const accepts = new Int32Array(256);
  for (const [index, { set }] of steps.entries())
    for (let byte = 0; byte < 256; byte++) if (set[byte] === 1) accepts[byte] = (accepts[byte] as number) | (1 << index);
  const reach = (from: number) => {
    let states = 0;
    for (let next = from; next < steps.length; next++) {
      states |= 1 << next;
      if (steps[next]?.optional !== true) return { states, ends: false };
    }
    return { states, ends: true };
  };
  const begin = reach(0);
  const follow = Int32Array.from(steps, ({ again }, index) => reach(index + 1).states | (again ? 1 << index : 0));
  const last = steps.reduce((states, _, index) => (reach(index + 1).ends ? states | (1 << index) : states), 0);
  return (bytes, at) => {
    if (begin.ends) return true;
    let open = begin.states;
    for (let place = at; place < at + mostBytes; place++) {
      if (place >= bytes.length) return false;
      let reached = open & (accepts[bytes[place] as number] as number);
      if ((reached & last) !== 0) return true;
      if (reached === 0) return false;
      for (open = 0; reached !== 0; reached &= reached - 1) open |= follow[31 - Math.clz32(reached & -reached)] as number;
    }
    return true;
  };
}

/** A choice or a repetition of more than one byte is taken as so many bytes of any of its sets. */
function stepsOf(shape: Shape): Step[] {
  if (shape.kind === "set") return [{ set: shape.bytes, optional: false, again: false }];
  if (shape.kind === "sequence") return shape.items.flatMap(stepsOf);
  const set = bytesOf(shape);
  const { min, max } = lengthsOf(shape);
  const most = Math.min(min, mostSteps);
  const steps: Step[] = Array.from({ length: most }, (_, index) => ({ set, optional: false, again: index === most - 1 && max > min }));
  return min === 0 && max > 0 ? [{ set, optional: true, again: true }] : steps;
}
