/** A capture group, or a group without a name and number (`capture` undefined), or the whole expression. */
interface Frame {
  readonly start: number;
  /** Where its own text begins, behind `(`, `(?:`, `(?P<name>`. */
  readonly inner: number;
  readonly capture: number | undefined;
  readonly parent: Frame | undefined;
  alternates: boolean;
  optional: boolean;
}

/** What stands where in an expression of Go's RE2 syntax. */
interface Walked {
  readonly frames: readonly Frame[];
  readonly root: Frame;
  /** Offsets of `|`, `^` and `$` outside of every group. */
  readonly outer: readonly number[];
}

function walk(source: string): Walked {
  const root: Frame = { start: 0, inner: 0, capture: undefined, parent: undefined, alternates: false, optional: false };
  const frames: Frame[] = [];
  const outer: number[] = [];
  let [frame, captures, closed]: [Frame, number, Frame | undefined] = [root, 0, undefined];
  for (let at = 0; at < source.length; at++) {
    const sign = source[at];
    const before = closed;
    closed = undefined;
    if (sign === "\\") at = source[at + 1] === "Q" ? endOfQuote(source, at) : at + 1;
    else if (sign === "[") at = endOfClass(source, at);
    else if (sign === "(") {
      const opening = /^\((?:\?(?:P?<\w+>|[a-zA-Z-]*[:)]))?/.exec(source.slice(at, at + 80))?.[0] ?? "(";
      if (opening.endsWith(")")) {
        at += opening.length - 1; // only changes flags
        continue;
      }
      const isCapture = opening === "(" || opening.endsWith(">");
      if (isCapture) captures++;
      const capture = isCapture ? captures : undefined;
      frame = { start: at, inner: at + opening.length, capture, parent: frame, alternates: false, optional: false };
      frames.push(frame);
      at += opening.length - 1;
    } else if (sign === ")") {
      closed = frame;
      frame = frame.parent ?? root;
    } else if (sign === "|") frame.alternates = true;
    else if (before !== undefined && (sign === "?" || sign === "*" || /^\{0*,?\d*\}/.test(source.slice(at, at + 12))))
      before.optional = true;
    if (frame === root && closed === undefined && (sign === "|" || sign === "^" || sign === "$")) outer.push(at);
  }
  return { frames, root, outer };
}

function endOfQuote(source: string, at: number): number {
  const end = source.indexOf("\\E", at + 2);
  return end === -1 ? source.length : end + 1;
}

function endOfClass(source: string, start: number): number {
  let at = source[start + 1] === "^" ? start + 2 : start + 1;
  if (source[at] === "]") at++;
  for (; at < source.length && source[at] !== "]"; at++) {
    if (source[at] === "\\") at++;
    else if (source[at] === "[" && source[at + 1] === ":") at = Math.max(at, source.indexOf(":]", at + 2) + 1);
  }
  return at;
}

/**
 * The expression with the group that holds the secret called `secret`, and no other group that captures: a named group would be
 * shown as an attribute. `wanted` as in the format: absent or 0 means the first group that is not empty, else the whole match.
 */
export function withSecretGroup(source: string, wanted = 0): { readonly source: string } | { readonly problem: string } {
  const { frames } = walk(source);
  const captures = frames.filter(({ capture }) => capture !== undefined);
  if (wanted > captures.length) return { problem: `secretGroup is ${wanted}, the expression has ${captures.length} groups` };
  const [first] = captures;
  if (first === undefined) return { source: `(?P<secret>${source})` };
  if (wanted === 0 && captures.length > 1 && !takesPart(first))
    return { problem: `any of ${captures.length} groups may hold the secret; set secretGroup` };
  const chosen = captures[wanted === 0 ? 0 : wanted - 1];
  let renamed = source;
  for (const frame of captures.toReversed())
    renamed = `${renamed.slice(0, frame.start)}${frame === chosen ? "(?P<secret>" : "(?:"}${renamed.slice(frame.inner)}`;
  return { source: renamed };
}

/** Whether every match of the expression goes through a group. */
function takesPart(frame: Frame): boolean {
  if (frame.optional) return false;
  for (let above = frame.parent; above !== undefined; above = above.parent) if (above.alternates || above.optional) return false;
  return true;
}

/**
 * `^a|b|c$` as it was meant, `^(?:a|b|c)$`: as it stands `b` fits anywhere, and an exception silences more than somebody thought.
 * Undefined where nothing needs to change.
 */
export function anchoredAlternation(source: string): string | undefined {
  const { outer } = walk(source);
  const signs = outer.map((at) => source[at]).join("");
  if (!/^\^\|+\$$/.test(signs) || outer[0] !== 0 || outer.at(-1) !== source.length - 1) return undefined;
  return `^(?:${source.slice(1, -1)})$`;
}
