import type { Decoded } from "./decode.ts";
import type { Stretch } from "./runs.ts";

/** Literals of one value, bytes of one literal, and bytes between two, at most. */
const limits = { literals: 32, literal: 4096, between: 160 };
/** Letters of a token in a row, across a junction: with fewer, joining says nothing new. */
const shortestToken = 20;

/**
 * String literals that stand side by side and are one text: `"sk-" + "ab"`, or one below the other, as C and Python have it. Only where a
 * token could run across. Linear in the input. `joints`: closing quotes that may have a plus or a line end behind them.
 */
export function* joinedLiterals(buffer: Buffer, joints: Iterable<number>): Generator<Decoded> {
  let done = 0;
  for (const end of joints) {
    if (end < done || after(buffer, end) === undefined) continue;
    const start = startOf(buffer, end, done);
    if (start === undefined) continue;
    const pieces = [buffer.toString("latin1", start, end)];
    let last = end;
    for (let next = after(buffer, end); next !== undefined && pieces.length < limits.literals; next = after(buffer, next.end)) {
      pieces.push(buffer.toString("latin1", next.start, next.end));
      last = next.end;
    }
    done = last + 1;
    if (pieces.length > 1 && runsAcross(pieces))
      yield { start, end: last, step: "joined-literals", bytes: Buffer.from(pieces.join(""), "latin1") };
  }
}

/** What such a stretch says, latin1. */
export function joined(text: string): string {
  return text.replace(/["'`](?:\s{0,160}\+\s{0,160}|[ \t\r]{0,160}\n\s{0,160})[fbruFBRU]{0,2}["'`]/g, "");
}

/** The quotes before a plus or a line end. */
export function* jointsOf(bytes: Uint8Array): Generator<number> {
  for (let at = 1; at < bytes.length; at++) {
    if (bytes[at] !== 10 && bytes[at] !== 43) continue;
    let end = at - 1;
    while (end > at - limits.between && isBlank(bytes[end])) end--;
    if (isQuote(bytes[end])) yield end;
  }
}

/** The literal that is joined to the one whose closing quote is at `end`. */
function after(buffer: Buffer, end: number): Stretch | undefined {
  const limit = Math.min(buffer.length, end + limits.between);
  let [at, lines, plus] = [end + 1, 0, 0];
  for (; at < limit && (isBlank(buffer[at]) || buffer[at] === 43); at++) {
    if (buffer[at] === 10) lines++;
    if (buffer[at] === 43) plus++;
  }
  if (lines + plus === 0 || plus > 1) return undefined;
  for (let prefix = 0; prefix < 2 && isPrefix(buffer[at]); prefix++) at++;
  if (!isQuote(buffer[at])) return undefined;
  const last = endOf(buffer, at + 1);
  return last === undefined ? undefined : { start: at + 1, end: last };
}

function endOf(buffer: Buffer, start: number): number | undefined {
  const quote = buffer[start - 1];
  for (let at = start; at < buffer.length && at - start <= limits.literal; at++) {
    if (buffer[at] === quote) return at;
    if (buffer[at] === 10) return undefined;
  }
  return undefined;
}

function startOf(buffer: Buffer, end: number, from: number): number | undefined {
  const quote = buffer[end];
  for (let at = end - 1; at >= from && end - at <= limits.literal; at--) {
    if (buffer[at] === quote) return at + 1;
    if (buffer[at] === 10) return undefined;
  }
  return undefined;
}

/** Whether a token could run across a junction, of which the search has seen one side. */
function runsAcross(pieces: readonly string[]): boolean {
  let run = 0;
  const isSeen = pieces.some((piece, index) => index > 0 && (/[\w+/-]{16}$/.test(pieces[index - 1] ?? "") || /^[\w+/-]{16}/.test(piece)));
  if (!isSeen) return false;
  for (const [index, piece] of pieces.entries()) {
    const head = /^[\w+/=.:~-]*/.exec(piece)?.[0].length ?? 0;
    if (index > 0 && run > 0 && head > 0 && run + head >= shortestToken) return true;
    run = head === piece.length ? run + head : (/[\w+/=.:~-]*$/.exec(piece)?.[0].length ?? 0);
  }
  return false;
}

function isQuote(code: number | undefined): boolean {
  return code === 34 || code === 39 || code === 96;
}

function isBlank(code: number | undefined): boolean {
  return code === 32 || code === 9 || code === 10 || code === 13;
}

/** `f"…"`, `rb'…'` */
function isPrefix(code: number | undefined): boolean {
  return code !== undefined && "fbruFBRU".includes(String.fromCharCode(code));
}
