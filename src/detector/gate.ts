import { runLetters, shortestRun } from "../decode/runs.ts";

/** What must stand around an anchor for a pattern to match there; asked by the search itself. Never refuses what the pattern matches. */
export interface Gate {
  readonly run?: RunNeed | undefined;
  readonly steps?: Steps | undefined;
  readonly stretch?: Stretch | undefined;
}

/** `least` letters of base64 in a row, which begin `from` to `to` bytes from the anchor's first byte. */
export interface RunNeed {
  readonly least: number;
  readonly from: number;
  readonly to: number;
}

/** The same for bytes of another set. */
export interface Stretch extends RunNeed {
  readonly set: Uint8Array;
}

/** So many bytes of each set, one after the other, from `from` bytes behind the anchor's first byte. */
export interface Steps {
  readonly from: number;
  readonly steps: readonly Step[];
}

export interface Step {
  /** 256 numbers: 1 for members. */
  readonly set: Uint8Array;
  readonly count: number;
}

/** Gates as numbers, for linear memory. */
export interface GateTables {
  /** Eleven numbers for each gate, in the order of `numbersOf`; 0 for the fewest, or for the number of steps, asks for nothing. */
  readonly gates: Int32Array;
  /** Number of the set, and how many of its bytes. */
  readonly steps: Int32Array;
  /** 256 bytes each. */
  readonly sets: Uint8Array;
}

export function gateTables(gates: readonly (Gate | undefined)[]): GateTables {
  const numbers = new Map<Uint8Array, number>();
  const numberOf = (set: Uint8Array) => {
    const known = numbers.get(set) ?? numbers.size;
    numbers.set(set, known);
    return known;
  };
  const steps: number[] = [];
  const numbersOf = ({ run, steps: own, stretch }: Gate): number[] => {
    const first = steps.length >> 1;
    for (const { set, count } of own?.steps ?? []) steps.push(numberOf(set), count);
    return [
      ...(run === undefined ? [0, 0, 0] : [run.least, run.from, run.to]),
      ...(own === undefined ? [0, 0, 0] : [own.from, first, own.steps.length]),
      ...(stretch === undefined
        ? [0, 0, 0, 0, 0]
        : [stretch.least, stretch.from, stretch.to, numberOf(stretch.set), Number(isInRun(stretch))]),
    ];
  };
  const all = Int32Array.from(gates.flatMap((gate) => numbersOf(gate ?? {})));
  const sets = new Uint8Array(256 * numbers.size);
  for (const [set, number] of numbers) sets.set(set, 256 * number);
  return { gates: all, steps: Int32Array.from(steps), sets };
}

/** Then it is looked for in runs only. */
function isInRun({ set, least }: Stretch): boolean {
  return least >= shortestRun && set.every((member, byte) => member === 0 || runLetters[byte] === 1);
}
