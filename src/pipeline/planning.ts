import type { Driver } from "../driver.ts";
import { RefusedError } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { type DeclaredConsumer, type DeclaredIdentities, type DeclaredPlace, declarationOf } from "../identity/declared.ts";
import type { Incident } from "../incident/fold.ts";
import { guidedPlaybook } from "../playbook/guided.ts";
import {
  choosePlaybook,
  makePlan,
  modeOf,
  type Plan,
  type PlanFacts,
  type PlannedConsumer,
  type PlannedSink,
  worksWith,
} from "../playbook/plan.ts";
import { judgeUsage, type UsageVerdict } from "../playbook/usage.ts";
import { latestPlan, savePlan } from "../store/evidence.ts";
import { getIncident, listOccurrences, recordEvents } from "../store/incidents.ts";
import { mintedBy } from "../store/track-record.ts";
import { connectionOf, contextOf, driverOf, type Rekey, targetOf } from "./context.ts";
import { recover } from "./recover.ts";

/** Makes and keeps the plan of an incident; undefined where no playbook serves its type. `declared` is the default branch's word. */
export async function planFor(rekey: Rekey, id: string, declared: DeclaredIdentities | undefined): Promise<Plan | undefined> {
  const incident = await getIncident(rekey.database.db, id);
  if (incident === undefined || incident.state === "resolved") return undefined;
  const { detector } = incident.credential;
  const [occurrence] = await listOccurrences(rekey.database.db, id);
  if (occurrence === undefined) return undefined;
  const serving = await servingDriver(rekey, incident, occurrence.finding);
  if (serving === undefined) return undefined;
  const { driver, connection, named, principal } = serving;

  const identity = identityFacts(
    incident,
    occurrence.finding,
    declared,
    rekey,
    targetOf(rekey, driver, occurrence.finding.attributes)?.environment,
  );
  const environment = identity.identity?.environment ?? "production";
  const playbook =
    choosePlaybook(rekey.playbooks, { manifest: driver.manifest, detector, environment, kind: identity.identity?.kind }) ??
    guidedPlaybook(driver.manifest, identity.sinks);
  const { consumers } = rekey.config.policy;
  const { grace } = driver.manifest;
  const places = await Promise.all(identity.sinks.map((sink) => inspected(rekey, sink)));
  const sinks = [...places, ...stagingFor(rekey, driver, places)];
  const at = { ...(connection === undefined ? {} : { connection }), ...(named === undefined ? {} : { named }) };
  const known = {
    ...identity,
    sinks,
    public: await isPublic(rekey, occurrence.repository),
    alive: incident.validity === "active",
    usage: await usageOf(rekey, driver, { ...identity, ...at }, incident),
  };
  if (known.usage.answer === "unknown-use") {
    await rekey.database.db.transaction().execute((trx) => recordEvents(trx, id, [{ type: "unknown-use-seen" }]));
  }
  const facts: PlanFacts = {
    incident: id,
    credential: incident.credential,
    attributes: { ...publicAttributes(occurrence.finding), ...(principal === undefined ? {} : { principal }) },
    ...known,
    mode: modeOf(playbook, rekey.config.policy.mode, known),
    ...(grace === undefined ? {} : { grace: Math.max(grace.min, 2 * consumers.timeout) }),
    ...at,
    ...(rekey.config.quarantine === undefined ? {} : { quarantine: rekey.config.quarantine.connection }),
    timeouts: { consumers: consumers.timeout, soak: rekey.config.policy.soak },
  };
  return keep(rekey, makePlan(playbook, driver.manifest, facts));
}

/** The plan by another playbook that serves the same type, from what is known already. Throws RefusedError where there is none. */
export async function replan(rekey: Rekey, id: string, name: string): Promise<Plan> {
  const kept = (await latestPlan(rekey.database.db, id))?.body as Plan | undefined;
  const driver = rekey.drivers.find(({ manifest }) => manifest.type === kept?.driver);
  if (kept === undefined || driver === undefined)
    throw new RefusedError(`${id} has no plan: it is not known, or no playbook serves its type`);
  const serving = rekey.playbooks.filter(
    ({ match, steps }) => match.credential.includes(kept.facts.credential.detector) && worksWith(steps, driver.manifest),
  );
  const playbook = serving.find((candidate) => candidate.name === name);
  if (playbook === undefined) {
    throw new RefusedError(
      `expected a playbook for ${kept.facts.credential.detector} (${serving.map((one) => one.name).join(", ")}), got '${name.slice(0, 60)}'`,
    );
  }
  return keep(rekey, makePlan(playbook, driver.manifest, { ...kept.facts, mode: modeOf(playbook, rekey.config.policy.mode, kept.facts) }));
}

async function keep(rekey: Rekey, plan: Plan): Promise<Plan> {
  const { incident } = plan.facts;
  const playbook = `${plan.playbook.name}@${plan.playbook.version}`;
  await rekey.database.db.transaction().execute((trx) => savePlan(trx, { incident, hash: plan.hash, playbook, body: plan }));
  return plan;
}

/** Who used it since it was exposed, as far as the vendor says (read-only). */
async function usageOf(
  rekey: Rekey,
  driver: Driver,
  { connection, named, consumers }: Pick<PlanFacts, "connection" | "named" | "consumers">,
  { id, clock }: Incident,
): Promise<UsageVerdict> {
  if (driver.usage === undefined || connection === undefined || named === undefined) return judgeUsage(undefined, consumers);
  const record = { id: named.id, state: "active" as const, attributes: {} };
  try {
    const window = { from: clock.exposed, to: new Date().toISOString() };
    return judgeUsage(await driver.usage(contextOf(rekey, connection, driver), record, window), consumers);
  } catch (error) {
    rekey.log.warn(
      { incident: id, error: error instanceof Error ? error.name : "unknown" },
      "the vendor did not say who used a credential",
    );
    return judgeUsage(undefined, consumers);
  }
}

/**
 * Only the identity that the credential authenticates as, by strong or confirmed evidence, says where it is stored, who uses it and
 * what environment it is: a declaration that fits by type alone must not lower an approval or name a place to write to.
 */
function identityFacts(
  incident: Incident,
  finding: Finding,
  declared: DeclaredIdentities | undefined,
  rekey: Rekey,
  targetEnvironment: string | undefined,
): Pick<PlanFacts, "identity" | "sinks" | "consumers" | "otherSlot" | "honeytoken"> {
  const declaration = declarationOf(finding.identities, incident.credential.detector, declared, finding.slot?.variable);
  const identity = declaration?.link ?? incident.identities[0];
  if (identity === undefined) return { sinks: [], consumers: "unknown" };
  const sinks = (declaration?.sinks ?? [])
    .flatMap((place) => plannedSink(rekey, place))
    .toSorted((a, b) => Number(a.refresh === true) - Number(b.refresh === true));
  const consumers = declaration?.consumers ?? { kind: "unknown" as const };
  return {
    identity: {
      id: identity.id,
      kind: identity.kind,
      name: identity.name,
      environment: declaration?.environment ?? targetEnvironment ?? "production",
      ...(identity.owner === undefined ? {} : { owner: identity.owner }),
    },
    sinks,
    consumers: consumers.kind === "declared" ? consumers.consumers.map(plannedConsumer) : consumers.kind,
    ...(declaration?.honeytoken === undefined ? {} : { honeytoken: declaration.honeytoken }),
    ...(declaration?.otherSlot === undefined ? {} : { otherSlot: declaration.otherSlot }),
  };
}

function plannedConsumer({ name, report, seen_as }: DeclaredConsumer): PlannedConsumer {
  return { name, report, ...(seen_as === undefined ? {} : { seen_as }) };
}

async function isPublic(rekey: Rekey, repository: string | undefined): Promise<boolean> {
  if (repository === undefined) return false;
  const row = await rekey.database.db.selectFrom("repository").select("private").where("full_name", "=", repository).executeTakeFirst();
  return row?.private === false;
}

function plannedSink(rekey: Rekey, { connection, path, field, companions, format }: DeclaredPlace): PlannedSink[] {
  const type = rekey.config.connections[connection]?.type;
  const manifest = type === undefined ? undefined : rekey.sinkFor(type)?.manifest;
  if (manifest === undefined) return [];
  const lacks = (["pending", "cas", "readBack", "undo"] as const).filter((ability) => !manifest[ability]);
  return [
    {
      connection,
      sink: manifest.name,
      path,
      ...(field === undefined ? {} : { field }),
      ...(companions === undefined ? {} : { companions }),
      ...(format === undefined ? {} : { format }),
      ...(lacks.length === 0 ? {} : { lacks }),
      ...(manifest.refresh === undefined ? {} : { refresh: manifest.refresh }),
    },
  ];
}

/** What stands in the way at a place now, and what people should know of it. */
async function inspected(rekey: Rekey, place: PlannedSink): Promise<PlannedSink> {
  const type = rekey.config.connections[place.connection]?.type;
  const sink = type === undefined ? undefined : rekey.sinkFor(type);
  if (sink?.inspect === undefined) return place;
  try {
    const { blocked, notes } = await sink.inspect(contextOf(rekey, place.connection), place);
    return { ...place, ...(blocked === undefined ? {} : { blocked }), ...(notes.length === 0 ? {} : { notes }) };
  } catch (error) {
    rekey.log.warn(
      { path: place.path, error: error instanceof Error ? error.name : "unknown" },
      "a place of a plan could not be looked at",
    );
    return { ...place, notes: ["it could not be looked at when this plan was made"] };
  }
}

/** Where the new value waits if none of its places can hold it back: the secret manager of the quarantine (contracts.md §8). */
function stagingFor(rekey: Rekey, { manifest }: Driver, places: readonly PlannedSink[]): PlannedSink[] {
  const connection = rekey.config.quarantine?.connection;
  const config = connection === undefined ? undefined : rekey.config.connections[connection];
  const sink = config === undefined ? undefined : rekey.sinkFor(config.type);
  const canWait = places.some(({ lacks = [] }) => !lacks.includes("pending") && !lacks.includes("readBack"));
  if (connection === undefined || sink?.manifest.staging !== true || places.length === 0 || canWait) return [];
  const companions = Object.fromEntries((manifest.companions ?? []).map((name) => [name, name]));
  const path = `${config?.mounts[0] ?? "secret"}/rekey-staging`;
  return [{ connection, sink: sink.manifest.name, path, field: "value", companions, staging: true }];
}

interface Named extends Pick<PlanFacts, "named"> {
  readonly principal?: string;
}

interface Serving extends Pick<PlanFacts, "named"> {
  readonly driver: Driver;
  readonly connection: string | undefined;
  readonly principal?: string;
}

/** Of the drivers that serve a type: the first that is asked first and knows the credential, else the type's own. */
async function servingDriver(rekey: Rekey, incident: Incident, finding: Finding): Promise<Serving | undefined> {
  const asked = rekey.drivers.filter(({ manifest }) => manifest.onlyIfNamed === true && manifest.detectors.includes(finding.detector));
  const own = driverOf(rekey, finding.detector);
  for (const driver of own === undefined ? asked : [...asked, own]) {
    const connection = connectionOf(rekey, driver, finding.attributes);
    const record = await nameRecord(rekey, driver, connection, incident, finding);
    if (driver === own || record.named !== undefined) return { driver, connection, ...record };
  }
  return undefined;
}

/** contracts.md §8: confirmed, or strong with exactly one candidate; anything less is nobody's name. */
export async function nameRecord(
  rekey: Rekey,
  driver: Driver,
  connection: string | undefined,
  incident: Incident,
  finding: Finding,
): Promise<Named> {
  const matched = await matchedRecord(rekey, driver, connection, incident, finding);
  return matched.named === undefined ? { ...matched, ...(await madeRecord(rekey, driver, connection, incident)) } : matched;
}

/** A credential that a run of ours made is known by its record, where an id never gets another value. */
async function madeRecord(rekey: Rekey, driver: Driver, connection: string | undefined, { id }: Incident): Promise<Named> {
  if (connection === undefined || driver.list === undefined || !["m-delete", "m-disable"].includes(driver.manifest.class)) return {};
  const made = await mintedBy(rekey.database.db, id);
  if (made?.driver !== driver.manifest.type || made.connection !== connection) return {};
  try {
    const records = await driver.list(contextOf(rekey, connection, driver), { attributes: {} });
    const record = records.find((one) => one.id === made.record && one.state !== "gone");
    if (record === undefined) return {};
    return { named: { id: record.id, grade: "confirmed" }, ...(record.principal === undefined ? {} : { principal: record.principal }) };
  } catch (error) {
    rekey.log.warn({ incident: id, error: error instanceof Error ? error.name : "unknown" }, "the vendor did not list its credentials");
    return {};
  }
}

async function matchedRecord(
  rekey: Rekey,
  driver: Driver,
  connection: string | undefined,
  incident: Incident,
  finding: Finding,
): Promise<Named> {
  if (connection === undefined || driver.match === undefined) return {};
  const secret = await recover(rekey, incident);
  if (secret === undefined) return {};
  try {
    const { records, grade } = await driver.match(contextOf(rekey, connection, driver), { attributes: publicAttributes(finding), secret });
    const [only] = records;
    if (only === undefined || records.length !== 1 || grade === "weak") return {};
    return { named: { id: only.id, grade }, ...(only.principal === undefined ? {} : { principal: only.principal }) };
  } catch (error) {
    rekey.log.warn(
      { incident: incident.id, error: error instanceof Error ? error.name : "unknown" },
      "the vendor could not say which credential this is",
    );
    return {};
  } finally {
    secret.wipe();
  }
}

function publicAttributes(finding: Finding): Record<string, string> {
  const { headLine: _, ...attributes } = finding.attributes;
  return attributes;
}
