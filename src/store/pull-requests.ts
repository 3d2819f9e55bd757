import type { Kysely, Selectable, Transaction, Updateable } from "kysely";
import type { Finding } from "../finding.ts";
import type { Incident } from "../incident/fold.ts";
import { withoutAuthor } from "./incidents.ts";
import { json } from "./json.ts";
import type { Schema } from "./schema.ts";

export interface PullRequestKey {
  readonly host: string;
  readonly repositoryId: number;
  readonly number: number;
}

export type PullRequestRow = Selectable<Schema["pull_request"]>;
type PullRequestChange = Omit<Updateable<Schema["pull_request"]>, "host" | "repository_id" | "number" | "updated_at">;

/** Makes or changes the row of a pull request. The first call must give installation_id, repository and head_sha. */
export async function savePullRequest(db: Kysely<Schema>, key: PullRequestKey, change: PullRequestChange): Promise<PullRequestRow> {
  const updated = await db
    .updateTable("pull_request")
    .set({ ...change, updated_at: new Date() })
    .where("host", "=", key.host)
    .where("repository_id", "=", key.repositoryId)
    .where("number", "=", key.number)
    .returningAll()
    .executeTakeFirst();
  if (updated !== undefined) return updated;
  const { installation_id, repository, head_sha } = change;
  if (installation_id === undefined || repository === undefined || head_sha === undefined) {
    throw new Error(`pull request ${key.number} is not known yet; its first row needs installation, repository and head`);
  }
  return db
    .insertInto("pull_request")
    .values({ host: key.host, repository_id: key.repositoryId, number: key.number, ...change, installation_id, repository, head_sha })
    .onConflict((conflict) => conflict.columns(["host", "repository_id", "number"]).doUpdateSet({ ...change, updated_at: new Date() }))
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function getPullRequest(db: Kysely<Schema>, key: PullRequestKey): Promise<PullRequestRow | undefined> {
  return db
    .selectFrom("pull_request")
    .selectAll()
    .where("host", "=", key.host)
    .where("repository_id", "=", key.repositoryId)
    .where("number", "=", key.number)
    .executeTakeFirst();
}

/**
 * What a scan of `head` found that the pull request adds. Findings of earlier heads stay, marked as no longer present:
 * their incidents stay open until the credential is dead, not until the line is gone.
 */
export async function savePullRequestFindings(
  trx: Transaction<Schema>,
  key: PullRequestKey,
  head: string,
  found: readonly { finding: Finding; incident: string }[],
): Promise<void> {
  await trx
    .updateTable("pull_request_finding")
    .set({ present: false })
    .where("host", "=", key.host)
    .where("repository_id", "=", key.repositoryId)
    .where("number", "=", key.number)
    .execute();
  for (const { finding, incident } of found) {
    const seen = { incident_id: incident, head_sha: head, finding: json(withoutAuthor(finding)), present: true, seen_at: new Date() };
    await trx
      .insertInto("pull_request_finding")
      .values({ host: key.host, repository_id: key.repositoryId, number: key.number, finding_id: finding.id, ...seen })
      .onConflict((conflict) => conflict.columns(["host", "repository_id", "number", "finding_id"]).doUpdateSet(seen))
      .execute();
  }
}

export interface PullRequestIncident {
  readonly incident: Incident;
  /** Where it stands or stood in this pull request. */
  readonly findings: readonly { finding: Finding; headSha: string; present: boolean }[];
}

/** Every incident that this pull request has brought up, oldest first. */
export async function incidentsOfPullRequest(db: Kysely<Schema>, key: PullRequestKey): Promise<PullRequestIncident[]> {
  const rows = await db
    .selectFrom("pull_request_finding as place")
    .innerJoin("incident", "incident.id", "place.incident_id")
    .select(["incident.id", "incident.body", "place.finding", "place.head_sha", "place.present"])
    .where("place.host", "=", key.host)
    .where("place.repository_id", "=", key.repositoryId)
    .where("place.number", "=", key.number)
    .orderBy("incident.detected_at")
    .orderBy("incident.id")
    .orderBy("place.finding_id")
    .execute();
  const incidents = new Map<string, { incident: Incident; findings: { finding: Finding; headSha: string; present: boolean }[] }>();
  for (const row of rows) {
    const entry = incidents.get(row.id) ?? { incident: row.body, findings: [] };
    entry.findings.push({ finding: row.finding as Finding, headSha: row.head_sha, present: row.present });
    incidents.set(row.id, entry);
  }
  return [...incidents.values()];
}

/** The open pull requests whose surfaces show this incident. */
export async function pullRequestsOfIncident(db: Kysely<Schema>, incident: string): Promise<PullRequestRow[]> {
  return db
    .selectFrom("pull_request")
    .selectAll("pull_request")
    .distinct()
    .innerJoin("pull_request_finding as place", (join) =>
      join
        .onRef("place.host", "=", "pull_request.host")
        .onRef("place.repository_id", "=", "pull_request.repository_id")
        .onRef("place.number", "=", "pull_request.number"),
    )
    .where("place.incident_id", "=", incident)
    .where("pull_request.state", "=", "open")
    .execute();
}
