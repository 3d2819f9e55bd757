import { RefusedError } from "../errors.ts";
import type { Incident } from "../incident/fold.ts";
import { isCredential } from "../incident/runtime.ts";
import { recordEvents } from "../store/incidents.ts";
import type { Rekey } from "./context.ts";

export interface RuntimeDecision {
  readonly verb: "acknowledge" | "resolve" | "contain";
  /** GitHub login, or the operator. */
  readonly by: string;
  readonly reason?: string | undefined;
}

/**
 * What a person says of an incident without acting on a credential: that they look into it, and of a runtime event that it is over. That this
 * person may say so was seen before. Throws RefusedError.
 */
export async function decideRuntime(rekey: Rekey, incident: Incident, { verb, by, reason }: RuntimeDecision): Promise<Incident> {
  const { id, state } = incident;
  if (state === "resolved") throw new RefusedError(`${id} is closed already`);
  const record = (event: Parameters<typeof recordEvents>[2][number]) =>
    rekey.database.db.transaction().execute((trx) => recordEvents(trx, id, [event]));
  if (verb === "acknowledge") {
    if (incident.clock.acknowledged !== undefined) throw new RefusedError(`${id} is acknowledged already`);
    return record({ type: "acknowledged", by });
  }
  if (isCredential(incident))
    throw new RefusedError(
      `${id} is a leaked credential: it ends when it is dead (verify, revoked) or by a decision (false-positive, accept)`,
    );
  if (reason === undefined || reason.trim() === "") throw new RefusedError(`say why ${id} is over: ${verb} ${id} "reason"`);
  return record({ type: "resolved", by, reason, contained: verb === "contain" });
}
