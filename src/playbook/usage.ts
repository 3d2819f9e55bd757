import type { Usage } from "../driver.ts";
import type { PlannedConsumer } from "./plan.ts";

/** Was it used by somebody else? Never "not used": no vendor proves that. */
export interface UsageVerdict {
  readonly answer: "known-consumers-only" | "unknown-use" | "cannot-be-known";
  /** For people; names what was seen. */
  readonly sentence: string;
}

/** `usage` is undefined where the vendor has no such answer. */
export function judgeUsage(usage: Usage | undefined, consumers: readonly PlannedConsumer[] | "none" | "unknown"): UsageVerdict {
  if (usage === undefined)
    return {
      answer: "cannot-be-known",
      sentence: "Whether somebody else used it cannot be known: the vendor does not say who used a key.",
    };
  const known = new Set(typeof consumers === "string" ? [] : consumers.flatMap(({ seen_as = [] }) => seen_as.map(fold)));
  const strangers = usage.seen.filter(({ by }) => !known.has(fold(by)));
  if (strangers.length > 0) {
    const shown = strangers
      .slice(0, 5)
      .map(({ by, count, at }) => `${by}${count === undefined ? "" : ` (${count} times)`}${at === undefined ? "" : ` at ${at}`}`);
    const more = strangers.length > shown.length ? ` and ${strangers.length - shown.length} more` : "";
    return {
      answer: "unknown-use",
      sentence: `It was used by somebody who is no declared consumer: ${shown.join(", ")}${more}. Look at what they did; a consumer of yours is declared with seen_as in .rekey/identities.yml.`,
    };
  }
  if (!usage.complete)
    return {
      answer: "cannot-be-known",
      sentence: "Only known consumers were seen, but the vendor's record is not complete, so others may have used it.",
    };
  return { answer: "known-consumers-only", sentence: "The vendor's complete record shows known consumers only." };
}

function fold(text: string): string {
  return text.trim().toLowerCase();
}
