import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** A migration that runs these statements in order, in one transaction. One statement per entry: PGlite takes no more at a time. */
export function statements(...list: readonly string[]): Migration {
  return {
    async up(database: Kysely<unknown>) {
      for (const statement of list) await sql.raw(statement).execute(database);
    },
  };
}
