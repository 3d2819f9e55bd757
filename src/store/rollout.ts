import { type Kysely, type Selectable, sql } from "kysely";
import { json, storable } from "./json.ts";
import type { Schema } from "./schema.ts";

export type RepositoryRow = Selectable<Schema["repository"]>;

/** Everything that decides how far Rekey goes where. */
export interface RolloutState {
  readonly hold?: { readonly by: string; readonly reason: string; readonly at: string };
  /** Confirmed rules by `host/account` in lower case, as they were then. */
  readonly confirmed: ReadonlyMap<string, { readonly rules: unknown; readonly by: string; readonly at: string }>;
}

export async function rolloutState(db: Kysely<Schema>): Promise<RolloutState> {
  const hold = await db.selectFrom("rollout_hold").selectAll().executeTakeFirst();
  const confirmations = await db.selectFrom("rollout_confirmation").selectAll().execute();
  return {
    ...(hold === undefined ? {} : { hold: { by: hold.by, reason: hold.reason, at: hold.at.toISOString() } }),
    confirmed: new Map(
      confirmations.map(({ host, account, rules, by, at }) => [`${host}/${account}`, { rules, by, at: at.toISOString() }]),
    ),
  };
}

export async function confirmRollout(db: Kysely<Schema>, of: { host: string; account: string }, rules: unknown, by: string): Promise<void> {
  const row = { rules: json(rules), by, at: new Date() };
  await db
    .insertInto("rollout_confirmation")
    .values({ ...of, ...row })
    .onConflict((conflict) => conflict.columns(["host", "account"]).doUpdateSet(row))
    .execute();
}

/** Everything observes from now on. False where it does already. */
export async function holdRollout(db: Kysely<Schema>, by: string, reason: string): Promise<boolean> {
  const { rows } = await sql`insert into rollout_hold (by, reason) values (${by}, ${reason}) on conflict do nothing returning by`.execute(
    db,
  );
  return rows.length > 0;
}

/** False where nothing was held. */
export async function releaseRollout(db: Kysely<Schema>): Promise<boolean> {
  const { rows } = await sql`delete from rollout_hold returning by`.execute(db);
  return rows.length > 0;
}

/** Topics and custom properties, by which rules of a rollout choose. */
export async function saveFacts(
  db: Kysely<Schema>,
  of: { host: string; repositoryId: number },
  facts: { topics: readonly string[]; properties: Readonly<Record<string, string>> },
): Promise<void> {
  await db
    .updateTable("repository")
    .set({ topics: json(facts.topics), properties: json(facts.properties) })
    .where("host", "=", of.host)
    .where("id", "=", of.repositoryId)
    .execute();
}

/** Keeps a good policy file; `undefined` = the repository has none any more. */
export async function savePolicy(db: Kysely<Schema>, of: { host: string; repositoryId: number }, policy: unknown): Promise<void> {
  await db
    .updateTable("repository")
    .set({ policy: policy === undefined ? null : json(policy), policy_error: null })
    .where("host", "=", of.host)
    .where("id", "=", of.repositoryId)
    .execute();
}

/** The file that stands there now is bad: the last good one goes on counting. */
export async function savePolicyError(db: Kysely<Schema>, of: { host: string; repositoryId: number }, error: string): Promise<void> {
  await db
    .updateTable("repository")
    .set({ policy_error: storable(error).slice(0, 2000) })
    .where("host", "=", of.host)
    .where("id", "=", of.repositoryId)
    .execute();
}

/** Open pull requests with the stage at which their check was last written. */
export async function drawnStages(
  db: Kysely<Schema>,
  host: string,
): Promise<{ repositoryId: number; number: number; stage: string | null }[]> {
  return db
    .selectFrom("pull_request")
    .select(["repository_id as repositoryId", "number", "stage"])
    .where("host", "=", host)
    .where("state", "=", "open")
    .where("scanned_sha", "is not", null)
    .execute();
}

/** What a pull request of the last days held, for saying what another stage would have written. */
export interface RecentPullRequest {
  readonly host: string;
  readonly repositoryId: number;
  readonly repository: string;
  readonly number: number;
  readonly incidents: readonly { readonly id: string; readonly title: string; readonly blocking: boolean }[];
}

/** Pull requests that were scanned since then, oldest first; `blocking` as src/github/check-run.ts has it. */
export async function recentPullRequests(db: Kysely<Schema>, since: Date): Promise<RecentPullRequest[]> {
  const { rows } = await sql<{
    host: string;
    repository_id: number;
    repository: string;
    number: number;
    id: string | null;
    title: string | null;
    blocking: boolean | null;
  }>`
    select pull.host, pull.repository_id, pull.repository, pull.number, incident.id, incident.title,
      bool_or(incident.validity = 'active' or (place.finding ->> 'confidence') <> 'low') as blocking
    from pull_request pull
    left join pull_request_finding place
      on place.host = pull.host and place.repository_id = pull.repository_id and place.number = pull.number
    left join incident on incident.id = place.incident_id
    where pull.scanned_sha is not null and pull.updated_at >= ${since}
    group by pull.host, pull.repository_id, pull.repository, pull.number, incident.id, incident.title
    order by pull.repository, pull.number, incident.id`.execute(db);
  const pulls = new Map<string, RecentPullRequest & { incidents: { id: string; title: string; blocking: boolean }[] }>();
  for (const { host, repository_id, repository, number, id, title, blocking } of rows) {
    const key = `${host}/${repository_id}/${number}`;
    const pull = pulls.get(key) ?? { host, repositoryId: repository_id, repository, number, incidents: [] };
    if (id !== null) pull.incidents.push({ id, title: title ?? id, blocking: blocking ?? false });
    pulls.set(key, pull);
  }
  return [...pulls.values()];
}
