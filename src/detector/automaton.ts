import type { Shape } from "./regex-shape.ts";

/**
 * Says byte by byte whether a shape can still match: a deterministic automaton whose states are made when they are first reached.
 * It takes counts over `exactly` as "any number", so it may say yes too often, never no.
 */
export interface Automaton {
  readonly start: number;
  /** The state after one more byte; `dead` where nothing can match any more. */
  step(state: number, byte: number): number;
  /** Whether what was read so far is a whole match. */
  accepts(state: number): boolean;
}

export const dead = 0;

/** Longer repetitions are not counted beyond their minimum, and minima not beyond this. */
const exactly = 40;
const uncounted = 4;
/** Patterns of people can need many: then the states made so far are forgotten. */
const mostStates = 2000;

/** The positions of a shape (Glushkov): which may come first, which may follow each, and which may be the last. */
interface Part {
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly canBeEmpty: boolean;
}

export function automaton(shape: Shape): Automaton {
  const sets: Uint8Array[] = [];
  const follow: Set<number>[] = [];
  const whole = build(shape, sets, follow);
  const final = new Set(whole.last);
  const follows = follow.map((set) => [...set]);

  let numbers = new Map<string, number>();
  let members: (readonly number[])[] = [];
  let accepting: boolean[] = [];
  let next: Int32Array[] = [];
  const reset = () => {
    numbers = new Map([["", dead]]);
    members = [[], [-1]];
    accepting = [false, whole.canBeEmpty];
    next = [new Int32Array(256), new Int32Array(256).fill(unknown)];
  };
  reset();

  const reached = (state: number, byte: number): number => {
    const from = members[state] ?? [];
    const candidates = from[0] === -1 ? whole.first : from.flatMap((position) => follows[position] ?? []);
    const open = [...new Set(candidates.filter((position) => sets[position]?.[byte] === 1))].sort((a, b) => a - b);
    const key = open.join();
    const known = numbers.get(key);
    if (known !== undefined) return known;
    const number = members.push(open) - 1;
    numbers.set(key, number);
    accepting.push(open.some((position) => final.has(position)));
    next.push(new Int32Array(256).fill(unknown));
    return number;
  };

  return {
    start: 1,
    step(state, byte) {
      const known = (next[state] as Int32Array)[byte] as number;
      if (known !== unknown) return known;
      if (members.length < mostStates) {
        const to = reached(state, byte);
        (next[state] as Int32Array)[byte] = to;
        return to;
      }
      const kept = members[state] ?? [];
      reset();
      members.push(kept);
      accepting.push(kept.some((position) => final.has(position)));
      next.push(new Int32Array(256).fill(unknown));
      return reached(members.length - 1, byte);
    },
    accepts: (state) => accepting[state] === true,
  };
}

const unknown = -1;

function build(shape: Shape, sets: Uint8Array[], follow: Set<number>[]): Part {
  if (shape.kind === "set") {
    const position = sets.push(shape.bytes) - 1;
    follow.push(new Set());
    return { first: [position], last: [position], canBeEmpty: false };
  }
  if (shape.kind === "sequence")
    return shape.items.map((item) => build(item, sets, follow)).reduce((a, b) => joined(a, b, follow), nothing);
  if (shape.kind === "choice") {
    const options = shape.options.map((option) => build(option, sets, follow));
    return {
      first: options.flatMap(({ first }) => first),
      last: options.flatMap(({ last }) => last),
      canBeEmpty: options.some(({ canBeEmpty }) => canBeEmpty),
    };
  }
  const copies = Math.min(shape.min, exactly);
  const required = Array.from({ length: copies }, () => build(shape.item, sets, follow)).reduce((a, b) => joined(a, b, follow), nothing);
  const more = shape.max - shape.min;
  if (more === 0 && copies === shape.min) return required;
  if (more > uncounted || copies < shape.min) {
    const any = build(shape.item, sets, follow);
    for (const last of any.last) for (const first of any.first) follow[last]?.add(first);
    return joined(required, { ...any, canBeEmpty: true }, follow);
  }
  const optional = Array.from({ length: more }, () => ({ ...build(shape.item, sets, follow), canBeEmpty: true }));
  return optional.reduce<Part>((a, b) => joined(a, b, follow), required);
}

const nothing: Part = { first: [], last: [], canBeEmpty: true };

function joined(a: Part, b: Part, follow: Set<number>[]): Part {
  for (const last of a.last) for (const first of b.first) follow[last]?.add(first);
  return {
    first: a.canBeEmpty ? [...a.first, ...b.first] : a.first,
    last: b.canBeEmpty ? [...a.last, ...b.last] : b.last,
    canBeEmpty: a.canBeEmpty && b.canBeEmpty,
  };
}
