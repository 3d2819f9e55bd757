import { isPlainName } from "../agent-config/slot/mask.ts";
import { credentialKey, type Finding } from "../finding.ts";
import { variableOf } from "../identity/variable.ts";

/**
 * The variable for each finding: the one that its file gives it to, else the field under which people declared that it is stored
 * (`fieldOf`), else made of its title; and never one that another credential has. The same findings in the same order have the same names,
 * whichever are asked for; one that is not among them gets its name when it is asked for.
 */
export function variableNames(
  findings: readonly Finding[],
  textOf: ReadonlyMap<string, string>,
  fieldOf: (finding: Finding) => string | undefined = () => undefined,
): (finding: Finding) => string {
  const holder = new Map<string, string>();
  const names = new Map<string, string>();
  /** The number that a name was last given with. */
  const last = new Map<string, number>();
  const known = (finding: Finding) =>
    [variableOf(finding, { textOf }), fieldOf(finding)].find((name) => name !== undefined && isVariableName(name));
  for (const finding of findings) {
    const name = known(finding);
    if (name !== undefined && !holder.has(name)) holder.set(name, credentialKey(finding));
  }
  const nameOf = (finding: Finding) => {
    const own = known(finding);
    if (own !== undefined) return own;
    const [base, key] = [variableFromTitle(finding.title), credentialKey(finding)];
    const given = names.get(key);
    if (given !== undefined || holder.get(base) === key) return given ?? base;
    for (let number = last.get(base) ?? 1; ; number++) {
      const name = number === 1 ? base : `${base}_${number}`;
      if ((holder.get(name) ?? key) !== key) continue;
      holder.set(name, key);
      names.set(key, name);
      last.set(base, number);
      return name;
    }
  };
  for (const finding of findings) nameOf(finding);
  return nameOf;
}

/** `OpenRouter API key` → `OPENROUTER_API_KEY`: for a value that stands behind no variable's name. */
export function variableFromTitle(title: string): string {
  const words = title
    .replace(/\([^)]*\)/g, " ")
    .normalize("NFKD")
    .replace(/[^A-Za-z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "")
    .toUpperCase();
  const name = /^[A-Z]/.test(words) ? words : `SECRET_${words}`;
  return name.slice(0, 64).replace(/_+$/, "");
}

/** A name that every shell, platform and program takes, and that holds nothing that could be a value. */
export function isVariableName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]{0,99}$/.test(name) && isPlainName(name);
}
