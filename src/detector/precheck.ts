import { runLetters, shortestRun } from "../decode/runs.ts";
import { type Automaton, automaton } from "./automaton.ts";
import type { Gate, RunNeed, Step, Steps, Stretch } from "./gate.ts";
import { bytesOf, firstOf, lengthsOf, type Shape, setOf } from "./regex-shape.ts";
import { parseTemplate, type TemplatePart } from "./template.ts";

/**
 * Where matches around an anchor that begins at byte `at` end at the latest; -1 where the pattern does not match there. Cheap, and never
 * less than the end of a match: most anchors stand in text that is no credential, and a regular expression costs microseconds. Where every
 * value that could be matched there is known, and `isFutile`, it is told by `futile - end`. `roughly`: Infinity is a good answer where a
 * match has an end.
 */
export type Reach = (bytes: Uint8Array, at: number, isFutile?: Futile, roughly?: boolean) => number;

/** Whether the value of a match, from `start` to `end`, rules out that it is a finding. */
export type Futile = (bytes: Uint8Array, start: number, end: number) => boolean;

export const futile = -2;

/** What is asked of the text around an anchor: first the gate, then how far a match may go. */
export interface Demand {
  readonly gate: Gate;
  readonly reach?: Reach;
}

/** What a value of this template that begins between `from` and `to` needs; undefined where it may have no run that is long enough. */
export function runOfTemplate(template: string, from: number, to: number): RunNeed | undefined {
  let [least, length, now] = [0, 0, 0];
  for (const part of parseTemplate(template)) {
    const [set, min, max] =
      "literal" in part ? [setOf(part.literal), part.literal.length, part.literal.length] : [setOf(part.alphabet), part.min, part.max];
    now = isOfRun(set) ? now + min : 0;
    least = Math.max(least, now);
    length += max;
  }
  return least < shortestRun ? undefined : { least, from, to: to + length };
}

/** What a match of this shape that begins behind `from` and ends before `to` needs. */
export function runOfShape(shape: Shape, from: number, to: number): RunNeed | undefined {
  const least = longestRun(shape);
  return least < shortestRun ? undefined : { least, from, to };
}

function longestRun(shape: Shape): number {
  if (consistsOfRun(shape)) return lengthsOf(shape).min;
  if (shape.kind === "set") return 0;
  if (shape.kind === "choice") return Math.min(...shape.options.map(longestRun));
  if (shape.kind === "repeat") return shape.min === 0 ? 0 : longestRun(shape.item);
  let [least, now] = [0, 0];
  for (const item of shape.items) {
    now = consistsOfRun(item) ? now + lengthsOf(item).min : 0;
    least = Math.max(least, now, longestRun(item));
  }
  return least;
}

function consistsOfRun(shape: Shape): boolean {
  if (shape.kind === "set") return isOfRun(shape.bytes);
  if (shape.kind === "repeat") return consistsOfRun(shape.item);
  return (shape.kind === "sequence" ? shape.items : shape.options).every(consistsOfRun);
}

function isOfRun(set: Uint8Array): boolean {
  for (let byte = 0; byte < 256; byte++) if (set[byte] === 1 && runLetters[byte] !== 1) return false;
  return true;
}

/** The template's characters stand around its own literal, up to the first part whose length varies. `lead`: bytes before the anchor; undefined where that varies. */
export function templateSteps(template: string, anchor: string, lead: number | undefined): Steps {
  const parts = parseTemplate(template);
  const from = lead === undefined ? parts.findIndex((part) => "literal" in part && part.literal === anchor) : 0;
  return { from: -(lead ?? 0), steps: stepsOf(parts.slice(from)) };
}

/** Where a value of these parts that begins at `at` ends at the latest, with its padding; -1 where none does. */
function valueEnd(parts: readonly TemplatePart[]): Reach {
  const known = once(() => ({ steps: stepsOf(parts), set: setOfAll(charactersOf(parts)) }));
  const most = parts.reduce((sum, part) => sum + ("literal" in part ? part.literal.length : part.max), 0);
  return (bytes, at, isFutile) => {
    const { steps, set } = known();
    let place = at;
    for (const { set: members, count } of steps) {
      if (place + count > bytes.length) return -1;
      for (let left = count; left > 0; left--) if (members[bytes[place++] as number] === 0) return -1;
    }
    const last = Math.min(at + most, bytes.length);
    while (place < last && set[bytes[place] as number] === 1) place++;
    // of one part a match takes all there is, and padding says that it is no name
    if (parts.length === 1 && bytes[place] !== padding && isFutile?.(bytes, at, place) === true) return futile - place;
    return bytes[place] === padding ? place + 2 : place;
  };
}

const padding = 61;

/** The later of two ends; it is futile only where both are. */
function later(a: number, b: number): number {
  if (a === -1 || b === -1) return Math.max(a, b) === -1 ? Math.min(a, b) : Math.max(a, b);
  if (a <= futile && b <= futile) return Math.min(a, b);
  return Math.max(a <= futile ? futile - a : a, b <= futile ? futile - b : b);
}

function stepsOf(parts: readonly TemplatePart[]): Step[] {
  const steps: Step[] = [];
  for (const part of parts) {
    if ("literal" in part) for (const character of part.literal) steps.push({ set: setOf(character), count: 1 });
    else steps.push({ set: setOf(part.alphabet), count: part.min });
    if (!("literal" in part) && part.max !== part.min) break; // where the rest begins is not known
  }
  return steps;
}

/** Most patterns are never asked: what they need is made when they first are. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Somewhere between `from` and `to` (from the anchor's first byte, inclusive) a run of the template's characters begins that is long enough. */
export function valueStretch(template: string, from: number, to: number): Stretch {
  const parts = parseTemplate(template);
  const set = setOfAll(charactersOf(parts));
  const least = parts.reduce((sum, part) => sum + ("literal" in part ? part.literal.length : part.min), 0);
  return { set, least, from, to };
}

function charactersOf(parts: readonly TemplatePart[]): string {
  return parts.map((part) => ("literal" in part ? part.literal : part.alphabet)).join("");
}

/** One set for all that have the same members. */
function setOfAll(characters: string): Uint8Array {
  const members = setOf(characters);
  let sorted = "";
  for (let byte = 0; byte < 256; byte++) if (members[byte] === 1) sorted += String.fromCharCode(byte);
  return setOf(sorted);
}

/**
 * For a regular expression: what follows the anchor inside it stands there too. Undefined where the anchor stands beside the match,
 * or where the expression has it in a way that is not understood.
 */
export function continuation(shape: Shape, anchor: string): Required<Demand> | undefined {
  const tails = tailsBehind(shape, anchor.toLowerCase(), []);
  if (tails.length === 0) return undefined;
  const next: Shape = { kind: "choice", options: tails.map((items) => ({ kind: "sequence", items })) };
  let tail: Automaton | undefined;
  const reach: Reach = (bytes, at, _isFutile, roughly) => {
    tail ??= automaton(next);
    return tail.reach(bytes, at + anchor.length, farthest, roughly === true ? 0 : usual);
  };
  const { first, canBeEmpty } = firstOf(next);
  return { gate: canBeEmpty ? {} : { steps: { from: anchor.length, steps: [{ set: first, count: 1 }] } }, reach };
}

/** So far is looked; what has come as far may match. Bytes. */
const farthest = 1024;
/** And so far behind the end of the shortest match. */
const usual = 256;

/**
 * A value behind a name: the rest of the name stands behind the anchor, then what links them, then the value's characters. `rests`
 * are the words that may follow the anchor (of `length` bytes) in a name.
 */
export function assignment(links: Links, length: number, rests: readonly (readonly string[])[], template: string): Required<Demand> {
  const endOf = valueEnd(parseTemplate(template));
  const words = rests.map((rest) => rest.map((word) => Buffer.from(word, "latin1")));
  const last = length + reachOf(links, rests);
  const gate = { run: runOfTemplate(template, length, last), stretch: valueStretch(template, length, last) };
  const reach: Reach = (bytes, at, isFutile) => {
    let last = -1;
    for (const rest of words) last = later(last, links.lastEnd(bytes, behindName(bytes, at + length, rest), endOf, isFutile));
    return last;
  };
  return { gate, reach };
}

/** How far behind the anchor a value may begin, at most. */
export function reachOf(links: Links, rests: readonly (readonly string[])[]): number {
  return links.longest + Math.max(...rests.map((rest) => rest.reduce((sum, word) => sum + word.length + 1, 0)));
}

/** Where a name ends whose first part ends at `at`; -1 where the rest of it does not stand there. */
function behindName(bytes: Uint8Array, at: number, rest: readonly Uint8Array[]): number {
  let place = at;
  for (const word of rest) {
    if (separators[bytes[place] ?? 0] === 1) place++;
    for (let letter = 0; letter < word.length; letter++) if (((bytes[place++] ?? 0) | 32) !== ((word[letter] as number) | 32)) return -1;
  }
  return place;
}

const separators = setOf("_.- ");

/** All that may stand between a name and its value; one for many patterns. */
export class Links {
  /** Bytes, at most. */
  readonly longest: number;
  readonly #shape: Shape;
  #automaton: Automaton | undefined;
  /** Where values may begin behind the last place that was asked for: many patterns have the same anchor. */
  #asked = { bytes: undefined as Uint8Array | undefined, from: -1, values: [] as readonly number[] };

  constructor(shape: Shape) {
    this.#shape = shape;
    this.longest = lengthsOf(shape).max;
  }

  /** Where the values that may begin behind `from` end at the latest, as of `endOf`. */
  lastEnd(bytes: Uint8Array, from: number, endOf: Reach, isFutile: Futile | undefined): number {
    if (from === -1) return -1;
    if (this.#asked.bytes !== bytes || this.#asked.from !== from) this.#asked = { bytes, from, values: this.#valuesBehind(bytes, from) };
    let last = -1;
    for (const at of this.#asked.values) last = later(last, endOf(bytes, at, isFutile));
    return last;
  }

  #valuesBehind(bytes: Uint8Array, from: number): readonly number[] {
    this.#automaton ??= automaton(this.#shape);
    return this.#automaton.ends(bytes, from, this.longest);
  }
}

/** The longest stretch of one set of bytes that every match has, looked for between `from` and `to`. */
export function stretchOf(shape: Shape, from: number, to: number): Stretch | undefined {
  const best = stretches(shape).toSorted((a, b) => b.weight - a.weight)[0];
  return best === undefined ? undefined : { set: best.set, least: best.min, from, to };
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
  if (shape.kind === "set") return spelled([shape, ...rest], anchor);
  return shape.items.flatMap((item, index) => tailsBehind(item, anchor, [...shape.items.slice(index + 1), ...rest]));
}

/** What may follow where these shapes begin by spelling the anchor letter by letter; what is optional between two letters may be left out. */
function spelled(shapes: readonly Shape[], letters: string): (readonly Shape[])[] {
  if (letters === "") return [shapes];
  const [head, ...rest] = shapes;
  if (head === undefined) return [];
  if (head.kind === "set") return isLetter(head, letters.charCodeAt(0)) ? spelled(rest, letters.slice(1)) : [];
  if (head.kind === "sequence") return spelled([...head.items, ...rest], letters);
  if (head.kind === "choice") return head.options.flatMap((option) => spelled([option, ...rest], letters));
  const left = head.min === 0 ? spelled(rest, letters) : [];
  if (head.max === 0) return left;
  // a part that may be empty would be entered for ever
  const again: Shape[] = lengthsOf(head.item).min === 0 ? [] : [{ ...head, min: Math.max(0, head.min - 1), max: head.max - 1 }];
  return [...spelled([head.item, ...again, ...rest], letters), ...left];
}

/** A set of one byte, or of a letter in both cases. */
function isLetter(shape: Shape, code: number): boolean {
  if (shape.kind !== "set" || (shape.bytes[code] !== 1 && shape.bytes[upperCased(code)] !== 1)) return false;
  let members = 0;
  for (let byte = 0; byte < 256 && members <= 2; byte++) members += shape.bytes[byte] as number;
  return members <= 2;
}

function upperCased(code: number): number {
  return code >= 97 && code <= 122 ? code - 32 : code;
}
