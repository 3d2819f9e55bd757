import { withoutValues } from "../agent-config/slot/mask.ts";

/** A changed line. Numbers are 1-based, of the old file for a removed line and of the new one for an added line. */
export interface ChangedLine {
  readonly sign: "-" | "+";
  readonly line: number;
  readonly text: string;
}

export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * A text in which neither these places nor these values can be read, nor anything else that looks random: the scan may not see a value
 * that is glued to another text. Lines stay lines.
 */
export function masked(text: string, ranges: readonly Range[], values: readonly string[]): string {
  const hide = (part: string) => `…${part.replace(/[^\n]/g, "")}`;
  const parts: string[] = [];
  let at = 0;
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    if (start < at) continue;
    parts.push(text.slice(at, start), hide(text.slice(start, end)));
    at = end;
  }
  const hidden = parts.join("") + text.slice(at);
  // a value that the scan no longer sees once the text around it has changed
  return withoutValues(
    values.reduce((result, value) => (value.trim() === "" ? result : result.replaceAll(value, () => hide(value))), hidden),
  );
}

/** More lines than this between the first and the last change are shown as one block. */
const most = 2000;

/**
 * The lines that change, in order. What is compared is `before` and `after`; what is shown, `shownBefore` and `shownAfter`, which have
 * the same lines.
 */
export function changedLines(before: string, after: string, shownBefore: string, shownAfter: string): ChangedLine[] {
  const [old, fresh] = [before.split("\n"), after.split("\n")];
  let head = 0;
  while (head < old.length && head < fresh.length && old[head] === fresh[head]) head++;
  let tail = 0;
  while (tail < old.length - head && tail < fresh.length - head && old.at(-1 - tail) === fresh.at(-1 - tail)) tail++;
  const [oldShown, freshShown] = [shownBefore.split("\n"), shownAfter.split("\n")];
  const removed = (at: number): ChangedLine => ({ sign: "-", line: at + 1, text: (oldShown[at] ?? "").replace(/\r$/, "") });
  const added = (at: number): ChangedLine => ({ sign: "+", line: at + 1, text: (freshShown[at] ?? "").replace(/\r$/, "") });

  const [a, b] = [old.slice(head, old.length - tail), fresh.slice(head, fresh.length - tail)];
  const common = a.length > most || b.length > most ? [] : longestCommon(a, b);
  const lines: ChangedLine[] = [];
  let [i, j] = [0, 0];
  for (const [x, y] of [...common, [a.length, b.length] as const]) {
    for (; i < x; i++) lines.push(removed(head + i));
    for (; j < y; j++) lines.push(added(head + j));
    i++;
    j++;
  }
  return lines;
}

/** Pairs of indexes of lines that stay. */
function longestCommon(a: readonly string[], b: readonly string[]): (readonly [number, number])[] {
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  const at = (i: number, j: number) => lengths[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    const row = lengths[i] as Uint16Array;
    for (let j = b.length - 1; j >= 0; j--) row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  }
  const pairs: (readonly [number, number])[] = [];
  for (let [i, j] = [0, 0]; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (at(i + 1, j) >= at(i, j + 1)) i++;
    else j++;
  }
  return pairs;
}
