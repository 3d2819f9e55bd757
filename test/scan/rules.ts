import { compileDetectors, type Ruleset } from "../../src/detector/compile.ts";
import { loadRegexEngine, type RegexEngine } from "../../src/detector/regex.ts";
import { parseDetectorFile } from "../../src/detector/schema.ts";

/** A detector file with one detector, `acme-key`, of the given rule and whatever else follows it. */
export function detectorFile(rule: string, { id = "acme-key", confidence = "medium" } = {}): string {
  return [
    "provider: acme",
    "name: Acme",
    "references: ['https://acme.io/docs']",
    "detectors:",
    `  - id: ${id}`,
    "    name: Acme key",
    `    ${rule}`,
    `    confidence: ${confidence}`,
    "    severity: high",
    "    revoke: https://acme.io/keys",
    "    examples: { match: ['x'], no_match: ['y'] }",
  ].join("\n");
}

/** A ruleset of such detectors, on the native engine unless another is asked for. */
export async function rules(files: readonly string[], engine: RegexEngine["name"] = "re2"): Promise<Ruleset> {
  return compileDetectors(
    files.map((text, index) => parseDetectorFile(text, `rule-${index}.yml`)),
    await loadRegexEngine(engine),
  );
}

/** The same detectors without anchors and windows: every pattern runs over every byte. */
export function bruteForce(ruleset: Ruleset): Ruleset {
  const hits = { anchors: new Uint16Array(1), positions: new Uint32Array(1), count: 1 };
  const everywhere = ruleset.detectors.flatMap((rule) =>
    rule.patterns.map((pattern) => ({ rule, pattern: { ...pattern, back: 0, forward: Number.MAX_SAFE_INTEGER }, mayMatch: () => true })),
  );
  return { ...ruleset, filter: { hits: () => hits }, users: [everywhere] };
}
