import type { ProbeResult } from "../driver.ts";
import { HoldError, RetryError, UnknownOutcomeError } from "../errors.ts";
import type { HttpAnswer } from "../http.ts";

/**
 * Asks once. `judge` knows the vendor's own answers for a live and for an invalid credential; everything else, and everything
 * that kept us from an answer, is `unknown` with a word for the receipt. Errors in our own code still throw.
 */
export async function probeAnswer(
  ask: () => Promise<HttpAnswer>,
  judge: (answer: HttpAnswer) => ProbeResult | undefined,
): Promise<ProbeResult> {
  let answer: HttpAnswer;
  try {
    answer = await ask();
  } catch (error) {
    if (error instanceof HoldError) return { answer: "unknown", code: error.code };
    if (error instanceof RetryError || error instanceof UnknownOutcomeError) return { answer: "unknown", code: "no answer" };
    throw error;
  }
  return judge(answer) ?? { answer: "unknown", code: String(answer.status) };
}

/** The name of what a run makes. Anything else is not ours: refused before it can be looked for and deleted (rotation.md, I4). */
export function ownName(name: string): string {
  if (/^rekey-[A-Za-z0-9._-]{1,80}$/.test(name)) return name;
  throw new HoldError("not-our-name", "a credential that Rekey makes is named rekey-<run>; this name is another");
}
