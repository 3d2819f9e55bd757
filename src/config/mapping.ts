import { readFileSync } from "node:fs";
import { ConfigError } from "../errors.ts";
import { type Mapping, parseMapping } from "../incident/mapping.ts";

/** The mapping of a runtime source. Throws ConfigError with file, line and column. */
export function loadMapping(file: string): Mapping {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new ConfigError("the mapping of a runtime source cannot be read", { file, cause });
  }
  return parseMapping(text, file);
}
