import type { ProbeResult } from "../driver.ts";
import { HoldError, RetryError, UnknownOutcomeError } from "../errors.ts";
import { type HttpAnswer, retryAfter } from "../http.ts";
import { type Telling, told } from "./tells.ts";

/**
 * Asks once. `judge` knows the vendor's own answers for a live and for an invalid credential; everything else, and everything
 * that kept us from an answer, is `unknown` with a word for the receipt. Errors in our own code still throw. `telling`: where the
 * answer says whose a live credential is.
 */
export async function probeAnswer(
  ask: () => Promise<HttpAnswer>,
  judge: (answer: HttpAnswer) => ProbeResult | undefined,
  telling?: Telling,
): Promise<ProbeResult> {
  let answer: HttpAnswer;
  try {
    answer = await ask();
  } catch (error) {
    if (error instanceof HoldError) return { answer: "unknown", code: error.code };
    if (error instanceof RetryError || error instanceof UnknownOutcomeError) return { answer: "unknown", code: "no answer" };
    throw error;
  }
  const result = judge(answer) ?? { answer: "unknown", code: String(answer.status) };
  const tells = result.answer === "alive" && telling !== undefined ? told(answer, telling) : {};
  if (Object.keys(tells).length > 0) return { ...result, tells };
  const afterMs = answer.status === 429 || answer.status === 503 ? (retryAfter(answer) ?? 2_000) : undefined;
  return afterMs === undefined ? result : { ...result, afterMs };
}

/** The name of what a run makes. Anything else is not ours: refused before it can be looked for and deleted (rotation.md, I4). */
export function ownName(name: string): string {
  if (/^rekey-[A-Za-z0-9._-]{1,80}$/.test(name)) return name;
  throw new HoldError("not-our-name", "a credential that Rekey makes is named rekey-<run>; this name is another");
}
