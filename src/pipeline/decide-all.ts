import { RefusedError } from "../errors.ts";
import { parseShortId } from "../incident/id.ts";
import type { Rekey } from "./context.ts";
import { knownIdentities } from "./known-identities.ts";
import { decideItem, type Known } from "./reviews.ts";

export interface GivenDecision {
  readonly item: string;
  /** The snapshot that the reviewer saw. */
  readonly hash?: string | undefined;
  readonly verdict: "keep" | "deny";
  readonly by: string;
  readonly reason: string;
}

export interface DecisionResult {
  readonly item: string;
  readonly ok: boolean;
  /** What came of it, or why it was refused. */
  readonly text: string;
}

/** One after the other, in order; one that is refused does not stop the rest. Decisions of other systems act like native ones. */
export async function decideAll(rekey: Rekey, decisions: readonly GivenDecision[], via: string): Promise<DecisionResult[]> {
  const results: DecisionResult[] = [];
  const known = readOnce(rekey);
  for (const { item, hash, ...given } of decisions) {
    const id = parseShortId("RI", item);
    try {
      if (id === undefined) throw new RefusedError(`expected an item such as RI-7F3KX, got '${item}'`);
      const text = await decideItem(rekey, { ...given, item: id, via, ...(hash === undefined ? {} : { hash }) }, known);
      results.push({ item: id, ok: true, text });
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      results.push({ item: id ?? item, ok: false, text: error.message });
    }
  }
  return results;
}

/** What is true now, at most a minute old: reading every identity for each of thousands of decisions would take hours. */
function readOnce(rekey: Rekey): Known {
  let read: ReturnType<Known> | undefined;
  let at = 0;
  return () => {
    if (read === undefined || Date.now() - at > 60_000) {
      read = knownIdentities(rekey);
      at = Date.now();
    }
    return read;
  };
}
