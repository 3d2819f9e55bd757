import type { Ruleset } from "../detector/compile.ts";
import type { Document } from "../document.ts";
import type { Finding } from "../finding.ts";
import { allFingerprints, type Keyring } from "../secret.ts";
import { scan } from "./scan.ts";

/** A scan function, and the other committed forms of what it found, where the repository has several salts (contracts.md §2). */
export interface AliasingScan {
  readonly scan: (document: Document) => readonly Finding[];
  /** By `finding.committed`; what `suppress` takes. Grows while scanning. */
  readonly aliases: ReadonlyMap<string, readonly string[]>;
}

export function aliasingScan(ruleset: Ruleset, keyring: Keyring): AliasingScan {
  const aliases = new Map<string, readonly string[]>();
  if (keyring.salts.length < 2) return { scan: (document) => scan(document, ruleset, keyring), aliases };
  return {
    aliases,
    scan: (document) =>
      scan(document, ruleset, keyring, ({ committed }, secret) => {
        aliases.set(
          committed,
          allFingerprints(secret, keyring).filter((form) => form.startsWith("rs1:")),
        );
      }),
  };
}
