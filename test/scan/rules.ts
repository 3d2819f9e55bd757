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
