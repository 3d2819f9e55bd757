import { withoutValues } from "../agent-config/slot/mask.ts";
import type { Leaf, Reading, Role } from "./leaf.ts";
import { type JsonString, jsonStrings } from "./strings.ts";

/** What a format knows about one line: who spoke in it, and what else holds for its strings. */
export interface LineContext {
  readonly session?: string;
  /** For a string at this path; undefined leaves it out (ids, time stamps and the like). */
  readonly about: (path: readonly string[]) => { readonly role?: Role; readonly tool?: string } | undefined;
  /** As `about` for a string in the JSON that a string holds, where that says more than the string around it. */
  readonly inside?: (value: unknown, path: readonly string[]) => { readonly role?: Role; readonly tool?: string };
}

/** Strings that are machinery, not speech. A key in one of them would be found by the scan of the raw bytes all the same. */
export const machinery = new Set([
  "type",
  "role",
  "id",
  "uuid",
  "parentUuid",
  "sessionId",
  "timestamp",
  "version",
  "model",
  "stop_reason",
  "tool_use_id",
  "call_id",
  "custom_id",
  "requestId",
  "userType",
  "media_type",
  "status",
  "object",
  "finish_reason",
  "tool_call_id",
  "method",
]);

/**
 * Every string of a file of one JSON value per line, in order. `context` is asked once for each line that is an object;
 * it may keep state between lines, and gives undefined for a line that is not of the format.
 */
export function readJsonLines(
  text: string,
  context: (line: Readonly<Record<string, unknown>>, turn: number) => LineContext | undefined,
): Reading {
  let unparsed = 0;
  function* leaves(): Generator<Leaf> {
    unparsed = 0;
    let turn = 0;
    for (const line of lines(text)) {
      const parsed = jsonStrings(line.text);
      const known = parsed === undefined || !isObject(parsed.value) ? undefined : context(parsed.value, turn);
      if (parsed === undefined || known === undefined) {
        unparsed++;
        continue;
      }
      const cursor = { unit: 0, byte: line.byte };
      for (const found of parsed.strings) yield* leavesOf(found, { line, known, turn, cursor });
      turn++;
    }
  }
  return { leaves: { [Symbol.iterator]: leaves }, unparsed: () => unparsed };
}

/** Every string of a file that is one JSON value, in order; turns count the items of its outermost list. */
export function readJson(
  text: string,
  about: (value: unknown, path: readonly string[]) => { readonly role?: Role; readonly tool?: string } | undefined,
  more: Pick<LineContext, "session" | "inside"> = {},
): Reading {
  const parsed = jsonStrings(text);
  function* leaves(): Generator<Leaf> {
    if (parsed === undefined) return;
    const cursor = { unit: 0, byte: 0 };
    for (const found of parsed.strings) {
      const turn = Number(found.path.find((part) => /^\d+$/.test(part)) ?? 0);
      const known: LineContext = { ...more, about: (path) => about(parsed.value, path) };
      yield* leavesOf(found, { line: { text, number: undefined }, known, turn, cursor });
    }
  }
  return { leaves: { [Symbol.iterator]: leaves }, unparsed: () => (parsed === undefined ? 1 : 0) };
}

/** A `.json` file is one value, any other has one value a line. */
export function readEither(text: string, path: string, context: (value: unknown) => LineContext | undefined): Reading {
  const whole = /\.json$/i.test(path) ? jsonStrings(text) : undefined;
  const known = whole === undefined ? undefined : context(whole.value);
  return known === undefined ? readJsonLines(text, context) : readJson(text, (_value, path) => known.about(path), known);
}

interface Line {
  readonly text: string;
  /** 0-based; undefined where the file is one value. */
  readonly number: number | undefined;
}

function* lines(text: string): Generator<Line & { readonly byte: number }> {
  let [start, byte, number] = [0, 0, 0];
  while (start < text.length) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    const line = text.slice(start, end);
    if (line.trim() !== "") yield { text: line, number, byte };
    byte += Buffer.byteLength(line) + 1;
    start = end + 1;
    number++;
  }
}

interface InLine {
  readonly line: Line;
  readonly known: LineContext;
  readonly turn: number;
  /** How far the line's bytes are counted: strings come in order, so that a long line is counted once. */
  readonly cursor: { unit: number; byte: number };
}

function* leavesOf(found: JsonString, { line, known, turn, cursor }: InLine): Generator<Leaf> {
  const about = found.value === "" || machinery.has(found.path.at(-1) ?? "") ? undefined : known.about(found.path);
  if (about === undefined) return;
  cursor.byte += Buffer.byteLength(line.text.slice(cursor.unit, found.start));
  cursor.unit = found.start;
  const byteStart = cursor.byte;
  const raw = line.text.slice(found.start, found.end);
  const leaf: Leaf & { readonly pointer: string } = {
    text: found.value,
    pointer: pointerOf(line.number === undefined ? found.path : [String(line.number), ...found.path]),
    byteStart,
    byteEnd: byteStart + Buffer.byteLength(raw),
    escaped: raw !== found.value,
    turn,
    ...about,
    ...(known.session === undefined ? {} : { session: known.session }),
  };
  const inner = jsonStrings(found.value);
  if (inner === undefined) yield leaf;
  // JSON in a string: its strings are what was said; they stand somewhere inside the outer one.
  else
    for (const deeper of inner.strings) {
      if (deeper.value === "" || machinery.has(deeper.path.at(-1) ?? "")) continue;
      yield {
        ...leaf,
        ...known.inside?.(inner.value, deeper.path),
        text: deeper.value,
        pointer: leaf.pointer + pointerOf(deeper.path),
        escaped: true,
      };
    }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value.slice(0, 200) : undefined;
}

export function roleOf(value: unknown): Role | undefined {
  switch (value) {
    case "user":
    case "human":
      return "user";
    case "assistant":
    case "model":
    case "gpt":
    case "ai":
      return "assistant";
    case "system":
    case "developer":
      return "system";
    case "tool":
    case "function":
      return "tool";
    default:
      return undefined;
  }
}

/** The value at a path of a parsed line. */
export function at(value: unknown, path: readonly string[]): unknown {
  let found = value;
  for (const part of path) {
    if (Array.isArray(found)) found = found[Number(part)];
    else if (isObject(found) && Object.hasOwn(found, part)) found = found[part];
    else return undefined;
  }
  return found;
}

/** A key of an object can be a value that somebody pasted: pointers are kept, values are not. */
function pointerOf(path: readonly string[]): string {
  return withoutValues(path.map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`).join(""));
}
