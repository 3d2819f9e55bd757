import { isPlainName } from "../agent-config/slot/mask.ts";
import type { Finding } from "../finding.ts";

/** The variable that a finding's value is given to: by its slot, or by the text before it on its line. */
export function variableOf(finding: Finding, { textOf }: { textOf: ReadonlyMap<string, string> }): string | undefined {
  if (finding.slot?.variable !== undefined) return finding.slot.variable;
  const { path, startLine, startColumn } = finding.location;
  const text = path === undefined ? undefined : textOf.get(path);
  if (text === undefined) return undefined;
  const line = lineAt(text, startLine);
  const name = line === undefined ? undefined : assignedName(line.slice(0, startColumn - 1));
  return name !== undefined && isPlainName(name) ? name : undefined;
}

/** `export X=`, `"X": "`, `X = '`, `--set X=`: the name right before the operator, in capitals, as variables of the environment are. */
export function assignedName(before: string): string | undefined {
  return /(?<![A-Za-z0-9_])([A-Z_][A-Z0-9_]{1,127})["'\]]{0,2}\s{0,8}(?::=|=>|[:=])\s{0,8}(?:["'`]{1,3})?$/.exec(before.slice(-400))?.[1];
}

/** A line without its end, 1-based; undefined past the last. */
export function lineAt(text: string, line: number): string | undefined {
  let start = 0;
  for (let number = 1; number < line; number++) {
    start = text.indexOf("\n", start) + 1;
    if (start === 0) return undefined;
  }
  const end = text.indexOf("\n", start);
  return text.slice(start, end === -1 ? text.length : end);
}
