import { type Kysely, type Selectable, sql, type Transaction, type Updateable } from "kysely";
import type { Finding } from "../finding.ts";
import type { Incident } from "../incident/fold.ts";
import { withoutAuthor } from "./incidents.ts";
import { json } from "./json.ts";
import type { Schema, SilenceRequest } from "./schema.ts";

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

/**
 * An event says that a pull request must be scanned. Until a scan has answered it, the oldest such event counts for the time of
 * exposure and for the deadline. Whoever pushed last is the sender.
 */
export async function markPending(db: Kysely<Schema>, key: PullRequestKey, event: { sender: string; receivedAt: string }): Promise<void> {
  await db
    .updateTable("pull_request")
    .set((row) => ({
      pending_since: row.fn.coalesce("pending_since", row.val(new Date(event.receivedAt))),
      sender: event.sender,
      surface_due: true,
      updated_at: new Date(),
    }))
    .where("host", "=", key.host)
    .where("repository_id", "=", key.repositoryId)
    .where("number", "=", key.number)
    .execute();
}

/** A scan of this head has answered; what came meanwhile for another head stays pending. */
export async function markScanned(
  db: Kysely<Schema>,
  key: PullRequestKey,
  scan: {
    head: string;
    base: string;
    complete: boolean;
    reason?: string | undefined;
    commits: number;
    requests: readonly SilenceRequest[];
  },
): Promise<void> {
  const requests = scan.requests.length === 0 ? null : json(scan.requests);
  await db
    .updateTable("pull_request")
    .set((row) => ({
      scanned_sha: scan.head,
      base_tip: scan.base,
      scan_complete: scan.complete,
      scan_reason: scan.reason ?? null,
      scan_commits: scan.commits,
      requests,
      // a yes counts for the requests that were shown, not for later ones
      requests_confirmed_by: sql<
        string | null
      >`case when requests is not distinct from ${requests}::jsonb then requests_confirmed_by else null end`,
      pending_since: row.case().when("head_sha", "=", scan.head).then(null).else(row.ref("pending_since")).end(),
      failure: null,
      overdue: false,
      surface_due: true,
      updated_at: new Date(),
    }))
    .where("host", "=", key.host)
    .where("repository_id", "=", key.repositoryId)
    .where("number", "=", key.number)
    .execute();
}

/** Open pull requests whose scan was due before `before` and which nobody was told about yet. */
export async function overduePullRequests(db: Kysely<Schema>, before: Date): Promise<PullRequestRow[]> {
  return db
    .selectFrom("pull_request")
    .selectAll()
    .where("state", "=", "open")
    .where("pending_since", "<", before)
    .where("overdue", "=", false)
    .limit(500)
    .execute();
}

/** Open pull requests that wait for a scan, or whose surfaces may be stale, and that nothing has touched since `before`. */
export async function forgottenPullRequests(db: Kysely<Schema>, before: Date): Promise<PullRequestRow[]> {
  return db
    .selectFrom("pull_request")
    .selectAll()
    .where("updated_at", "<", before)
    .where((row) => row.or([row("surface_due", "=", true), row.and([row("pending_since", "is not", null), row("state", "=", "open")])]))
    .orderBy("updated_at")
    .limit(500)
    .execute();
}

/** Forgets findings of commits that the base branch has by now: the pull request adds them no more. */
export async function dropFindingsOfCommits(trx: Kysely<Schema>, key: PullRequestKey, commits: readonly string[]): Promise<void> {
  if (commits.length === 0) return;
  await trx
    .deleteFrom("pull_request_finding")
    .where("host", "=", key.host)
    .where("repository_id", "=", key.repositoryId)
    .where("number", "=", key.number)
    .where(sql<string>`finding->'location'->>'commit'`, "in", [...commits])
    .execute();
}

/** The pull requests whose surfaces show this incident: also closed ones, whose comment would say "live" for ever. */
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
    .execute();
}
