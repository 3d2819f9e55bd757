import { type Kysely, sql } from "kysely";
import { projectIncident } from "./incidents.ts";
import type { Schema } from "./schema.ts";

/**
 * Forgets who a person is, by the name that they have here (a GitHub login): events stay and say "erased", the chain still
 * verifies, and every row that named them is changed. Returns whether the name was known.
 */
export async function forgetPerson(db: Kysely<Schema>, name: string): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const actor = await trx.selectFrom("actor").select("id").where("name", "=", name).executeTakeFirst();
    if (actor !== undefined) {
      await trx.updateTable("actor").set({ name: null, salt: null, erased_at: new Date() }).where("id", "=", actor.id).execute();
      const streams = await trx
        .selectFrom("event")
        .innerJoin("incident", "incident.id", "event.stream")
        .select("incident.id")
        .distinct()
        .where(sql<boolean>`event.body::text like ${`%${actor.id}%`}`)
        .execute();
      for (const { id } of streams) await projectIncident(trx, id);
    }
    const changed = await Promise.all([
      trx.updateTable("occurrence").set({ pushed_by: null }).where("pushed_by", "=", name).executeTakeFirst(),
      trx
        .updateTable("occurrence")
        .set({ authors: sql<string>`authors - ${name}::text` })
        .where(sql<boolean>`jsonb_exists(authors, ${name})`)
        .executeTakeFirst(),
      trx.updateTable("approval").set({ approver: "erased" }).where("approver", "=", name).executeTakeFirst(),
      trx.updateTable("command").set({ by: "erased" }).where("by", "=", name).executeTakeFirst(),
      trx.updateTable("pull_request").set({ sender: null }).where("sender", "=", name).executeTakeFirst(),
      trx.updateTable("pull_request").set({ author: null }).where("author", "=", name).executeTakeFirst(),
    ]);
    return actor !== undefined || changed.some(({ numUpdatedRows }) => numUpdatedRows > 0n);
  });
}
