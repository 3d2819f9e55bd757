import { z } from "zod";
import { call } from "../github/client.ts";
import type { EventRepository } from "../github/handlers.ts";
import { clientOf } from "./code.ts";
import { githubHost, type Rekey } from "./context.ts";

const Known = z.object({ id: z.number(), full_name: z.string(), private: z.boolean(), default_branch: z.string() });

/**
 * Keeps what an event says of a repository. Another name than the one we know is asked for, since events come late: only what GitHub
 * says now renames it, and everything that names it follows.
 */
export async function saveRepository(rekey: Rekey, given: EventRepository): Promise<void> {
  const { db } = rekey.database;
  const host = githubHost(rekey);
  const before = await db.selectFrom("repository").selectAll().where("host", "=", host).where("id", "=", given.id).executeTakeFirst();
  const moved = before !== undefined && (before.full_name !== given.fullName || before.private !== given.private);
  const now = moved ? await asGitHubSays(rekey, given) : given;
  if (now === undefined) return;
  const row = {
    installation_id: now.installation,
    full_name: now.fullName,
    private: now.private,
    default_branch: now.defaultBranch,
    updated_at: new Date(),
  };
  await db.transaction().execute(async (trx) => {
    await trx
      .insertInto("repository")
      .values({ host, id: now.id, ...row })
      .onConflict((conflict) => conflict.columns(["host", "id"]).doUpdateSet(row))
      .execute();
    if (before === undefined || !moved) return;
    await trx
      .updateTable("pull_request")
      .set({ repository: now.fullName, private: now.private, installation_id: now.installation, surface_due: true, updated_at: new Date() })
      .where("host", "=", host)
      .where("repository_id", "=", now.id)
      .execute();
    // where a value can be read again is found by the repository's name
    await trx.updateTable("occurrence").set({ repository: now.fullName }).where("repository", "=", before.full_name).execute();
  });
  if (before?.private === true && !now.private) await becamePublic(rekey, now);
}

/** A row as events say it. */
export function eventRepository(row: {
  id: number;
  installation_id: number;
  full_name: string;
  private: boolean;
  default_branch: string;
}): EventRepository {
  return {
    installation: row.installation_id,
    id: row.id,
    fullName: row.full_name,
    private: row.private,
    defaultBranch: row.default_branch,
  };
}

/** Undefined where GitHub knows this name no more: the event is older than what we know. */
async function asGitHubSays(rekey: Rekey, given: EventRepository): Promise<EventRepository | undefined> {
  const read = Known.safeParse(await call(await clientOf(rekey, given), "GET /repos/{owner}/{repo}"));
  if (!read.success || read.data.id !== given.id) return undefined;
  const { full_name, private: isPrivate, default_branch } = read.data;
  return { ...given, fullName: full_name, private: isPrivate, defaultBranch: default_branch };
}

/**
 * What was private can be read by everybody from now on: every open incident of the repository is looked at again at once. Our own
 * comments said whose keys they are, and their edit history would go on saying it: they are deleted and written anew.
 */
async function becamePublic(rekey: Rekey, repository: EventRepository): Promise<void> {
  const { db } = rekey.database;
  const host = githubHost(rekey);
  const client = await clientOf(rekey, repository, "converse");
  const pulls = await db
    .selectFrom("pull_request")
    .selectAll()
    .where("host", "=", host)
    .where("repository_id", "=", repository.id)
    .execute();
  for (const { number, comment_id } of pulls) {
    if (comment_id !== null) await call(client, "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}", { comment_id });
    await db
      .updateTable("pull_request")
      .set({ comment_id: null, comment_hash: null, comment_plans: null, comment_updated_at: null })
      .where("host", "=", host)
      .where("repository_id", "=", repository.id)
      .where("number", "=", number)
      .execute();
    await rekey.queue.enqueue(
      "surface",
      { host, repositoryId: repository.id, number },
      { singletonKey: `${host}/${repository.id}/${number}` },
    );
  }
  const open = await db
    .selectFrom("occurrence")
    .innerJoin("incident", "incident.id", "occurrence.incident_id")
    .select("incident.id")
    .distinct()
    .where("occurrence.repository", "=", repository.fullName)
    .where("incident.state", "=", "open")
    .execute();
  for (const { id } of open) await rekey.queue.enqueue("triage", { incident: id }, { singletonKey: id });
}

/** The installation is gone or may do nothing: what its workers would still write is forgotten; incidents and their history stay. */
export async function saveInstallation(
  rekey: Rekey,
  installation: { id: number; account: { id: number; login: string } },
  state: "active" | "suspended" | "deleted",
): Promise<void> {
  const { db } = rekey.database;
  const host = githubHost(rekey);
  if (state !== "deleted") {
    const row = {
      account_id: installation.account.id,
      account: installation.account.login,
      suspended: state === "suspended",
      updated_at: new Date(),
    };
    await db
      .insertInto("installation")
      .values({ host, id: installation.id, ...row })
      .onConflict((conflict) => conflict.columns(["host", "id"]).doUpdateSet(row))
      .execute();
  } else await db.deleteFrom("installation").where("host", "=", host).where("id", "=", installation.id).execute();
  if (state === "active") return;
  const repositories = await db
    .selectFrom("repository")
    .select("id")
    .where("host", "=", host)
    .where("installation_id", "=", installation.id)
    .execute();
  await forget(
    rekey,
    repositories.map(({ id }) => id),
    state === "deleted",
  );
}

/** Nothing is due any more for these repositories; with `all`, what was kept of their code goes as well. */
export async function forget(rekey: Rekey, ids: readonly number[], all: boolean): Promise<void> {
  if (ids.length === 0) return;
  const host = githubHost(rekey);
  await rekey.database.db.transaction().execute(async (trx) => {
    await trx
      .updateTable("pull_request")
      .set({ state: "closed", pending_since: null, surface_due: false, updated_at: new Date() })
      .where("host", "=", host)
      .where("repository_id", "in", [...ids])
      .execute();
    if (!all) return;
    await trx
      .deleteFrom("inventory")
      .where("host", "=", host)
      .where("repository_id", "in", [...ids])
      .execute();
    await trx
      .deleteFrom("repository")
      .where("host", "=", host)
      .where("id", "in", [...ids])
      .execute();
  });
}
