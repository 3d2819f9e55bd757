import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { builtInFiles } from "../../config/detectors.ts";
import type { Claims } from "../../detector/check.ts";
import { compileDetectors, type Ruleset } from "../../detector/compile.ts";
import { lazily, loadRegexEngine } from "../../detector/regex.ts";
import type { DetectorFile } from "../../detector/schema.ts";
import { ConfigError, UsageError } from "../../errors.ts";
import { printable } from "../../report/text.ts";
import type { Remark } from "../../rule-import/document.ts";
import { firstLine, type Import, importRules } from "../../rule-import/import.ts";
import { matchBytes } from "../../scan/match.ts";

export interface ImportRequest {
  /** A gitleaks or betterleaks TOML file. */
  readonly file: string;
  readonly write: string | undefined;
  readonly name: string | undefined;
  readonly format: string;
}

/** Imports a rule file, writes the detectors where asked, prints what became of each rule. Returns the exit code. */
export async function importFile({ file, write, name, format }: ImportRequest): Promise<number> {
  const engine = await loadRegexEngine();
  const result = await importRules(read(file), {
    file,
    name,
    syntaxError(source) {
      try {
        engine.compile(source);
        return undefined;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
    readExtended(path, from) {
      const extended = relative(".", resolve(dirname(from), path)) || path;
      return { file: extended, text: read(extended) };
    },
    claimsOf: async (made) => claimsOf(await compileDetectors([...(await builtInFiles()), made], lazily(engine))),
  });
  const written = write === undefined ? undefined : save(result, write);
  process.stdout.write(format === "json" ? `${JSON.stringify(asJson(result, file, written), null, 2)}\n` : asText(result, written));
  return result.rejected.length === 0 ? 0 : 1;
}

/** What a scan with a ruleset says of a text. */
export function claimsOf(ruleset: Ruleset): Claims {
  return (text) =>
    matchBytes(Buffer.from(text), ruleset).map(({ rule, candidates, secret }) => ({
      detector: rule.detector.id,
      candidates,
      secret: Buffer.from(secret, "latin1").toString(),
    }));
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new ConfigError("cannot be read; expected a gitleaks or betterleaks TOML file", { file, cause });
  }
}

function save({ file, yaml }: Import, folder: string): string | undefined {
  if (file === undefined || yaml === undefined) return undefined;
  const path = join(folder, `${file.provider}.yml`);
  if (existsSync(path) && !readFileSync(path, "utf8").startsWith(firstLine))
    throw new UsageError(`'${path}' was not made by an import; move it, or give the detectors another name with --name`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path, yaml);
  return path;
}

function asJson(result: Import, file: string, written: string | undefined) {
  const { imported, changed, covered, rejected } = result;
  const detectors: DetectorFile["detectors"] = result.file?.detectors ?? [];
  return {
    version: 1,
    file,
    ...(written === undefined ? {} : { written }),
    detectors: detectors.map(({ id }) => id),
    imported,
    changed,
    covered,
    rejected,
  };
}

function asText({ imported, changed, covered, rejected }: Import, written: string | undefined): string {
  const part = (title: string, remarks: readonly Remark[]) =>
    remarks.length === 0
      ? []
      : [title, ...remarks.map(({ file, line, rule, reason }) => `  ${printable(`${file}:${line}  ${rule}: ${reason}`)}`)];
  return `${[
    ...part("Imported with a change:", changed),
    ...part("Not needed:", covered),
    ...part("Not imported:", rejected),
    `${imported.length} rules imported, ${covered.length} not needed, ${rejected.length} not imported`,
    ...(written === undefined
      ? imported.length > 0
        ? ["Nothing is written; give --write FOLDER, and scan with --detectors FOLDER."]
        : []
      : [`Written to ${written}`]),
  ].join("\n")}\n`;
}
