import { HoldError, RetryError, UnknownOutcomeError } from "../errors.ts";
import type { RotationDeps } from "./deps.ts";
import type { Effect, Lease } from "./journal.ts";

/** What looking at the world says about a call whose answer is missing. */
export type Observation<T> = { readonly done: true; readonly result: T } | { readonly done: false };

export interface EffectRequest<T> {
  /** Unique in the run; the idempotency key of the journal. */
  readonly key: string;
  readonly destroy: boolean;
  /** Does it. Throws RetryError only where nothing can have changed. */
  send(): Promise<T>;
  /** Whether it was done; throws RetryError where that cannot be seen now. */
  observe(): Promise<Observation<T>>;
}

const retries = 6;

/**
 * One outside call through the journal: intended (committed) → sent → confirmed. Whatever an earlier worker left between
 * `intended` and `confirmed` is settled by looking before anything is sent again, and so is a lost answer of our own.
 */
export async function perform<T>(
  deps: RotationDeps,
  lease: Lease,
  known: ReadonlyMap<string, Effect>,
  request: EffectRequest<T>,
): Promise<T> {
  const before = known.get(request.key);
  if (before?.state === "confirmed") return before.result as T;
  let look = before !== undefined && before.state !== "undone";
  for (let attempt = 1; ; attempt++) {
    try {
      if (look) {
        const seen = await request.observe();
        if (seen.done) {
          await deps.journal.settle(lease, request.key, "confirmed", seen.result);
          return seen.result;
        }
      }
      await deps.journal.intend(lease, { key: request.key, destroy: request.destroy });
      await deps.journal.send(lease, request.key);
      const result = await request.send();
      await deps.journal.settle(lease, request.key, "confirmed", result);
      return result;
    } catch (error) {
      if (error instanceof UnknownOutcomeError) {
        await deps.journal.settle(lease, request.key, "unknown");
        look = true;
      } else if (!(error instanceof RetryError)) throw error;
      if (attempt >= retries)
        throw new HoldError(
          "provider-unavailable",
          `'${request.key}' did not work ${attempt} times: ${(error as Error).message}. Nothing is lost; continue with rekey rotate when the other side answers again`,
          { cause: error },
        );
      const wait = error instanceof RetryError && error.afterMs !== undefined ? error.afterMs : 250 * 2 ** attempt;
      await deps.sleep(Math.min(wait, 30_000));
    }
  }
}

/** A read that may be repeated: retried like an effect, but not journaled. */
export async function read<T>(deps: RotationDeps, what: string, call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof RetryError || error instanceof UnknownOutcomeError)) throw error;
      if (attempt >= retries)
        throw new HoldError("provider-unavailable", `${what} did not answer ${attempt} times: ${error.message}`, { cause: error });
      await deps.sleep(Math.min(error instanceof RetryError ? (error.afterMs ?? 250 * 2 ** attempt) : 250 * 2 ** attempt, 30_000));
    }
  }
}
