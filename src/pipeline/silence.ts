import type { Transaction } from "kysely";
import { RefusedError } from "../errors.ts";
import { peopleOf } from "../github/team.ts";
import { isSilenced, isSilent, silencePreview } from "../governance/silence.ts";
import type { Incident } from "../incident/fold.ts";
import { incidentIndex } from "../store/incident-index.ts";
import { lockIncident, recordEvents } from "../store/incidents.ts";
import type { Schema } from "../store/schema.ts";
import { silenceDetector, silencedAs, unsilenceDetector } from "../store/silenced.ts";
import { clientOf } from "./code.ts";
import type { Rekey } from "./context.ts";
import { redrawIncident } from "./surfaces.ts";

export interface SilenceOrder {
  readonly detector: string;
  /** GitHub login. */
  readonly by: string;
  readonly reason: string;
  /** Of the preview that was agreed to; absent = take the silence back. */
  readonly hash?: string | undefined;
}

/** Silences a credential type for the whole organisation, or takes that back. By the security team. Throws RefusedError. Returns one sentence. */
export async function orderSilence(rekey: Rekey, { detector, by, reason, hash }: SilenceOrder): Promise<string> {
  const { db } = rekey.database;
  const team = await securityTeamOf(rekey);
  if (!team.some((member) => member.toLowerCase() === by.toLowerCase()))
    throw new RefusedError(`somebody of the security team must decide that (${team.join(", ") || "security_team in rekey.yml is empty"})`);
  if (hash === undefined) {
    if (!(await unsilenceDetector(db, detector))) throw new RefusedError(`${detector} is not silenced`);
    rekey.log.warn({ detector, by }, "a credential type is no longer silenced");
  } else {
    const preview = silencePreview(detector, await incidentIndex(db).all());
    if (preview.found === 0) throw new RefusedError(`nothing of the type ${detector.slice(0, 80)} was ever found`);
    if (preview.hash !== hash) throw new RefusedError("what would be silenced has changed meanwhile; look at it again");
    if (!(await silenceDetector(db, { detector, by, reason: reason.slice(0, 500) })))
      throw new RefusedError(`${detector} is silenced already`);
    rekey.log.warn({ detector, by, incidents: preview.silences.length }, "a credential type is silenced for the organisation");
  }
  await rekey.queue.enqueue("silence", { detector }, { singletonKey: detector });
  return hash === undefined
    ? `${detector} is no longer silenced; what was dismissed for it is being opened again`
    : `${detector} is silenced for the organisation; its open incidents are being dismissed`;
}

/** Brings the incidents of a detector to what is wanted now, one by one: what a crash cut off goes on where it was. */
export async function applySilence(rekey: Rekey, detector: string): Promise<void> {
  const { db } = rekey.database;
  const silenced = await silencedAs(db, detector);
  const own = (await incidentIndex(db).all()).filter(({ credential, kind }) => kind === undefined && credential.detector === detector);
  for (const { id } of own.filter((one) => (silenced === undefined ? isSilenced(one) : one.state === "open" && isSilent(one)))) {
    const changed = await db.transaction().execute(async (trx) => {
      const incident = await lockIncident(trx, id);
      if (incident === undefined) return false;
      if (silenced !== undefined) return incident.state === "open" && isSilent(incident) && dismiss(trx, incident, silenced.reason);
      if (!isSilenced(incident)) return false;
      await recordEvents(trx, id, [{ type: "reopened", why: "its type is no longer silenced" }]);
      return true;
    });
    if (changed) await redrawIncident(rekey, id);
  }
}

/** A new incident of a silenced type is dismissed as it is opened; a probe that sees it alive opens it again. */
export async function silenceIfWanted(trx: Transaction<Schema>, incident: Incident): Promise<void> {
  const silenced = await silencedAs(trx, incident.credential.detector);
  if (silenced !== undefined && incident.state === "open" && isSilent(incident)) await dismiss(trx, incident, silenced.reason);
}

async function dismiss(trx: Transaction<Schema>, { id }: Pick<Incident, "id">, reason: string): Promise<boolean> {
  await recordEvents(trx, id, [
    { type: "false-positive", by: "policy", reason: `silenced for the organisation: ${reason}` },
    { type: "closed", resolution: "false_positive" },
  ]);
  return true;
}

async function securityTeamOf(rekey: Rekey): Promise<string[]> {
  const row = await rekey.database.db.selectFrom("repository").select(["id", "installation_id", "full_name"]).limit(1).executeTakeFirst();
  const client =
    row === undefined || rekey.app === undefined
      ? undefined
      : await clientOf(rekey, { installation: row.installation_id, id: row.id, fullName: row.full_name });
  return peopleOf(client, rekey.config.security_team);
}
