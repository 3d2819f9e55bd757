import type { Shape } from "./regex-shape.ts";

/**
 * Says byte by byte whether a shape can still match: a deterministic automaton whose states are made when they are first reached.
 * It takes counts over `exactly` as "any number", so it may say yes too often, never no.
 */
export interface Automaton {
  /** Where a match that begins at `from` may end, of at most `most` bytes: rising places in the text. */
  ends(bytes: Uint8Array, from: number, most: number): number[];
  /**
   * Where matches that begin at `from` end at the latest; -1 where none begins there, Infinity where that is not known after `most` bytes, or
   * `beyond` bytes behind the end of the shortest match.
   */
  reach(bytes: Uint8Array, from: number, most: number, beyond: number): number;
}

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

  const numbers = new Map<string, number>();
  const members: (readonly number[])[] = [];
  let accepting = new Uint8Array(64);
  /** 256 numbers for each state: the state behind each byte. */
  let next = new Int16Array(64 * 256);
  const state = (positions: readonly number[], accepts: boolean): number => {
    const key = positions.join();
    const known = numbers.get(key);
    if (known !== undefined) return known;
    const number = members.push(positions) - 1;
    numbers.set(key, number);
    if (number === accepting.length) {
      accepting = doubled(accepting, new Uint8Array(2 * number));
      next = doubled(next, new Int16Array(512 * number));
    }
    accepting[number] = accepts ? 1 : 0;
    next.fill(number === dead ? dead : unknown, 256 * number, 256 * number + 256);
    return number;
  };
  const begin = () => {
    numbers.clear();
    members.length = 0;
    state([], false);
    state([-1], whole.canBeEmpty);
  };
  begin();

  const reached = (from: number, byte: number): number => {
    const positions = members[from] ?? [];
    const candidates = positions[0] === -1 ? whole.first : positions.flatMap((position) => follows[position] ?? []);
    const open = [...new Set(candidates.filter((position) => sets[position]?.[byte] === 1))].sort((a, b) => a - b);
    const full = members.length >= mostStates;
    if (full) begin();
    const to = state(
      open,
      open.some((position) => final.has(position)),
    );
    if (!full) next[256 * from + byte] = to;
    return to;
  };

  return {
    ends(bytes, from, most) {
      const found: number[] = [];
      const end = Math.min(from + most, bytes.length);
      let now = start;
      for (let at = from; now !== dead; at++) {
        if (accepting[now] === 1) found.push(at);
        if (at >= end) break;
        const to = next[256 * now + (bytes[at] as number)] as number;
        now = to === unknown ? reached(now, bytes[at] as number) : to;
      }
      return found;
    },
    reach(bytes, from, most, beyond) {
      let last = -1;
      let now = start;
      let stop = from + most;
      for (let at = from; now !== dead; at++) {
        if (accepting[now] === 1) {
          if (last === -1) stop = Math.min(stop, at + beyond);
          last = at;
        }
        if (at >= bytes.length) break;
        if (at >= stop) return Number.POSITIVE_INFINITY;
        const to = next[256 * now + (bytes[at] as number)] as number;
        now = to === unknown ? reached(now, bytes[at] as number) : to;
      }
      return last;
    },
  };
}

const [dead, start, unknown] = [0, 1, -1];

function doubled<T extends Uint8Array | Int16Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

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
