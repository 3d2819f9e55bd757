/** A source file with what is no code taken out; every offset and line stays where it was. */
export interface Blanked {
  /** Without comments and doc strings. */
  readonly code: string;
  /** Without the contents of strings too, but with the code inside of templates and f-strings. */
  readonly bare: string;
}

interface Dialect {
  readonly line: string;
  readonly block: boolean;
  /** Whether `'` begins a string; else it stands for one character, or for a lifetime. */
  readonly single: boolean;
  readonly template: boolean;
  readonly python: boolean;
}

/** Reads once from the left; what a broken file leaves open ends with its line, a block with the file. */
export function blank(path: string, text: string): Blanked {
  const dialect = dialectOf(path);
  const spans = spansOf(text, dialect);
  return {
    code: filled(
      text,
      spans.filter(({ comment }) => comment),
    ),
    bare: filled(text, spans),
  };
}

function dialectOf(path: string): Dialect {
  const python = /\.(?:py|ipynb)$/i.test(path);
  const script = /\.[cm]?[jt]sx?$/i.test(path);
  const hash = python || /\.rb$/i.test(path);
  return {
    line: hash ? "#" : "//",
    block: !hash,
    single: python || script || /\.(?:rb|php)$/i.test(path),
    template: script || /\.go$/i.test(path),
    python,
  };
}

interface Span {
  readonly start: number;
  readonly end: number;
  readonly comment: boolean;
}

function spansOf(text: string, dialect: Dialect): Span[] {
  const spans: Span[] = [];
  let at = 0;
  while (at < text.length) {
    const next = nextOpening(text, at, dialect);
    if (next === undefined) break;
    at = next.end;
    spans.push(...next.spans);
  }
  return spans;
}

const opening = /\/\/|\/\*|\/(?![/*])|#|"""|'''|["'`]/g;

function nextOpening(text: string, from: number, dialect: Dialect): { end: number; spans: Span[] } | undefined {
  opening.lastIndex = from;
  for (let match = opening.exec(text); match !== null; match = opening.exec(text)) {
    const [mark] = match;
    const start = match.index;
    if (mark === dialect.line) return comment(start, lineEnd(text, start));
    if (mark === "/*" && dialect.block) return comment(start, after(text, "*/", start + 2));
    if ((mark === '"""' || mark === "'''") && dialect.python) return tripleQuoted(text, start, mark);
    if (mark === "/" && dialect.template && startsRegex(text, start)) return { end: regexEnd(text, start), spans: [] };
    if (mark === "`" && dialect.template) return template(text, start);
    if (mark.startsWith('"') || (mark.startsWith("'") && dialect.single)) {
      opening.lastIndex = start + 1;
      return quoted(text, start, dialect.python);
    }
    // Ours is a shorter mark at the same place: `"""` outside of Python is an empty string and a quote.
    if (mark.length > 1) opening.lastIndex = start + 1;
  }
  return undefined;
}

function comment(start: number, end: number): { end: number; spans: Span[] } {
  return { end, spans: [{ start, end, comment: true }] };
}

function lineEnd(text: string, start: number): number {
  const end = text.indexOf("\n", start);
  return end === -1 ? text.length : end;
}

function after(text: string, mark: string, start: number): number {
  const end = text.indexOf(mark, start);
  return end === -1 ? text.length : end + mark.length;
}

/** One that stands alone as a statement is documentation. */
function tripleQuoted(text: string, start: number, mark: string): { end: number; spans: Span[] } {
  const end = after(text, mark, start + 3);
  const before = text.slice(text.lastIndexOf("\n", start - 1) + 1, start);
  if (/^[ \t]*[rRuU]?$/.test(before)) return { end, spans: [{ start, end, comment: true }] };
  return { end, spans: [{ start: start + 3, end: Math.max(start + 3, end - 3), comment: false }] };
}

function quoted(text: string, start: number, python: boolean): { end: number; spans: Span[] } {
  const quote = text[start];
  const formatted = python && /[fF][rR]?$|[rR][fF]$/.test(text.slice(Math.max(0, start - 2), start));
  const spans: Span[] = [];
  let from = start + 1;
  let at = from;
  for (; at < text.length && text[at] !== quote && text[at] !== "\n"; at++) {
    if (text[at] === "\\") at++;
    else if (formatted && text[at] === "{") {
      spans.push({ start: from, end: at, comment: false });
      // Up to Python 3.11 the inner quotes are other ones, so that the first brace closes.
      const close = /^[^}\n]{0,300}\}/.exec(text.slice(at, at + 302))?.[0].length;
      at = close === undefined ? at : at + close - 1;
      from = at + 1;
    }
  }
  if (from < at) spans.push({ start: from, end: Math.min(at, text.length), comment: false });
  return { end: Math.min(at + 1, text.length), spans };
}

/** What `${…}` holds is code. */
function template(text: string, start: number): { end: number; spans: Span[] } {
  const spans: Span[] = [];
  let from = start + 1;
  let at = from;
  while (at < text.length && text[at] !== "`") {
    if (text[at] === "\\") at += 2;
    else if (text[at] === "$" && text[at + 1] === "{") {
      spans.push({ start: from, end: at, comment: false });
      at = placeholderEnd(text, at + 2);
      from = at;
    } else at++;
  }
  if (from < at) spans.push({ start: from, end: Math.min(at, text.length), comment: false });
  return { end: Math.min(at + 1, text.length), spans };
}

/** Behind the brace that closes a placeholder; braces in strings do not count. */
function placeholderEnd(text: string, start: number): number {
  let depth = 1;
  let at = start;
  for (; at < text.length && depth > 0; at++) {
    const character = text[at] ?? "";
    if (character === '"' || character === "'") at += stringLength(text, at) - 1;
    else depth += character === "{" ? 1 : character === "}" ? -1 : 0;
  }
  return at;
}

/** Of a string on one line, with its quotes. */
function stringLength(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== text[start] && text[at] !== "\n") at += text[at] === "\\" ? 2 : 1;
  return at + 1 - start;
}

function startsRegex(text: string, start: number): boolean {
  return /(?:[(,=:[!&|?{};]|\breturn)\s{0,20}$/.test(text.slice(Math.max(0, start - 30), start));
}

function regexEnd(text: string, start: number): number {
  const match = /^\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\//.exec(text.slice(start, start + 300));
  return match === null ? start + 1 : start + match[0].length;
}

function filled(text: string, spans: readonly Span[]): string {
  const parts: string[] = [];
  let at = 0;
  for (const { start, end } of spans) {
    parts.push(text.slice(at, start), text.slice(start, end).replace(/[^\n]/g, " "));
    at = end;
  }
  return parts.join("") + text.slice(at);
}
