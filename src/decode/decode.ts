import { isUtf8 } from "node:buffer";
import type { DecodeStep } from "../document.ts";
import { joined, joinedLiterals, jointsOf } from "./joined.ts";
import { type Encoded, encodedRuns, longRuns, type Stretch } from "./runs.ts";

/** An encoded stretch of a text: 0-based byte offsets, end exclusive, and what it says. */
export interface Decoded {
  readonly start: number;
  readonly end: number;
  readonly step: DecodeStep;
  readonly bytes: Uint8Array;
}

/**
 * What one scan may decode: stretches of a level that give text, stretches that are tried, and bytes of one. More is left undecoded,
 * never half decoded, and `onLimit` is told.
 */
const limits = { texts: 2000, tries: 200_000, bytes: 1 << 20 };
/** Less text is no credential. Bytes. */
const shortestText = 8;
/** So much of a stretch that is too long tells whether it would have given text. */
const probe = 4096;

/**
 * Every stretch that is plausibly text in base64, base64url, hex, percent or backslash escapes, and string literals that a program joins.
 * Linear in the input. `encoded`: what
 * of these bytes is worth trying, where the caller knows it.
 */
export function* decodings(
  bytes: Uint8Array,
  onLimit?: (reason: string) => void,
  encoded: Encoded = { runs: encodedRuns(longRuns(bytes), bytes), percent: true, escapes: true, joints: [...jointsOf(bytes)] },
): Generator<Decoded> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let [texts, tries] = [0, 0];
  for (const [find, steps] of finders) {
    for (const { start, end } of find(buffer, encoded)) {
      if (++tries > limits.tries || texts > limits.texts) {
        onLimit?.(`more than ${texts > limits.texts ? limits.texts : limits.tries} encoded stretches: the rest was not decoded`);
        return;
      }
      const possible = steps.filter((step) => mayGiveText(step, buffer, start));
      if (possible.length === 0) continue;
      const isLong = end - start > limits.bytes;
      const text = buffer.toString("latin1", start, isLong ? start + probe : end);
      for (const step of possible) {
        const decoded = undo(step, text);
        if (decoded === undefined) continue;
        if (isLong) {
          onLimit?.(`an encoded stretch of more than ${limits.bytes} bytes was not decoded`);
          break;
        }
        texts++;
        yield { start, end, step, bytes: decoded };
      }
    }
  }
  yield* joinedLiterals(buffer, encoded.joints);
}

/** False where the first letters of a run rule it out: of names, paths and hashes nearly all, before anything is decoded. */
function mayGiveText(step: DecodeStep, bytes: Buffer, start: number): boolean {
  if (step === "hex") return areHex(bytes, start, 2 * shortestText);
  return step !== "base64" || beginsText(bytes, start);
}

/** Whether the first 24 letters give bytes that can begin a text in UTF-8. */
function beginsText(bytes: Uint8Array, start: number): boolean {
  let following = 0;
  for (let at = start; at < start + 24; at += 4) {
    let bits = 0;
    for (let letter = at; letter < at + 4; letter++) bits = (bits << 6) | (sextets[bytes[letter] as number] as number);
    for (let shift = 16; shift >= 0; shift -= 8) {
      const byte = (bits >>> shift) & 255;
      if (following > 0 ? (byte & 0xc0) !== 0x80 : byte >= 0x80 && (byte < 0xc2 || byte > 0xf4)) return false;
      following = following > 0 ? following - 1 : byte < 0x80 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    }
  }
  return true;
}

const sextets = new Uint8Array(256);
for (const [value, letter] of [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].entries())
  sextets[letter.charCodeAt(0)] = value;
[sextets[45], sextets[95]] = [62, 63];

const finders: readonly [(bytes: Buffer, encoded: Encoded) => Iterable<Stretch>, readonly DecodeStep[]][] = [
  [(_, { runs }) => runs, ["base64", "hex"]],
  [(bytes, { percent }) => (percent ? around(bytes, 37, percentMark) : []), ["percent"]],
  [(bytes, { escapes }) => (escapes ? around(bytes, 92, escapeMark) : []), ["unicode-escape"]],
];

/** A word holds this much on each side of an escape, at most: one line of a minified file is not one word. */
const wordReach = 32 << 10;

/** The words that hold an escape, which begins with `sign`. Each byte is looked at once, however long the line is. */
function* around(bytes: Buffer, sign: number, lengthOfMark: (bytes: Buffer, at: number) => number): Generator<Stretch> {
  let done = 0;
  for (let at = bytes.indexOf(sign); at !== -1; at = bytes.indexOf(sign, Math.max(at + 1, done))) {
    const length = lengthOfMark(bytes, at);
    if (length === 0) continue;
    let start = at;
    while (start > done && at - start < wordReach && !ends(bytes[start - 1] as number)) start--;
    let end = at + length;
    while (end < bytes.length && end - at < wordReach && !ends(bytes[end] as number)) end++;
    done = end;
    yield { start, end };
  }
}

/** `%41`: 3, otherwise 0. */
function percentMark(bytes: Buffer, at: number): number {
  return areHex(bytes, at + 1, 2) ? 3 : 0;
}

/** `\u0041`: 6, `\x41`: 4, otherwise 0. */
function escapeMark(bytes: Buffer, at: number): number {
  const letter = bytes[at + 1];
  if (letter === 117) return areHex(bytes, at + 2, 4) ? 6 : 0;
  return letter === 120 && areHex(bytes, at + 2, 2) ? 4 : 0;
}

function areHex(bytes: Buffer, from: number, count: number): boolean {
  for (let at = from; at < from + count; at++) if (hexDigits[bytes[at] ?? 0] !== 1) return false;
  return true;
}

const hexDigits = new Uint8Array(256);
for (const digit of "0123456789abcdefABCDEF") hexDigits[digit.charCodeAt(0)] = 1;

/** White space, quotes and angle brackets: what ends a word in code, markup and URLs. */
function ends(code: number): boolean {
  return code <= 32 || code === 34 || code === 39 || code === 60 || code === 62 || code === 96;
}

/** Undoes one step on a stretch's own text; undefined where it is not that encoding or does not give text. */
export function undo(step: DecodeStep, encoded: string): Uint8Array | undefined {
  if (step === "base64" || step === "base64url") return textual(base64(encoded));
  if (step === "joined-literals") return textual(Buffer.from(joined(encoded), "latin1"));
  if (step === "hex") return encoded.length % 2 === 0 ? textual(Buffer.from(encoded, "hex")) : undefined;
  if (step === "percent")
    return textual(
      Buffer.from(
        encoded.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
        "latin1",
      ),
    );
  if (step === "unicode-escape" || step === "c-escape" || step === "json-string") return textual(Buffer.from(unescaped(encoded), "latin1"));
  if (step === "utf-16le") return Buffer.from(Buffer.from(encoded, "latin1").toString("utf16le"), "utf8");
  return Buffer.from(Buffer.from(encoded, "latin1").swap16().toString("utf16le"), "utf8");
}

function base64(encoded: string): Uint8Array {
  return Buffer.from(encoded, /[-_]/.test(encoded) ? "base64url" : "base64");
}

function unescaped(text: string): string {
  const named: Record<string, string> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" };
  return text.replace(/\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|(.))/gs, (_, unicode, byte, other) => {
    if (other !== undefined) return named[other] ?? other;
    return Buffer.from(String.fromCharCode(Number.parseInt(unicode ?? byte, 16)), "utf8").toString("latin1");
  });
}

/** Random bytes decode from anything; a credential inside is text: valid UTF-8, with hardly a control character. */
function textual(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < shortestText || !isUtf8(bytes)) return undefined;
  const sample = Math.min(bytes.length, 4096);
  let controls = 0;
  for (let at = 0; at < sample; at++) {
    const byte = bytes[at] ?? 0;
    if ((byte < 32 && byte !== 9 && byte !== 10 && byte !== 13) || byte === 127) controls++;
  }
  return controls <= sample * 0.05 ? bytes : undefined;
}
