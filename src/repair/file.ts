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
  /** An earlier repair changed its text too. */
  readonly edited: boolean;
}

/** Repairs one finding after the other, each in the text that the one before left, and keeps only what takes its value out of the file. */
export function repairFile({ path, text, findings, variable, scan, kubernetesSecret }: FileInput): FileRepair {
  let now = text;
  let known = scan(text);
  let places = findings
    .map((finding): Place => ({ finding, ...rangeIn(text, finding), edited: false }))
    .toSorted((a, b) => a.start - b.start);
  const repairs: { finding: Finding; repair: Rewrite | NoRewrite }[] = [];
  for (let place = places.shift(); place !== undefined; place = places.shift()) {
    const { finding, start, end, edited } = place;
    if (edited) {
      repairs.push({ finding, repair: goneWith(repairs.at(-1)?.repair) });
      continue;
    }
    const repair = repairOf({ path, text: now, start, end, finding, variable: variable(finding), kubernetesSecret });
    if (!isRewrite(repair)) {
      repairs.push({ finding, repair });
      continue;
    }
    const after = applied(now, repair.edits);
    const left = scan(after);
    if (countOf(finding, left) >= countOf(finding, known)) {
      repairs.push({ finding, repair: { none: "the value would still stand in the file; take it out by hand" } });
      continue;
    }
    repairs.push({ finding, repair });
    places = places.map(
      (other): Place => ({
        ...other,
        start: moved(other.start, repair.edits),
        end: moved(other.end, repair.edits),
        edited: repair.edits.some((edit) => edit.start < other.end && other.start < edit.end),
      }),
    );
    [now, known] = [after, left];
  }
  const hidden = masked(
    text,
    scan(text).map((finding) => rangeIn(text, finding)),
  );
  const shown = masked(
    now,
    known.map((finding) => rangeIn(now, finding)),
  );
  return { text: now, repairs, diff: changedLines(text, now, hidden, shown) };
}

/** UTF-16 offsets of what a finding's locator says in bytes. */
export function rangeIn(text: string, { locator }: Finding): Range {
  const bytes = Buffer.from(text);
  return {
    start: bytes.subarray(0, locator.byteStart).toString().length,
    end: bytes.subarray(0, locator.byteEnd).toString().length,
  };
}

function countOf({ fingerprint }: Finding, all: readonly Finding[]): number {
  return all.filter((one) => one.fingerprint === fingerprint).length;
}

/** Another value of the same place went with it. */
function goneWith(repair: Rewrite | NoRewrite | undefined): Rewrite | NoRewrite {
  return repair !== undefined && isRewrite(repair)
    ? { ...repair, edits: [] }
    : { none: "it stands beside a value that could not be repaired" };
}
