/** One rule of a CODEOWNERS file. No owners: the path has none, whatever an earlier rule said. */
export interface OwnerRule {
  readonly pattern: string;
  readonly owners: readonly string[];
  /** 1-based. */
  readonly line: number;
}

/** Where GitHub looks, in this order; only the first file that exists counts. */
export const codeownersPaths = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];

/** GitHub ignores a larger file (https://docs.github.com/articles/about-code-owners). */
const largest = 3 << 20;

/** The rules of a CODEOWNERS file; a line that GitHub skips (negation, character classes, no valid owner) is left out. */
export function parseCodeowners(text: string): OwnerRule[] {
  if (Buffer.byteLength(text) > largest) return [];
  return text.split(/\r?\n/).flatMap((line, index): OwnerRule[] => {
    const [pattern, ...words] = tokens(line);
    if (pattern === undefined || pattern.startsWith("!") || /(?<!\\)\[/.test(pattern)) return [];
    const owners = words.filter((word) => /^@[\w-]{1,100}(?:\/[\w.-]{1,100})?$/.test(word) || /^[^\s@]{1,100}@[^\s@]{1,253}$/.test(word));
    return owners.length < words.length ? [] : [{ pattern, owners, line: index + 1 }];
  });
}

/** The rule that decides about a path: the last that matches. */
export function ownerRuleFor(path: string, rules: readonly OwnerRule[]): OwnerRule | undefined {
  return rules.findLast(({ pattern }) => matches(pattern, path));
}

/** White space separates, a backslash keeps the next character, `#` starts a comment. */
function tokens(line: string): string[] {
  const words: string[] = [];
  let word = "";
  for (let at = 0; at <= line.length; at++) {
    const character = line[at];
    if (character === undefined || character === "#" || /\s/.test(character)) {
      if (word !== "") words.push(word);
      word = "";
      if (character === "#") break;
    } else if (character === "\\" && /[\s#\\]/.test(line[at + 1] ?? "")) word += line[++at];
    else word += character;
  }
  return words;
}

/** As in .gitignore: a slash at the start or in the middle ties the pattern to the root; a folder takes all that is in it. */
function matches(pattern: string, path: string): boolean {
  if (pattern === "*" || pattern === "/**" || pattern === "**") return true;
  const folder = pattern.endsWith("/");
  const body = pattern.replace(/^\/+/, "").replace(/\/+$/, "");
  if (body === "") return false;
  const parts = body.split("/").slice(0, 64);
  const rooted = pattern.startsWith("/") || parts.length > 1;
  // `docs/*` means the files right in docs: what its last part matches is not entered.
  const shallow = !folder && parts.at(-1) === "*" && rooted;
  return matchParts(rooted ? parts : ["**", ...parts], path.split("/"), { folder, shallow });
}

/** Dynamic programming over path parts: no pattern costs more than pattern × path. */
function matchParts(
  pattern: readonly string[],
  path: readonly string[],
  { folder, shallow }: { folder: boolean; shallow: boolean },
): boolean {
  let reached = new Set([0]);
  for (const part of pattern) {
    const next = new Set<number>();
    for (const at of reached) {
      if (part === "**") for (let to = at; to <= path.length; to++) next.add(to);
      else if (at < path.length && matchPart(part, path[at] ?? "")) next.add(at + 1);
    }
    reached = next;
  }
  if (reached.has(path.length) && !folder) return true;
  if (shallow) return false;
  return [...reached].some((at) => at < path.length && at > 0);
}

/** `*` and `?` within one part: the two-pointer way, without backtracking more than one star. */
function matchPart(pattern: string, text: string): boolean {
  let [p, t, star, mark] = [0, 0, -1, 0];
  while (t < text.length) {
    if (pattern[p] === "*") [star, mark] = [p++, t];
    else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) [p, t] = [p + 1, t + 1];
    else if (star !== -1) [p, t] = [star + 1, ++mark];
    else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}
