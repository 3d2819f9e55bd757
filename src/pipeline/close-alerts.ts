import { sql } from "kysely";
import { RefusedError } from "../errors.ts";
import { setAlert } from "../github/alert.ts";
import type { Incident, LinkedAlert } from "../incident/fold.ts";
import { describeError } from "../log.ts";
import { recordEvents } from "../store/incidents.ts";
import { claim, desire, listDue, markApplied, markFailed } from "../store/outbox.ts";
import { clientOf, repositoryOf } from "./code.ts";
import type { Rekey } from "./context.ts";
import { policyFor } from "./rollout.ts";

const kind = "alert";

interface Wanted {
  readonly incident: string;
  readonly alert: LinkedAlert;
  readonly state: "open" | "resolved";
}

/**
 * GitHub's alert follows the credential: closed as revoked once it is dead, and not before; opened again where it was accepted once more
 * after that. Each is written once: who reopens a closed alert on GitHub has the last word there.
 */
export async function followAlerts(rekey: Rekey): Promise<void> {
  const { db } = rekey.database;
  for (const incident of await incidentsWithAlerts(rekey))
    for (const alert of incident.alerts ?? []) {
      const state = wantedState(incident, alert);
      if (state === undefined) continue;
      if ((await policyFor(rekey, { repository: alert.repository })).stage === "observe") continue;
      await desire(db, {
        key: `${kind}/${alert.repositoryId}/${alert.number}`,
        kind,
        desired: { incident: incident.id, alert: reference(alert), state },
      });
    }
  for (const due of await listDue(db, kind)) {
    if (!(await claim(db, due))) continue;
    try {
      await write(rekey, due.desired as Wanted);
      await markApplied(db, due.key, due.hash);
    } catch (error) {
      await markFailed(db, due.key, error instanceof RefusedError ? "needs secret_scanning_alerts: write" : describeError(error).type);
      rekey.log.warn({ key: due.key, error: describeError(error) }, "an alert on GitHub could not be changed and is tried again");
    }
  }
}

function wantedState({ death, state }: Incident, alert: LinkedAlert): Wanted["state"] | undefined {
  if (death !== undefined && alert.state === "open") return "resolved";
  if (death === undefined && state === "open" && alert.state === "resolved" && alert.by === "rekey") return "open";
  return undefined;
}

/** Only what names it: what else is known of an alert changes, and would make it due again. */
function reference({ repository, repositoryId, number }: LinkedAlert): Pick<LinkedAlert, "repository" | "repositoryId" | "number"> {
  return { repository, repositoryId, number };
}

async function write(rekey: Rekey, { incident, alert, state }: Wanted): Promise<void> {
  const repository = await repositoryOf(rekey, alert.repository);
  if (repository === undefined) return; // no longer given to the App
  const comment = `Rekey has seen this credential dead (${incident}).`;
  const to = state === "open" ? ({ state } as const) : ({ state, resolution: "revoked", comment } as const);
  await setAlert(await clientOf(rekey, repository, "alerts"), alert.number, to);
  const now = { ...alert, publiclyLeaked: false, ...(await current(rekey, incident, alert)), state };
  const { resolution: _r, by: _b, ...open } = now;
  await rekey.database.db
    .transaction()
    .execute((trx) =>
      recordEvents(trx, incident, [{ type: "alert-seen", ...(state === "open" ? open : { ...open, resolution: "revoked", by: "rekey" }) }]),
    );
}

async function current(rekey: Rekey, incident: string, of: Pick<LinkedAlert, "repositoryId" | "number">): Promise<LinkedAlert | undefined> {
  const row = await rekey.database.db.selectFrom("incident").select("body").where("id", "=", incident).executeTakeFirst();
  return row?.body.alerts?.find((alert) => alert.repositoryId === of.repositoryId && alert.number === of.number);
}

async function incidentsWithAlerts(rekey: Rekey): Promise<Incident[]> {
  const { rows } = await sql<{ body: Incident }>`
    select body from incident where body -> 'alerts' is not null
      and ((dead_at is not null and body @> '{"alerts":[{"state":"open"}]}')
        or (dead_at is null and state = 'open' and body @> '{"alerts":[{"state":"resolved","by":"rekey"}]}'))
    limit 500`.execute(rekey.database.db);
  return rows.map(({ body }) => body);
}
