import type { Ruleset } from "../detector/compile.ts";
import type { Document } from "../document.ts";
import type { Finding } from "../finding.ts";
import { allFingerprints, type Keyring, type Secret } from "../secret.ts";
import { type Placed, placing } from "./exceptions.ts";
import { scan } from "./scan.ts";

/** A scan function, and the other committed forms of what it found, where the repository has several salts (contracts.md §2). */
export interface AliasingScan {
  readonly scan: (document: Document) => readonly Finding[];
  /** By `finding.committed`; what `suppress` takes. Grows while scanning. */
  readonly aliases: ReadonlyMap<string, readonly string[]>;
  /** What the detectors say to a finding's place; `suppress` takes it too. */
  readonly placed: (finding: Finding) => Placed | undefined;
}

/** `onValue` sees each value while it is in memory, as `scan` says. */
export function aliasingScan(
  ruleset: Ruleset,
  keyring: Keyring,
  onValue?: (finding: Finding, secret: Secret, document: Document) => void,
): AliasingScan {
  const aliases = new Map<string, readonly string[]>();
  const placed = placing(ruleset);
  if (keyring.salts.length < 2 && onValue === undefined) return { scan: (document) => scan(document, ruleset, keyring), aliases, placed };
  return {
    aliases,
    placed,
    scan: (document) =>
      scan(document, ruleset, keyring, (finding, secret) => {
        onValue?.(finding, secret, document);
        if (keyring.salts.length < 2) return;
        aliases.set(
          finding.committed,
          allFingerprints(secret, keyring).filter((form) => form.startsWith("rs1:")),
        );
      }),
  };
}
