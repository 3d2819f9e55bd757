import { RefusedError } from "../errors.ts";
import { peopleOf } from "../github/team.ts";
import { askedHash, judgeException, parseEnd, targetsOf } from "../governance/exception.ts";
import type { Incident } from "../incident/fold.ts";
import { parseIncidentId } from "../incident/id.ts";
import { operatorApprover } from "../incident/policy.ts";
import { incidentIndex } from "../store/incident-index.ts";
import { getIncident, listOccurrences, lockIncident, recordEvents } from "../store/incidents.ts";
import { clientOf, repositoryOf } from "./code.ts";
import type { Rekey } from "./context.ts";
import { redrawIncident } from "./surfaces.ts";

/** Most incidents that one exception by identity may be about. */
const mostAtOnce = 200;

export interface Asking {
  /** GitHub login, `the operator`, or what a token is called. */
  readonly by: string;
  /** GitHub says who asks. */
  readonly vouched: boolean;
  readonly reason: string;
  /** YYYY-MM-DD. */
  readonly until: string | undefined;
}

/** Asks to accept the risk of one incident; where the one who asks is enough, it is accepted. Throws RefusedError with the reason. Returns one sentence. */
export async function askException(rekey: Rekey, id: string, { by, vouched, reason, until }: Asking): Promise<string> {
  const end = parseEnd(until, new Date().toISOString(), rekey.config.policy.exceptions.max_days);
  if ("wrong" in end) throw new RefusedError(end.wrong);
  const people = await decidersOf(rekey, id);
  return rekey.database.db.transaction().execute(async (trx) => {
    const incident = openOne(await lockIncident(trx, id), id);
    const waiting = incident.asked;
    if (waiting !== undefined && waiting.by.toLowerCase() !== by.toLowerCase())
      throw new RefusedError(`${waiting.by} asked already; ${howToAgree(incident)}, or \`/rekey decline ${id} "reason"\``);
    const asked = await recordEvents(trx, id, [{ type: "exception-asked", by, reason: reason.slice(0, 500), until: end.until, vouched }]);
    if (asked.asked === undefined) throw new Error(`the request of ${id} was not kept`);
    const judged = judgeException(asked, asked.asked, people);
    if (judged.state !== "accepted") return `${judged.sentence}; ${howToAgree(asked)}`;
    await recordEvents(trx, id, [{ type: "accepted", by, reason: asked.asked.reason, until: end.until }]);
    return `The risk of ${id} is accepted until ${end.until.slice(0, 10)}`;
  });
}

/** A yes to exactly what was asked, by an account of GitHub. Throws RefusedError with the reason. Returns one sentence. */
export async function agreeToException(rekey: Rekey, id: string, { by, hash }: { by: string; hash: string }): Promise<string> {
  const people = await decidersOf(rekey, id);
  return rekey.database.db.transaction().execute(async (trx) => {
    const incident = openOne(await lockIncident(trx, id), id);
    const { asked } = incident;
    if (asked === undefined) throw new RefusedError(`Nobody has asked for an exception for ${id}`);
    if (askedHash(id, asked) !== hash) throw new RefusedError(`What was asked for ${id} has changed; ${howToAgree(incident)}`);
    if (asked.until <= new Date().toISOString()) throw new RefusedError(`What was asked for ${id} would have ended already; ask anew`);
    const judged = judgeException(incident, asked, { ...people, agrees: by });
    if (judged.state === "refused") throw new RefusedError(judged.sentence);
    if (judged.state === "needed") {
      if (!judged.added) throw new RefusedError(judged.sentence);
      await recordEvents(trx, id, [{ type: "exception-agreed", by }]);
      return `${judged.sentence}; ${howToAgree(incident)}`;
    }
    const { approver } = judged;
    const { by: asker, reason, until } = asked;
    await recordEvents(trx, id, [{ type: "accepted", by: asker, reason, until, ...(approver === undefined ? {} : { approver }) }]);
    return `The risk of ${id} is accepted until ${until.slice(0, 10)}`;
  });
}

/** A no to what was asked (by who asked, the security team or the operator), or the end of an exception before its date (by the last two). */
export async function declineException(rekey: Rekey, id: string, { by, reason }: { by: string; reason: string }): Promise<string> {
  const operator = by === operatorApprover;
  const { securityTeam } = await decidersOf(rekey, id);
  const is = (login: string) => login.toLowerCase() === by.toLowerCase();
  return rekey.database.db.transaction().execute(async (trx) => {
    const incident = await lockIncident(trx, id);
    if (incident === undefined) throw new RefusedError(`${id} is not known`);
    const accepted = incident.state === "resolved" && incident.resolution === "wont_fix";
    if (incident.asked === undefined && !accepted) throw new RefusedError(`There is no exception for ${id}, and nobody has asked for one`);
    if (!operator && !securityTeam.some(is) && (accepted || !is(incident.asked?.by ?? "")))
      throw new RefusedError(
        `Somebody of the security team must decide that (${securityTeam.join(", ") || "security_team in rekey.yml is empty"})`,
      );
    const why = reason.slice(0, 500);
    if (accepted) {
      await recordEvents(trx, id, [{ type: "exception-ended", by, reason: why }]);
      return `The exception of ${id} has ended, and it is open again`;
    }
    await recordEvents(trx, id, [{ type: "exception-declined", by, reason: why }]);
    return `The exception for ${id} is declined`;
  });
}

/** What to say to agree to what is asked now. */
export function howToAgree({ id, asked }: Pick<Incident, "id" | "asked">): string {
  return asked === undefined ? "nothing is asked" : `to agree: \`/rekey accept ${id} ${askedHash(id, asked)}\``;
}

export interface TargetResult {
  readonly incident: string;
  readonly ok: boolean;
  readonly text: string;
}

/**
 * Asks for every incident that the target names: an incident, a fingerprint, or an identity, of which those count that are open now; what
 * leaks later was looked at by nobody. `visible` cuts it to what the one who asks may see. Throws RefusedError where there is none.
 */
export async function askExceptions(
  rekey: Rekey,
  target: string,
  asking: Asking,
  visible: (incident: { readonly repositories: readonly string[] }) => boolean = () => true,
): Promise<TargetResult[]> {
  const incidents = targetsOf((await incidentIndex(rekey.database.db).all()).filter(visible), parseIncidentId(target) ?? target);
  if (incidents.length === 0)
    throw new RefusedError("expected an incident (RK-…), a fingerprint or an identity with an open incident; there is none of that name");
  if (incidents.length > mostAtOnce) throw new RefusedError(`${incidents.length} incidents at once; at most ${mostAtOnce}`);
  const results: TargetResult[] = [];
  for (const { id } of incidents) {
    try {
      results.push({ incident: id, ok: true, text: await askException(rekey, id, asking) });
      await redrawIncident(rekey, id);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      results.push({ incident: id, ok: false, text: error.message });
    }
  }
  return results;
}

/** What a program asks for: nobody's word, so a live key then needs two people who agree. */
export async function askFromProgram(
  rekey: Rekey,
  { target, ...asking }: { target: string; by: string; reason: string; until: string },
  visible: (incident: { readonly repositories: readonly string[] }) => boolean,
): Promise<{ results: TargetResult[] } | { refused: string }> {
  try {
    return { results: await askExceptions(rekey, target, { ...asking, vouched: false }, visible) };
  } catch (error) {
    if (error instanceof RefusedError) return { refused: error.message };
    throw error;
  }
}

/** The security team, teams resolved, and who leaked it; asked now. */
export async function decidersOf(rekey: Rekey, id: string): Promise<{ securityTeam: string[]; leakers: string[] }> {
  const occurrences = await listOccurrences(rekey.database.db, id);
  const named = occurrences.find(({ repository }) => repository !== undefined)?.repository;
  const repository = await repositoryOf(rekey, named ?? (await getIncident(rekey.database.db, id))?.repository);
  const client = repository === undefined || rekey.app === undefined ? undefined : await clientOf(rekey, repository);
  return {
    securityTeam: await peopleOf(client, rekey.config.security_team),
    leakers: occurrences.flatMap(({ pushedBy, authors }) => [...authors, ...(pushedBy === undefined ? [] : [pushedBy])]),
  };
}

function openOne(incident: Incident | undefined, id: string): Incident {
  if (incident === undefined) throw new RefusedError(`${id} is not known`);
  if (incident.state === "resolved") throw new RefusedError(`${id} is closed already`);
  return incident;
}
