import type { Incident } from "../incident/fold.ts";
import { isProduction } from "../incident/sla.ts";
import type { Plan } from "../playbook/plan.ts";
import type { TrackRecord } from "../playbook/track-record.ts";
import { hasFingerprint, Secret } from "../secret.ts";
import { latestPlan } from "../store/evidence.ts";
import { getIncident } from "../store/incidents.ts";
import { cleanRuns, lastRehearsal, mintedBy } from "../store/track-record.ts";
import type { Rekey } from "./context.ts";

/**
 * The plan that was kept last, with what is true now: how it went before, and what stops it beside the plan itself. A break-glass needs
 * no rehearsal.
 */
export async function keptPlan(rekey: Rekey, id: string, { breakGlass = false }: { breakGlass?: boolean } = {}): Promise<Plan | undefined> {
  const { db } = rekey.database;
  const plan = (await latestPlan(db, id))?.body as Plan | undefined;
  const incident = await getIncident(db, id);
  if (plan === undefined || incident === undefined) return plan;
  const record = await recordOf(rekey, plan, incident);
  const own = ownUse(rekey, incident);
  return {
    ...plan,
    record,
    blockers: [
      ...plan.blockers,
      ...(own === undefined
        ? []
        : [`Rekey itself uses this credential (${own}): put another one there and restart the server first, then rotate`]),
      ...(breakGlass ? [] : rehearsalMissing(rekey, plan, record)),
    ],
  };
}

async function recordOf(rekey: Rekey, plan: Plan, { id }: Incident): Promise<TrackRecord> {
  const { db } = rekey.database;
  const connection = plan.facts.connection ?? "";
  const [rehearsal, runs, regression] = await Promise.all([
    lastRehearsal(db, plan.playbook.digest, connection),
    cleanRuns(db, plan.playbook.digest, connection),
    mintedBy(db, id),
  ]);
  return { runs, ...(rehearsal === undefined ? {} : { rehearsal }), ...(regression === undefined ? {} : { regression }) };
}

/** Graceful rotation in production has shown that it works here (policy.rehearsal). */
function rehearsalMissing(rekey: Rekey, { facts, playbook, steps }: Plan, { rehearsal }: TrackRecord): string[] {
  const { required, within } = rekey.config.policy.rehearsal;
  const applies = required === "always" || (required === "production" && isProduction(facts.identity?.environment));
  const mints = steps.some(({ uses, manual }) => /\/(issue|roll)@/.test(uses) && manual === undefined);
  if (!applies || facts.mode !== "graceful" || !mints || facts.connection === undefined) return [];
  if (rehearsal?.passed === true && Date.parse(rehearsal.at) > Date.now() - within) return [];
  const why =
    rehearsal === undefined
      ? "never rehearsed"
      : rehearsal.passed
        ? `rehearsed last on ${rehearsal.at.slice(0, 10)}`
        : "its last rehearsal failed";
  return [
    `${playbook.name} version ${playbook.version} was ${why} on ${facts.connection}: rekey playbook rehearse ${playbook.name} --connection ${facts.connection}`,
  ];
}

/** Where Rekey's own configuration holds this very value; undefined = nowhere. */
export function ownUse({ config, credential, fingerprintKeys }: Rekey, incident: Incident): string | undefined {
  const references: [string, string | undefined][] = [
    ...Object.entries(config.connections).map(([name, { credential: of }]): [string, string | undefined] => [`connections.${name}`, of]),
    ...config.consumers.map(({ name, token }): [string, string | undefined] => [`consumers.${name}`, token]),
    ...config.reviews.tokens.map(({ name, token }): [string, string | undefined] => [`reviews.tokens.${name}`, token]),
    ["github.private_key", config.github?.private_key],
    ["github.webhook_secret", config.github?.webhook_secret],
    ["database.url", config.database.url],
  ];
  for (const [where, reference] of references) {
    if (reference === undefined) continue;
    const own = readable(() => credential(reference));
    if (own === undefined) continue;
    // a connection's credential may be `id:secret`: each part counts
    const parts = [
      own,
      ...own
        .reveal()
        .split(/[\s:,"]+/)
        .filter((part) => part.length >= 8)
        .map((part) => Secret.from(part)),
    ];
    const same = parts.some((part) => hasFingerprint(part, incident.credential.fingerprint, { tenant: fingerprintKeys, salts: [] }));
    for (const part of parts) part.wipe();
    if (same) return where;
  }
  return undefined;
}

function readable(read: () => Secret): Secret | undefined {
  try {
    return read();
  } catch {
    return undefined; // a reference that cannot be read now is not in use either
  }
}
