import type { Finding } from "../finding.ts";
import { type ChangedLine, changedLines, masked, type Range } from "./diff.ts";
import { repairOf } from "./repair.ts";
import { applied, isRewrite, moved, type NoRewrite, type Rewrite } from "./syntax.ts";

export interface FileInput {
  readonly path: string;
  readonly text: string;
  /** Those that are to be repaired, as a scan of this very text gave them. */
  readonly findings: readonly Finding[];
  readonly variable: (finding: Finding) => string;
  /** Everything that a scan finds in a text of this path, also what rules silence: what no line may show. */
  readonly scan: (text: string) => readonly Finding[];
  readonly kubernetesSecret?: ((variable: string) => string | undefined) | undefined;
}

export interface FileRepair {
  /** The file as it is to be. */
  readonly text: string;
  readonly repairs: readonly { readonly finding: Finding; readonly repair: Rewrite | NoRewrite }[];
  /** Without any value. */
  readonly diff: readonly ChangedLine[];
}

interface Place extends Range {
  readonly finding: Finding;
  /** What became of it through the repair of another one; absent = nothing. */
  readonly settled?: Rewrite | NoRewrite;
}

/** Findings of one file, at most: each needs a look at the whole of it. What has more is data, and nobody's code. */
const mostRepairs = 200;

/** Repairs one finding after the other, each in the text that the one before left, and keeps only what takes its value out of the file. */
export function repairFile({ path, text, findings, variable, scan, kubernetesSecret }: FileInput): FileRepair {
  if (findings.length > mostRepairs) return { text, repairs: findings.map((finding) => ({ finding, repair: tooMany })), diff: [] };
  const first = scan(text);
  let [now, known] = [text, first];
  let places: Place[] = rangesIn(text, findings)
    .map((range, index) => ({ ...range, finding: findings[index] as Finding }))
    .toSorted((a, b) => a.start - b.start);
  const repairs: { finding: Finding; repair: Rewrite | NoRewrite }[] = [];
  for (let place = places.shift(); place !== undefined; place = places.shift()) {
    const { finding, start, end, settled } = place;
    const repair = settled ?? repairOne();
    repairs.push({ finding, repair });

    function repairOne(): Rewrite | NoRewrite {
      const one = repairOf({ path, text: now, start, end, finding, variable: variable(finding), kubernetesSecret });
      if (!isRewrite(one)) return one;
      const after = applied(now, one.edits);
      const left = scan(after);
      if (countOf(finding, left) >= countOf(finding, known))
        return { none: "the value would still stand in the file; take it out by hand" };
      places = places.map((other) => follow(other, one, { known, left }));
      [now, known] = [after, left];
      return one;
    }
  }
  const values = [...new Set(rangesIn(text, first).map((range) => text.slice(range.start, range.end)))];
  return {
    text: now,
    repairs,
    diff: changedLines(text, now, masked(text, rangesIn(text, first), values), masked(now, rangesIn(now, known), values)),
  };
}

const tooMany: NoRewrite = { none: `more than ${mostRepairs} values stand in this file; take the file itself out of git` };

/** Where a place is after a repair, and whether that repair took it with it or only moved what it stands in. */
function follow(place: Place, repair: Rewrite, { known, left }: { known: readonly Finding[]; left: readonly Finding[] }): Place {
  const { finding, start, end } = place;
  const range = { start: moved(start, repair.edits), end: moved(end, repair.edits) };
  if (!repair.edits.some((edit) => edit.start < end && start < edit.end)) return { ...place, ...range };
  const gone = countOf(finding, left) < countOf(finding, known);
  return {
    ...place,
    ...range,
    settled: gone ? { ...repair, edits: [] } : { none: "it stands in a text that another repair changed; run it again" },
  };
}

/** UTF-16 offsets of what the findings' locators say in bytes, in their order. */
export function rangesIn(text: string, findings: readonly Finding[]): Range[] {
  const bytes = Buffer.from(text);
  const offsets = new Map<number, number>();
  let [byte, at] = [0, 0];
  for (const offset of findings.flatMap(({ locator }) => [locator.byteStart, locator.byteEnd]).sort((a, b) => a - b)) {
    at += bytes.subarray(byte, offset).toString().length;
    byte = offset;
    offsets.set(offset, at);
  }
  return findings.map(({ locator }) => ({ start: offsets.get(locator.byteStart) ?? 0, end: offsets.get(locator.byteEnd) ?? 0 }));
}

function countOf({ fingerprint }: Finding, all: readonly Finding[]): number {
  return all.filter((one) => one.fingerprint === fingerprint).length;
}
