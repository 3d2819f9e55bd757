import type { DetectorFile } from "./schema.ts";
import { expandTemplate, seededRandom } from "./template.ts";

/** What an example expects to be found, once its templates are filled. */
export interface Expanded {
  readonly text: string;
  /** The secret between « and »; undefined where nothing may be found. */
  readonly secret: string | undefined;
}

/** What a scan says of a text: detector ids with the secret each one claims. */
export type Claims = (
  text: string,
) => readonly { readonly detector: string; readonly candidates: readonly string[]; readonly secret: string }[];

export function expandExample(example: string, seed: string): Expanded {
  const filled = expandTemplate(example, seededRandom(seed));
  const secret = /«([\s\S]*)»/.exec(filled)?.[1];
  return { text: filled.replace(/[«»]/g, ""), secret };
}

/** Proves a detector file by its own examples. Returns the problems, each one sentence that names the detector. */
export function checkExamples(file: DetectorFile, claims: Claims): string[] {
  return file.detectors.flatMap(({ id, examples }) => [
    ...examples.match.flatMap((example, index) => {
      const { text, secret } = expandExample(example, `${id}/match/${index}`);
      if (secret === undefined) return [`'${id}': match example ${index + 1} marks no secret with « and »`];
      const found = claims(text);
      const own = found.filter((claim) => claim.detector === id || claim.candidates.includes(id));
      const others = found.filter((claim) => claim.detector !== id).map((claim) => claim.detector);
      if (own.length !== 1)
        return [
          `'${id}': match example ${index + 1} is found ${own.length} times, expected once${others.length > 0 ? `; claimed by ${others.join(", ")}` : ""}`,
        ];
      return own[0]?.secret === secret
        ? []
        : [
            `'${id}': match example ${index + 1} is found with the wrong secret (${own[0]?.secret.length} characters, expected ${secret.length})`,
          ];
    }),
    ...examples.no_match.flatMap((example, index) => {
      const { text } = expandExample(example, `${id}/no_match/${index}`);
      const own = claims(text).filter((claim) => claim.detector === id);
      return own.length === 0 ? [] : [`'${id}': no_match example ${index + 1} is found, expected nothing`];
    }),
  ]);
}

/** A committed file that looks like a key would be stopped by push protection: the raw text of a detector file trips nothing. */
export function checkRawText(path: string, text: string, claims: Claims): string[] {
  return claims(text).map((claim) => `${path}: the file itself holds something that '${claim.detector}' finds; write it as a template`);
}
