import { type Kysely, sql } from "kysely";
import { json } from "./json.ts";
import type { Schema } from "./schema.ts";

/** What is stored of a default branch: which blob stands at which path, and what follows from them; never a file's text. */
export interface Inventory {
  readonly commit: string;
  readonly files: readonly { readonly path: string; readonly blob: string }[];
  readonly identities: readonly unknown[];
  readonly nodes: readonly unknown[];
  readonly edges: readonly unknown[];
}

interface RepositoryKey {
  readonly host: string;
  readonly repositoryId: number;
}

/** Raised with every change of what an inventory reads: older rows are then made anew. */
const version = "2";

export async function readInventory(db: Kysely<Schema>, key: RepositoryKey): Promise<Inventory | undefined> {
  const row = await db
    .selectFrom("inventory")
    .select(["commit", "body"])
    .where("host", "=", key.host)
    .where("repository_id", "=", key.repositoryId)
    .where("ruleset", "=", version)
    .executeTakeFirst();
  return row === undefined ? undefined : { ...(row.body as Omit<Inventory, "commit">), commit: row.commit };
}

export async function saveInventory(db: Kysely<Schema>, key: RepositoryKey, { commit, ...body }: Inventory): Promise<void> {
  const row = { commit, ruleset: version, complete: true, body: json(body), updated_at: new Date() };
  await db
    .insertInto("inventory")
    .values({ host: key.host, repository_id: key.repositoryId, ...row })
    .onConflict((conflict) => conflict.columns(["host", "repository_id"]).doUpdateSet(row))
    .execute();
}

/** The graph of the repository that has an identity of this id, as its default branch was last read; undefined where none has. */
export async function inventoryWith(
  db: Kysely<Schema>,
  identity: string,
): Promise<{ repository: string; graph: Pick<Inventory, "identities" | "nodes" | "edges"> } | undefined> {
  const row = await db
    .selectFrom("inventory")
    .innerJoin("repository", (join) =>
      join.onRef("repository.host", "=", "inventory.host").onRef("repository.id", "=", "inventory.repository_id"),
    )
    .select(["repository.full_name", "inventory.body"])
    .where("inventory.ruleset", "=", version)
    .where(sql<boolean>`inventory.body -> 'identities' @> ${json([{ id: identity }])}::jsonb`)
    .orderBy("inventory.updated_at", "desc")
    .limit(1)
    .executeTakeFirst();
  return row === undefined
    ? undefined
    : { repository: row.full_name, graph: row.body as Pick<Inventory, "identities" | "nodes" | "edges"> };
}

/** Identities of default branches that have this name, with their repository; at most `limit`. */
export async function identitiesNamed(
  db: Kysely<Schema>,
  host: string,
  name: string,
  limit = 10,
): Promise<{ repository: string; identity: { id: string; kind: string; name: string; owner?: string; environment?: { name: string } } }[]> {
  const rows = await db
    .selectFrom("inventory")
    .innerJoin("repository", (join) =>
      join.onRef("repository.host", "=", "inventory.host").onRef("repository.id", "=", "inventory.repository_id"),
    )
    .select([
      "repository.full_name",
      sql<unknown>`(select jsonb_agg(one) from jsonb_array_elements(inventory.body -> 'identities') one where one ->> 'name' = ${name})`.as(
        "found",
      ),
    ])
    .where("inventory.host", "=", host)
    .where("inventory.ruleset", "=", version)
    .where(sql<boolean>`inventory.body -> 'identities' @> ${json([{ name }])}::jsonb`)
    .orderBy("repository.full_name")
    .limit(limit)
    .execute();
  return rows.flatMap(({ full_name, found }) =>
    (found as { id: string; kind: string; name: string }[]).map((identity) => ({ repository: full_name, identity })),
  );
}
