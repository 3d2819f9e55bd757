import type { CompiledDetector, CompiledException, Ruleset } from "../detector/compile.ts";
import type { Finding } from "../finding.ts";

/** What a detector's exceptions look at, as latin1. */
export interface Seen {
  readonly secret: string;
  /** Everything that the pattern took. */
  readonly match: string;
  readonly line: () => string;
}

/**
 * Undefined where an exception holds for the value itself; otherwise the numbers of those that may hold, depending on the path or
 * commit, which are known only later (contracts.md §5).
 */
export function openExceptions({ exceptions = [] }: CompiledDetector, seen: Seen): readonly number[] | undefined {
  const open: number[] = [];
  for (const [index, exception] of exceptions.entries()) {
    const { condition, regexes, stopwords, paths, commits } = exception;
    const target = exception.target === "line" ? seen.line() : seen[exception.target];
    const tests = [
      ...(regexes === undefined ? [] : [regexes.some((regex) => regex.exec(target) !== undefined)]),
      ...(stopwords === undefined ? [] : [stopwords.some((word) => seen.secret.toLowerCase().includes(word))]),
    ];
    const placed = paths !== undefined || commits !== undefined;
    const holds = condition === "all" ? tests.every(Boolean) : tests.some(Boolean);
    if (holds && (condition === "any" || !placed)) return undefined;
    if (placed && (condition === "any" || holds)) open.push(index);
  }
  return open;
}

/** Where a detector's path or an exception says that a finding is none. */
export type Placed = { readonly kind: "elsewhere" } | { readonly kind: "excepted"; readonly reason: string };

/** What the detectors of a ruleset say to a finding's place. Detectors without paths, commits and exceptions say nothing. */
export function placing({ detectors }: Ruleset): (finding: Finding) => Placed | undefined {
  const limited = new Map(
    detectors.filter(({ path, exceptions }) => path !== undefined || exceptions !== undefined).map((rule) => [rule.detector.id, rule]),
  );
  return (finding) => {
    const rule = limited.get(finding.detector);
    if (rule === undefined) return undefined;
    const { path = "", commit } = finding.location;
    if (rule.path !== undefined && rule.path.exec(path) === undefined) return { kind: "elsewhere" };
    const held = (finding.exceptions ?? [])
      .flatMap((index) => rule.exceptions?.[index] ?? [])
      .find((exception) => holdsAt(exception, path, commit));
    return held === undefined ? undefined : { kind: "excepted", reason: held.reason };
  };
}

function holdsAt({ condition, paths, commits }: CompiledException, path: string, commit: string | undefined): boolean {
  const tests = [
    ...(paths === undefined ? [] : [paths.some((regex) => regex.exec(path) !== undefined)]),
    ...(commits === undefined ? [] : [commits.some((id) => commit?.toLowerCase().startsWith(id) ?? false)]),
  ];
  return condition === "all" ? tests.every(Boolean) : tests.some(Boolean);
}
