import type { Quarantine } from "../driver.ts";
import { UsageError } from "../errors.ts";
import type { Incident } from "../incident/fold.ts";
import type { Plan, PlannedSink } from "../playbook/plan.ts";
import type { RotationDeps } from "../rotation/deps.ts";
import { valueIn, wipe } from "../rotation/stored-value.ts";
import { hasFingerprint, type Secret } from "../secret.ts";
import { latestPlan } from "../store/evidence.ts";
import { listOccurrences } from "../store/incidents.ts";
import { sqlJournal } from "../store/journal.ts";
import { recover as recoverFromLeak } from "./code.ts";
import { contextOf, type Rekey } from "./context.ts";

/**
 * The leaked value, read again (contracts.md §1): from where it leaked, then from the versions of the places that store it, then from
 * quarantine. It counts only if its HMAC matches. Undefined where it is nowhere. The caller wipes it.
 */
export async function recover(rekey: Rekey, incident: Incident): Promise<Secret | undefined> {
  const sources = [
    () => recoverFromLeak(rekey, { incident: incident.id, fingerprint: incident.credential.fingerprint }),
    () => fromDenied(rekey, incident),
    () => fromSecretManagers(rekey, incident),
    () => fromQuarantine(rekey, incident),
  ];
  for (const source of sources) {
    const secret = await source().catch((error: unknown) => {
      rekey.log.warn(
        { incident: incident.id, error: error instanceof Error ? error.name : "unknown" },
        "one of the places that may hold a leaked value could not be read",
      );
      return undefined;
    });
    if (secret !== undefined) return secret;
  }
  return undefined;
}

/** Whether this value is the incident's credential. */
export function isLeaked(rekey: Rekey, incident: Incident, secret: Secret): boolean {
  return hasFingerprint(secret, incident.credential.fingerprint, { tenant: rekey.fingerprintKeys, salts: [] });
}

/** The engine's hold on the quarantine; nothing where the tenant did not opt in. */
export function quarantineOf(rekey: Rekey): Pick<RotationDeps, "quarantine"> {
  const place = quarantinePlace(rekey);
  if (place === undefined) return {};
  const { quarantine, connection, ttl } = place;
  return {
    quarantine: {
      keep: (incident, secret) => quarantine.keep(contextOf(rekey, connection), incident, secret, ttl),
      destroy: (incident) => quarantine.destroy(contextOf(rekey, connection), incident),
    },
  };
}

/** Throws UsageError where rekey.yml names a connection that cannot quarantine. */
export function quarantinePlace(
  rekey: Pick<Rekey, "config" | "sinkFor">,
): { quarantine: Quarantine; connection: string; ttl: number } | undefined {
  const { quarantine: wanted, connections } = rekey.config;
  if (wanted === undefined) return undefined;
  const type = connections[wanted.connection]?.type;
  const quarantine = type === undefined ? undefined : rekey.sinkFor(type)?.quarantine;
  if (quarantine === undefined) {
    throw new UsageError(
      `quarantine.connection: expected a connection to Vault KV v2 or AWS Secrets Manager, got '${wanted.connection}' (${type ?? "not a connection"})`,
    );
  }
  return { quarantine, connection: wanted.connection, ttl: wanted.ttl };
}

/** A credential that never leaked is read where it is kept. */
async function fromDenied(rekey: Rekey, incident: Incident): Promise<Secret | undefined> {
  for (const { finding } of await listOccurrences(rekey.database.db, incident.id)) {
    const { source, node: connection, path, pointer: field } = finding.locator;
    if (source !== "secret-manager" || connection === undefined || path === undefined) continue;
    const place = { connection, sink: "", path, ...(field === undefined ? {} : { field }) };
    const found = await valueAtVersion(rekey, incident, place, undefined);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The current version of each place, and the version that a run of this incident found there before it promoted its own. */
async function fromSecretManagers(rekey: Rekey, incident: Incident): Promise<Secret | undefined> {
  const { db } = rekey.database;
  const plan = (await latestPlan(db, incident.id))?.body as Plan | undefined;
  const journal = sqlJournal(db, (message) => new Error(message));
  const runs = await Promise.all(
    (await journal.ofIncident(incident.id)).map(async ({ id, plan: of }) => ({ plan: of, effects: await journal.effects(id) })),
  );
  for (const place of plan?.facts.sinks ?? []) {
    const found = await valueAtVersion(rekey, incident, place, undefined);
    if (found !== undefined) return found;
  }
  for (const { plan: of, effects } of runs) {
    for (const [index, place] of of.facts.sinks.entries()) {
      const before = effects.find(({ key }) => key === `promote-${index}-from`)?.result;
      const found = typeof before === "string" && before !== "0" ? await valueAtVersion(rekey, incident, place, before) : undefined;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

async function valueAtVersion(
  rekey: Rekey,
  incident: Incident,
  place: PlannedSink,
  version: string | undefined,
): Promise<Secret | undefined> {
  const type = rekey.config.connections[place.connection]?.type;
  const sink = type === undefined ? undefined : rekey.sinkFor(type);
  if (sink === undefined || place.lacks?.includes("readBack") === true) return undefined;
  const read = await sink.read(contextOf(rekey, place.connection), place, version);
  const value = valueIn(place, read?.fields)?.secret;
  if (value !== undefined && isLeaked(rekey, incident, value)) return value;
  wipe(read?.fields);
  return undefined;
}

async function fromQuarantine(rekey: Rekey, incident: Incident): Promise<Secret | undefined> {
  const place = quarantinePlace(rekey);
  if (place === undefined) return undefined;
  const secret = await place.quarantine.read(contextOf(rekey, place.connection), incident.id);
  if (secret !== undefined && isLeaked(rekey, incident, secret)) return secret;
  secret?.wipe();
  return undefined;
}
