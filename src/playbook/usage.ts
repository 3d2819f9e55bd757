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
  const known = new Set((typeof consumers === "string" ? [] : consumers).flatMap(({ seen_as = [] }) => seen_as.map(fold)));
  const strangers = usage.seen.filter(({ by }) => by === undefined || !known.has(fold(by)));
  const unsure = strangers.length === 0 ? undefined : whyUnsure(strangers, consumers);
  if (unsure !== undefined)
    return {
      answer: "cannot-be-known",
      sentence: `Whether somebody else used it cannot be known: the vendor saw it used (${shown(strangers)}), ${unsure}.`,
    };
  if (strangers.length > 0) {
    return {
      answer: "unknown-use",
      sentence: `It was used by somebody who is no declared consumer: ${shown(strangers)}. Look at what they did; a consumer of yours is declared with seen_as in .rekey/identities.yml.`,
    };
  }
  if (!usage.complete)
    return {
      answer: "cannot-be-known",
      sentence:
        usage.seen.length === 0
          ? "The vendor's record shows no use, but it is not complete, so that says nothing."
          : "Only known consumers were seen, but the vendor's record is not complete, so others may have used it.",
    };
  return { answer: "known-consumers-only", sentence: "The vendor's complete record shows known consumers only." };
}

/** Why these uses may be a consumer's own; undefined = they cannot. */
function whyUnsure(uses: Usage["seen"], consumers: readonly PlannedConsumer[] | "none" | "unknown"): string | undefined {
  if (consumers === "none") return undefined;
  if (consumers === "unknown") return "and nobody declared who uses it (consumers in .rekey/identities.yml)";
  const nameless = consumers.filter(({ seen_as = [] }) => seen_as.length === 0).map(({ name }) => name);
  if (nameless.length > 0) return `and how it sees ${nameless.join(", ")} is not declared (seen_as in .rekey/identities.yml)`;
  return uses.every(({ by }) => by === undefined) ? "and does not say by whom" : undefined;
}

function shown(uses: Usage["seen"]): string {
  const first = uses
    .slice(0, 5)
    .map(({ by, count, at }) =>
      [by ?? "a use", ...(count === undefined ? [] : [`(${count} times)`]), ...(at === undefined ? [] : [`at ${at}`])].join(" "),
    );
  return `${first.join(", ")}${uses.length > first.length ? ` and ${uses.length - first.length} more` : ""}`;
}

function fold(text: string): string {
  return text.trim().toLowerCase();
}
