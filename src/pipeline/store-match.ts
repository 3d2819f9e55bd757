import { credentialKey, type Finding, fingerprintableBits } from "../finding.ts";
import type { EventRepository } from "../github/handlers.ts";
import { atLeast, roleOf } from "../github/permission.ts";
import type { StoreMatch } from "../identity/graph.ts";
import { describeError } from "../log.ts";
import { fingerprint } from "../secret.ts";
import { clientOf, keyringOf } from "./code.ts";
import { contextOf, type Rekey } from "./context.ts";

/**
 * Places in the connected secret managers that hold a leaked value, by keyed fingerprint. Whoever asks must not learn from the answer
 * that a guess is right (contracts.md §9): nothing is looked up for values under 64 bits, or for a pusher without write access to
 * the repository whose default branch uses the identity. Values live only as long as their own iteration step.
 */
export async function storeMatches(
  rekey: Rekey,
  repository: EventRepository,
  pusher: string,
  findings: readonly Finding[],
): Promise<StoreMatch[]> {
  const wanted = new Map(findings.filter(({ bits }) => bits >= fingerprintableBits).map((finding) => [finding.fingerprint, finding]));
  if (wanted.size === 0 || !atLeast(await roleOf(await clientOf(rekey, repository), pusher), "write")) return [];
  const keyring = keyringOf(rekey, repository.fullName);
  const found: StoreMatch[] = [];
  for (const [connection, { type }] of Object.entries(rekey.config.connections)) {
    const sink = rekey.sinkFor(type);
    if (sink === undefined) continue;
    try {
      for await (const { path, field, version, secret } of sink.entries(contextOf(rekey, connection))) {
        const print = fingerprint(secret, keyring);
        secret.wipe();
        const finding = wanted.get(print);
        // a value that belongs to a user and host is another credential on another host: the store does not say which
        if (finding !== undefined)
          found.push({
            fingerprint: print,
            connection,
            path,
            version,
            ...(field === undefined ? {} : { field }),
            grade: credentialKey(finding) === print ? "confirmed" : "moderate",
          });
      }
    } catch (error) {
      rekey.log.warn(
        { connection, error: describeError(error) },
        "a secret manager could not be read for matches; identities rest on other evidence",
      );
    }
  }
  return found;
}
