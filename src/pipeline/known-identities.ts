import type { Access, Lifetime, Snapshot } from "../governance/review.ts";
import type { GraphEdge, GraphIdentity } from "../identity/graph.ts";
import type { IncidentFacts } from "../incident/fold.ts";
import { isCredential } from "../incident/runtime.ts";
import type { Plan } from "../playbook/plan.ts";
import { latestConsumerReports } from "../store/consumers.ts";
import { latestPlan } from "../store/evidence.ts";
import { incidentIndex } from "../store/incident-index.ts";
import { listOccurrences } from "../store/incidents.ts";
import { contextOf, githubHost, type Rekey } from "./context.ts";

/** An identity as the inventories of all default branches and the incidents know it. */
export interface KnownIdentity {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly owner?: string;
  /** The technique that named the owner: `declared` = people said so. */
  readonly ownerBy?: string;
  readonly environment?: string;
  /** `owner/name`. */
  readonly repository?: string;
  /** The files that it stands in. */
  readonly paths: readonly string[];
  readonly access: readonly Access[];
  /** Names of what it can reach. */
  readonly permissions: readonly string[];
  readonly lifetime: Lifetime;
  readonly evidence: readonly string[];
}

interface StoredInventory {
  readonly identities: readonly GraphIdentity[];
  readonly edges: readonly GraphEdge[];
}

/** Every identity that is known, by id. What a default branch declares comes first; incidents add theirs. */
export async function knownIdentities(rekey: Rekey): Promise<KnownIdentity[]> {
  const { db } = rekey.database;
  const rows = await db
    .selectFrom("inventory")
    .innerJoin("repository", (join) =>
      join.onRef("repository.id", "=", "inventory.repository_id").onRef("repository.host", "=", "inventory.host"),
    )
    .select(["inventory.body", "repository.full_name"])
    .where("inventory.host", "=", githubHost(rekey))
    .orderBy("repository.full_name")
    .execute();
  const found = new Map<string, KnownIdentity>();
  for (const { body, full_name } of rows) {
    const { identities = [], edges = [] } = body as Partial<StoredInventory>;
    const names = new Map(identities.map(({ id, name }) => [id, name]));
    const to = Map.groupBy(edges, (edge) => edge.to);
    const from = Map.groupBy(edges, (edge) => edge.from);
    for (const identity of identities)
      found.set(identity.id, fromInventory(identity, full_name, to.get(identity.id) ?? [], from.get(identity.id) ?? [], names));
  }
  for (const incident of await incidentIndex(db).all()) addIncident(found, incident);
  return [...found.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function fromInventory(
  { id, kind, name, owner, locations }: GraphIdentity,
  repository: string,
  incoming: readonly GraphEdge[],
  outgoing: readonly GraphEdge[],
  names: ReadonlyMap<string, string>,
): KnownIdentity {
  const stored = incoming.flatMap(({ relation, from }) => (relation === "used_by" ? storedAccess(from) : []));
  const ownerBy = outgoing.find(({ relation, to }) => relation === "owned_by" && to === `owner:${owner}`)?.method;
  const reach = outgoing.filter(({ relation }) => relation === "can_access").map(({ to }) => names.get(to) ?? to);
  return {
    id,
    kind,
    name,
    ...(owner === undefined ? {} : { owner, ...(ownerBy === undefined ? {} : { ownerBy }) }),
    repository,
    paths: [...new Set(locations.map(({ path }) => path))],
    access: stored,
    permissions: [...new Set(reach)].toSorted(),
    lifetime: kind === "cloud-role" || kind === "ci-job" || kind === "workload" ? "temporary" : stored.length > 0 ? "standing" : "unknown",
    evidence: [...new Set([...incoming, ...outgoing].flatMap(({ evidence }) => evidence.map(({ text }) => text)))].slice(0, 20),
  };
}

/** `store-entry:<connection>/<path>#<field>` (contracts.md §3). */
function storedAccess(node: string): Access[] {
  const [, connection, path, field] = /^store-entry:([^/]+)\/(.+)#([^#]*)$/.exec(node) ?? [];
  if (connection === undefined || path === undefined) return [];
  return [{ kind: "stored", connection, path, ...(field === undefined || field === "" ? {} : { field }) }];
}

/** A leaked credential that still may work is an access of the identity that authenticates with it. */
function addIncident(found: Map<string, KnownIdentity>, incident: IncidentFacts): void {
  if (incident.death !== undefined || incident.dismissal !== undefined || incident.cause !== undefined || !isCredential(incident)) return;
  const [identity] = incident.identities;
  if (identity === undefined) return;
  const { fingerprint, detector, title } = incident.credential;
  const access: Access = { kind: "credential", incident: incident.id, detector, title, fingerprint };
  const known = found.get(identity.id);
  const evidence = `${title} leaked (${incident.id}) and belongs to ${identity.kind} ${identity.name} (${identity.grade}).`;
  found.set(identity.id, {
    id: identity.id,
    kind: identity.kind,
    name: identity.name,
    ...(identity.owner === undefined ? {} : { owner: identity.owner }),
    ...(identity.environment === undefined ? {} : { environment: identity.environment }),
    ...(incident.repository === undefined ? {} : { repository: incident.repository }),
    paths: [],
    permissions: [],
    lifetime: "standing",
    ...known,
    access: [...(known?.access ?? []), access],
    evidence: [...(known?.evidence ?? []), evidence],
  });
}

/** One snapshot for each access; for an identity without any, one for itself. `authors` are the accounts behind its files. */
export async function snapshotsOf(rekey: Rekey, identity: KnownIdentity, authors: readonly string[] | undefined): Promise<Snapshot[]> {
  const { id, kind, name, owner, repository, permissions, lifetime, evidence } = identity;
  const access: readonly Access[] = identity.access.length === 0 ? [{ kind: "identity" }] : identity.access;
  return Promise.all(
    access.map(async (one) => {
      const made = one.kind === "credential" ? merged(authors, await leakersOf(rekey, one.incident)) : authors;
      const lastUsed = await lastUseOf(rekey, one);
      return {
        identity: { id, kind, name, ...(owner === undefined ? {} : { owner }) },
        ...(repository === undefined ? {} : { repository }),
        access: one,
        permissions,
        lifetime,
        ...(made === undefined ? {} : { authors: made }),
        ...(lastUsed === undefined ? {} : { lastUsed }),
        evidence,
      };
    }),
  );
}

async function leakersOf(rekey: Rekey, incident: string): Promise<string[]> {
  const occurrences = await listOccurrences(rekey.database.db, incident);
  return occurrences.flatMap(({ pushedBy, authors }) => [...authors, ...(pushedBy === undefined ? [] : [pushedBy])]);
}

/** Who leaked a credential is known also where the authors of the identity's files are not. */
function merged(authors: readonly string[] | undefined, leakers: readonly string[]): string[] | undefined {
  return authors === undefined && leakers.length === 0 ? undefined : [...new Set([...(authors ?? []), ...leakers])].toSorted();
}

/** What the vendor's record or a consumer's report says; undefined where nothing does. */
async function lastUseOf(rekey: Rekey, access: Access): Promise<string | undefined> {
  if (access.kind === "stored") {
    const reports = await latestConsumerReports(rekey.database.db, access);
    return reports
      .map(({ at }) => at)
      .toSorted()
      .at(-1);
  }
  if (access.kind === "identity") return undefined;
  const plan = (await latestPlan(rekey.database.db, access.incident))?.body as Plan | undefined;
  const driver = rekey.drivers.find(({ manifest }) => manifest.type === plan?.driver);
  const { connection, named, attributes } = plan?.facts ?? {};
  if (driver?.list === undefined || connection === undefined || named === undefined || attributes === undefined) return undefined;
  try {
    const records = await driver.list(contextOf(rekey, connection, driver), { attributes });
    return records.find(({ id }) => id === named.id)?.lastUsedAt;
  } catch (error) {
    rekey.log.warn(
      { connection, error: error instanceof Error ? error.name : "unknown" },
      "the vendor did not say when a credential was last used",
    );
    return undefined;
  }
}
