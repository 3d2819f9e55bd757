import { createHash, randomBytes } from "node:crypto";
import { sql } from "kysely";
import picomatch from "picomatch";
import { RefusedError } from "../errors.ts";
import type { IncidentEvent } from "../incident/event.ts";
import type { Incident } from "../incident/fold.ts";
import { recordEvents } from "../store/incidents.ts";
import type { Rekey } from "./context.ts";
import { redrawIncident } from "./surfaces.ts";

/** Which open incidents; all that is given must fit. */
export interface BulkFilter {
  readonly repository?: string | undefined;
  /** A glob; an incident fits where each of its places does. */
  readonly path?: string | undefined;
  readonly detector?: string | undefined;
  readonly owner?: string | undefined;
  readonly validity?: "inactive" | "unknown" | undefined;
  readonly origin?: "new" | "history" | undefined;
}

export const bulkActions = ["acknowledge", "false-positive", "used-in-tests"] as const;
export type BulkAction = (typeof bulkActions)[number];

export interface BulkPreview {
  /** Of the action and of exactly these incidents as they are now. */
  readonly hash: string;
  readonly incidents: readonly { readonly id: string; readonly title: string; readonly repository?: string; readonly place: string }[];
  /** Left out since a probe has seen them alive: no bulk silences those. */
  readonly alive: number;
}

const most = 10_000;

/** What a bulk action would change. Throws RefusedError for a filter that names nothing. */
export async function previewBulk(rekey: Rekey, action: BulkAction, filter: BulkFilter): Promise<BulkPreview> {
  if (Object.values(filter).every((value) => value === undefined))
    throw new RefusedError(
      "expected at least one of repository, path, detector, owner, validity, origin: a bulk action is never about everything",
    );
  const found = (await candidates(rekey, filter)).filter((incident) => fitsPath(incident, filter.path));
  const chosen = found.filter(({ validity }) => action === "acknowledge" || validity !== "active");
  const hash = createHash("sha256")
    .update(JSON.stringify([action, chosen.map(({ id, seq }) => [id, seq])]))
    .digest("hex")
    .slice(0, 12);
  return {
    hash,
    alive: found.length - chosen.length,
    incidents: chosen.map(({ id, credential, repository, occurrences }) => ({
      ...{ id, title: credential.title, place: occurrences[0]?.place ?? "" },
      ...(repository === undefined ? {} : { repository }),
    })),
  };
}

/** Does what the preview with this hash showed. Gives the name by which it can be undone. Throws RefusedError where something has changed since. */
export async function applyBulk(
  rekey: Rekey,
  { action, filter, hash, reason, by }: { action: BulkAction; filter: BulkFilter; hash: string; reason: string; by: string },
): Promise<{ bulk: string; changed: number }> {
  const preview = await previewBulk(rekey, action, filter);
  if (preview.hash !== hash)
    throw new RefusedError(
      `what this is about has changed; look at it again (it is ${preview.incidents.length} incidents now), its hash is ${preview.hash}`,
    );
  const bulk = `BK-${randomBytes(4).toString("hex").toUpperCase()}`;
  const said = `${reason.slice(0, 400)} [${bulk}]`;
  let changed = 0;
  for (const { id } of preview.incidents) {
    const done = await rekey.database.db.transaction().execute(async (trx) => {
      const now = await trx.selectFrom("incident").select("body").where("id", "=", id).forUpdate().executeTakeFirst();
      // what a probe has seen alive meanwhile is left alone
      if (now?.body.state !== "open" || (action !== "acknowledge" && now.body.validity === "active")) return false;
      const event: IncidentEvent = action === "acknowledge" ? { type: "acknowledged", by } : { type: action, by, reason: said };
      await recordEvents(trx, id, [event]);
      return true;
    });
    if (!done) continue;
    changed++;
    await redrawIncident(rekey, id);
  }
  rekey.log.info({ bulk, action, changed, by }, "a bulk action was carried out");
  return { bulk, changed };
}

/** Opens again what this bulk action has closed and nobody has decided anew since. The clocks run on as if it had never been. */
export async function undoBulk(rekey: Rekey, bulk: string, by: string): Promise<{ reopened: number }> {
  if (!/^BK-[0-9A-F]{8}$/.test(bulk))
    throw new RefusedError(`expected the name of a bulk action, such as BK-0A1B2C3D, got '${bulk.slice(0, 20)}'`);
  const { rows } = await sql<{ id: string }>`select id from incident
    where state = 'resolved' and body -> 'dismissal' ->> 'reason' like ${`%[${bulk}]`} order by id`.execute(rekey.database.db);
  let reopened = 0;
  for (const { id } of rows) {
    await rekey.database.db
      .transaction()
      .execute((trx) => recordEvents(trx, id, [{ type: "reopened", why: `${bulk} was undone by ${by}` }]));
    reopened++;
    await redrawIncident(rekey, id);
  }
  if (reopened === 0) throw new RefusedError(`${bulk} closed nothing that is still closed by it; an acknowledgement cannot be taken back`);
  return { reopened };
}

async function candidates(rekey: Rekey, { repository, detector, owner, validity, origin }: BulkFilter): Promise<Incident[]> {
  let query = rekey.database.db.selectFrom("incident").select("incident.body").where("incident.state", "=", "open");
  if (detector !== undefined) query = query.where("incident.detector", "=", detector);
  if (owner !== undefined) query = query.where("incident.owner", "=", owner);
  if (validity !== undefined) query = query.where("incident.validity", "=", validity);
  if (origin !== undefined) query = query.where("incident.pre_existing", "=", origin === "history");
  // only where every place is in that repository: what stands elsewhere too is somebody else's as well
  if (repository !== undefined)
    query = query.where(({ not, exists, selectFrom, and, eb }) =>
      and([
        eb("incident.repository", "=", repository),
        not(
          exists(
            selectFrom("occurrence")
              .select("occurrence.id")
              .whereRef("occurrence.incident_id", "=", "incident.id")
              .where("occurrence.repository", "<>", repository),
          ),
        ),
      ]),
    );
  const rows = await query
    .orderBy("incident.id")
    .limit(most + 1)
    .execute();
  if (rows.length > most) throw new RefusedError(`this is about more than ${most} incidents; narrow it`);
  return rows.map(({ body }) => body);
}

function fitsPath({ occurrences }: Incident, glob: string | undefined): boolean {
  if (glob === undefined) return true;
  const fits = picomatch(glob, { dot: true });
  return occurrences.length > 0 && occurrences.every(({ place }) => fits(place.replace(/:\d+$/, "")));
}
