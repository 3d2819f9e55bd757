import { odds } from "./byte-frequency.ts";
import type { AnchorWindow } from "./prefilter.ts";

/** Groups of windows. One bit each in either half of a table's numbers. */
const groups = 16;

/**
 * A number for every pair of bytes: bit n of its low half says that the pair begins a window of group n, bit n of its high half that
 * it ends one. Windows that share pairs are put into one group: the more a group has of different first pairs and of different second
 * ones, the more pairs in a row belong to none of its windows and pass nevertheless.
 */
export function pairTable(windows: readonly AnchorWindow[]): Int32Array {
  const table = new Int32Array(1 << 16);
  const enter = (low: number | undefined, high: number | undefined, exact: boolean, bit: number) => {
    for (const first of forms(low, exact))
      for (const second of forms(high, exact)) {
        const pair = first | (second << 8);
        table[pair] = (table[pair] as number) | bit;
      }
  };
  for (const [{ bytes, exact }, group] of grouped(windows)) {
    enter(bytes[0], bytes[1], exact, 1 << group);
    enter(bytes[2], bytes[3], exact, 1 << (group + 16));
  }
  return table;
}

const all = Array.from({ length: 256 }, (_, byte) => byte);

function forms(byte: number | undefined, exact: boolean): readonly number[] {
  if (byte === undefined) return all;
  return exact || byte < 97 || byte > 122 ? [byte] : [byte, byte - 32];
}

/** The most frequent first, each in the group of which it raises the expected number of false alarms least. */
function grouped(windows: readonly AnchorWindow[]): [AnchorWindow, number][] {
  const weighed = windows.map((window) => {
    const [a, b, c, d] = window.bytes.map((byte) => (byte !== undefined && byte >= 65 && byte <= 90 ? byte + 32 : byte));
    const [first, second] = [odds(a, b), odds(c, d)];
    return { window, first, second, firstPair: pairCode(a, b), secondPair: pairCode(c, d), weight: first * second };
  });
  const [firsts, seconds] = [new Float64Array(groups), new Float64Array(groups)];
  const [knownFirst, knownSecond] = [new Int32Array(pairCodes), new Int32Array(pairCodes)];
  return weighed
    .sort((x, y) => y.weight - x.weight)
    .map(({ window, first, second, firstPair, secondPair }) => {
      let [best, least] = [0, Number.POSITIVE_INFINITY];
      const more = (odd: number, known: number, group: number) => ((known >>> group) & 1 ? 0 : odd);
      for (let group = 0; group < groups; group++) {
        const [f, s] = [firsts[group] as number, seconds[group] as number];
        const withFirst = f + more(first, knownFirst[firstPair] as number, group);
        const withSecond = s + more(second, knownSecond[secondPair] as number, group);
        const cost = withFirst * withSecond - f * s;
        if (cost < least) [best, least] = [group, cost];
      }
      firsts[best] = (firsts[best] as number) + more(first, knownFirst[firstPair] as number, best);
      seconds[best] = (seconds[best] as number) + more(second, knownSecond[secondPair] as number, best);
      knownFirst[firstPair] = (knownFirst[firstPair] as number) | (1 << best);
      knownSecond[secondPair] = (knownSecond[secondPair] as number) | (1 << best);
      return [window, best];
    });
}

/** A number for a pair, whatever its case; further ones where one of the two is open. */
function pairCode(low: number | undefined, high: number | undefined): number {
  if (low === undefined) return (1 << 16) + ((high ?? 0) | 32);
  if (high === undefined) return (1 << 16) + 256 + (low | 32);
  return low | 32 | ((high | 32) << 8);
}
const pairCodes = (1 << 16) + 512;
