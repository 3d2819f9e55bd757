import { type Kysely, sql, type Transaction } from "kysely";
import { projectIncident } from "./incidents.ts";
import type { Schema } from "./schema.ts";

const erased = "erased";

/** Columns that name a person by themselves, and whether such a row may lose the name. */
const columns: readonly (readonly [table: keyof Schema | (string & {}), column: string, to: typeof erased | null])[] = [
  ["occurrence", "pushed_by", null],
  ["approval", "approver", erased],
  ["command", "by", erased],
  ["pull_request", "sender", null],
  ["pull_request", "author", null],
  ["pull_request", "requests_confirmed_by", erased],
  ["rotation_request", "requester", erased],
  ["review_campaign", "created_by", erased],
  ["rollout_confirmation", "by", erased],
  ["rollout_hold", "by", erased],
  ["silenced_detector", "by", erased],
];

/**
 * Forgets who a person is, by the name that they have here (a GitHub login, with or without `@`, in any case): events stay and say "erased",
 * the chain still verifies, and every row that named them is changed. Where they own something, nobody is named any more until a repository
 * or a person says so again. Returns how often the name stood in which table; nothing = the name was not known.
 */
export async function forgetPerson(db: Kysely<Schema>, name: string): Promise<ReadonlyMap<string, number>> {
  const login = name.trim().replace(/^@/, "").toLowerCase();
  const names = [login, `@${login}`];
  return db.transaction().execute(async (trx) => {
    const changed = new Map<string, number>();
    const count = (table: string, rows: unknown) => {
      const many = Number(rows ?? 0n);
      if (many > 0) changed.set(table, (changed.get(table) ?? 0) + many);
    };
    const { rows: actors } = await sql<{ id: string }>`
      update actor set name = null, salt = null, erased_at = clock_timestamp() where lower(name) in (${sql.join(names)}) returning id`.execute(
      trx,
    );
    count("actor", actors.length);
    for (const { id } of actors) await projectAgain(trx, id);
    for (const [table, column, to] of columns) {
      const { numAffectedRows } = await sql`
        update ${sql.table(table)} set ${sql.ref(column)} = ${to} where lower(${sql.ref(column)}) in (${sql.join(names)})`.execute(trx);
      count(table, numAffectedRows);
    }
    const authors = await sql`
      update occurrence set authors = (select coalesce(jsonb_agg(one), '[]') from jsonb_array_elements_text(authors) one where lower(one) <> ${login})
      where exists (select 1 from jsonb_array_elements_text(authors) one where lower(one) = ${login})`.execute(trx);
    count("occurrence", authors.numAffectedRows);
    const questions = await sql`delete from store_question where lower(actor) in (${sql.join(names)})`.execute(trx);
    count("store_question", questions.numAffectedRows);
    const sessions = await sql`delete from web_session where lower(name) = ${login} and provider = 'github'`.execute(trx);
    count("web_session", sessions.numAffectedRows);
    count("review_item", await forgetInReviews(trx, login, names));
    return changed;
  });
}

/** The rows of incidents show people by name; folded again they show what the events now say. */
async function projectAgain(trx: Transaction<Schema>, actor: string): Promise<void> {
  const streams = await trx
    .selectFrom("event")
    .innerJoin("incident", "incident.id", "event.stream")
    .select("incident.id")
    .distinct()
    .where(sql<boolean>`event.body::text like ${`%${actor}%`}`)
    .execute();
  for (const { id } of streams) await projectIncident(trx, id);
}

/** Reviewer, author and owner of items. The snapshot's hash stays as it was: it is what people decided about. */
async function forgetInReviews(trx: Transaction<Schema>, login: string, names: readonly string[]): Promise<bigint> {
  const { numAffectedRows } = await sql`update review_item set
    owner = case when lower(owner) in (${sql.join(names)}) then ${erased} else owner end,
    decisions = (select coalesce(jsonb_agg(case when lower(one ->> 'by') in (${sql.join(names)}) then one || '{"by": "erased"}' else one end), '[]')
      from jsonb_array_elements(decisions) one),
    snapshot = snapshot
      || case when snapshot ? 'authors'
          then jsonb_build_object('authors', (select coalesce(jsonb_agg(case when lower(one) = ${login} then ${erased} else one end), '[]')
            from jsonb_array_elements_text(snapshot -> 'authors') one))
          else '{}' end
      || case when lower(snapshot -> 'identity' ->> 'owner') in (${sql.join(names)})
          then jsonb_build_object('identity', (snapshot -> 'identity') || '{"owner": "erased"}')
          else '{}' end
    where lower(owner) in (${sql.join(names)})
      or exists (select 1 from jsonb_array_elements(decisions) one where lower(one ->> 'by') in (${sql.join(names)}))
      or exists (select 1 from jsonb_array_elements_text(coalesce(snapshot -> 'authors', '[]')) one where lower(one) = ${login})`.execute(
    trx,
  );
  return numAffectedRows ?? 0n;
}
