import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sql } from "kysely";
import { z } from "zod";
import { UsageError } from "../errors.ts";
import type { Database } from "./database.ts";
import { copyCluster } from "./embedded.ts";

/** Stands beside the copy: what it is, and how many events of the log it holds. */
const Label = z.strictObject({ kind: z.literal("rekey-backup"), version: z.literal(1), at: z.iso.datetime(), events: z.number().int() });
export type Label = z.output<typeof Label>;

/** Copies the embedded database of `directory` to a new folder. Returns how many events it holds. Throws UsageError for PostgreSQL. */
export async function backUp(database: Database, directory: string, target: string): Promise<number> {
  if (database.kind !== "embedded") throw new UsageError("the state is in PostgreSQL; back it up with pg_dump --format=custom");
  if (existsSync(target)) throw new UsageError(`${target} is there already; give a folder that is not`);
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from event`.execute(database.db);
  const events = rows[0]?.count ?? 0;
  await copyCluster(database.session, directory, target);
  const label: Label = { kind: "rekey-backup", version: 1, at: new Date().toISOString(), events };
  writeFileSync(join(target, "rekey-backup.json"), `${JSON.stringify(label)}\n`);
  return events;
}

/** The label of a backup. Throws UsageError for a folder that is none. */
export function readLabel(folder: string): Label {
  try {
    return Label.parse(JSON.parse(readFileSync(join(folder, "rekey-backup.json"), "utf8")));
  } catch (cause) {
    throw new UsageError(`${folder} is not a backup that rekey backup made`, { cause });
  }
}
