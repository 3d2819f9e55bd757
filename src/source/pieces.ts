import { type Utf16, utf16Of } from "../decode/utf16.ts";
import type { Origin } from "../document.ts";
import type { Finding } from "../finding.ts";
import { folded, type Tally } from "./scanner.ts";

/** What is larger is read in pieces, which overlap by more than any credential is long. Bytes, even: UTF-16 units stay whole. */
export const pieceSize = 32 << 20;
const overlap = 64 << 10;

/**
 * Scans what is too large to hold, piece by piece; lines, columns and byte offsets of the findings are those of the whole.
 * `read(position, length)` gives up to `length` bytes. Parsers that need a whole file do not see it: that is reported.
 */
export function scanPieces(size: number, read: (position: number, length: number) => Buffer, origin: Origin, tally: Tally): Finding[] {
  const found: Finding[] = [];
  const wide = utf16Of(Buffer.from(read(0, 4096)));
  const mark = Buffer.from(read(0, wide?.mark ?? 0));
  const before = { lines: 0, columns: 0 };
  for (let at = 0; at < size; at += pieceSize - overlap) {
    const raw = read(at, Math.min(pieceSize, size - at));
    // a later piece of UTF-16 text has no mark of its own
    const shift = at > 0 ? mark.length : 0;
    const bytes = shift === 0 ? raw : Buffer.concat([mark, raw]);
    const findings = at === 0 ? tally.read({ bytes, origin }) : tally.again({ bytes, origin });
    for (const finding of findings) {
      // what lies wholly in the overlap was found in the piece before
      if (at > 0 && finding.locator.byteEnd - shift <= overlap) continue;
      found.push(moved(finding, before, at - shift));
    }
    advance(before, raw.subarray(0, pieceSize - overlap), wide);
  }
  tally.skip(origin.path ?? origin.kind, `${size} bytes: read in pieces, without the parsers that need a whole file`, false);
  return folded(found);
}

interface Before {
  /** Line ends before the piece. */
  lines: number;
  /** UTF-16 units of the line that the piece begins in. */
  columns: number;
}

function moved(finding: Finding, { lines, columns }: Before, bytes: number): Finding {
  const { location, locator } = finding;
  const column = (line: number, at: number) => (line === 1 ? at + columns : at);
  return {
    ...finding,
    location: {
      ...location,
      startLine: location.startLine + lines,
      startColumn: column(location.startLine, location.startColumn),
      endLine: location.endLine + lines,
      endColumn: column(location.endLine, location.endColumn),
    },
    locator: { ...locator, byteStart: locator.byteStart + bytes, byteEnd: locator.byteEnd + bytes },
  };
}

function advance(before: Before, bytes: Buffer, wide: Utf16 | undefined): void {
  const low = wide?.step === "utf-16be" ? 1 : 0;
  const isLineEnd = (at: number) => wide === undefined || (at % 2 === low && bytes[low === 0 ? at + 1 : at - 1] === 0);
  let last = -1;
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) {
    if (!isLineEnd(at)) continue;
    before.lines++;
    last = at;
  }
  const rest = bytes.subarray(last + 1);
  const units = wide !== undefined ? rest.length >> 1 : rest.toString("utf8").length;
  before.columns = last === -1 ? before.columns + units : units;
}
