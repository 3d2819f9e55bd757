export type Cell = string | number | boolean | undefined;

/** RFC 4180: a header and one line a row. */
export function csv(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return [header, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** A spreadsheet would run what begins with these (OWASP, CSV injection): a quote before it keeps it text. */
function cell(value: Cell): string {
  const text = String(value ?? "");
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * Reads RFC 4180, with or without a final line break; takes back the quote that `csv` puts before what a spreadsheet would run. Undefined
 * where a quoted cell never ends.
 */
export function parseCsv(text: string): string[][] | undefined {
  const rows: string[][] = [];
  let row: string[] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/gy;
  const body = text.replace(/^\uFEFF/, "");
  while (pattern.lastIndex < body.length) {
    const match = pattern.exec(body);
    if (match === null) return undefined;
    const [, quoted, bare = "", end = ""] = match;
    row.push((quoted?.replaceAll('""', '"') ?? bare).replace(/^'(?=[=+\-@\t\r])/, ""));
    if (end === ",") {
      if (pattern.lastIndex === body.length) row.push("");
      else continue;
    }
    rows.push(row);
    row = [];
  }
  return rows.filter((cells) => cells.length > 1 || cells[0] !== "");
}
