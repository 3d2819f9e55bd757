import { createHash, randomBytes } from "node:crypto";
import { type Kysely, sql } from "kysely";
import { json, storable } from "./json.ts";
import type { Schema } from "./schema.ts";

/** Who is logged in. The session's id stands in the browser only; the database knows its hash. */
export interface StoredSession {
  readonly name: string;
  readonly role: string;
  /** Full names, or `all`. */
  readonly repositories: "all" | readonly string[];
  readonly provider: string;
  readonly createdAt: Date;
  readonly seenAt: Date;
  /** When this person last logged in anew. */
  readonly freshAt: Date;
  /** When it was last asked who this is and what they may see. */
  readonly checkedAt: Date;
}

type Said = Pick<StoredSession, "name" | "role" | "repositories">;

/** Begins a session and gives its id: 256 bits, never stored. */
export async function beginSession(db: Kysely<Schema>, person: Said & { provider: string }): Promise<string> {
  const id = randomBytes(32).toString("base64url");
  await sql`insert into web_session (hash, name, role, repositories, provider)
    values (${hashOf(id)}, ${storable(person.name)}, ${person.role}, ${json(person.repositories)}::jsonb, ${person.provider})`.execute(db);
  return id;
}

/** The session of an id, unless it is over: after `idle` without a visit, and after `longest` in any case (milliseconds). */
export async function visitSession(
  db: Kysely<Schema>,
  id: string,
  limits: { idle: number; longest: number },
): Promise<StoredSession | undefined> {
  const { rows } = await sql<SessionRow>`
    update web_session set seen_at = clock_timestamp() where hash = ${hashOf(id)}
      and seen_at > clock_timestamp() - make_interval(secs => ${limits.idle / 1000})
      and created_at > clock_timestamp() - make_interval(secs => ${limits.longest / 1000})
    returning name, role, repositories, provider, created_at, seen_at, fresh_at, checked_at`.execute(db);
  const [row] = rows;
  return row === undefined
    ? undefined
    : {
        name: row.name,
        role: row.role,
        repositories: row.repositories,
        provider: row.provider,
        createdAt: row.created_at,
        seenAt: row.seen_at,
        freshAt: row.fresh_at,
        checkedAt: row.checked_at,
      };
}

/** What the one who vouches for this person says now. */
export async function checkedSession(db: Kysely<Schema>, id: string, { name, role, repositories }: Said): Promise<void> {
  await sql`update web_session set name = ${storable(name)}, role = ${role}, repositories = ${json(repositories)}::jsonb,
    checked_at = clock_timestamp() where hash = ${hashOf(id)}`.execute(db);
}

export async function endSession(db: Kysely<Schema>, id: string): Promise<void> {
  await sql`delete from web_session where hash = ${hashOf(id)}`.execute(db);
}

/** Sessions that nobody can use any more. */
export async function dropOldSessions(db: Kysely<Schema>, longest: number): Promise<void> {
  await sql`delete from web_session where created_at < clock_timestamp() - make_interval(secs => ${longest / 1000})`.execute(db);
}

/** What a program may do. */
export interface ApiToken {
  readonly name: string;
  readonly scopes: readonly string[];
  /** Full names; absent = all. */
  readonly repositories?: readonly string[];
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly usedAt?: Date;
}

/** Makes a token and gives it, once: only its hash is kept. False where the name is taken. */
export async function createApiToken(
  db: Kysely<Schema>,
  token: { name: string; scopes: readonly string[]; repositories?: readonly string[]; expiresAt: Date },
): Promise<string | undefined> {
  const value = `rekey_pat_${randomBytes(32).toString("base64url")}`;
  const { rows } = await sql`insert into api_token (name, hash, scopes, repositories, expires_at)
    values (${token.name}, ${hashOf(value)}, ${json(token.scopes)}::jsonb,
      ${token.repositories === undefined ? null : json(token.repositories)}::jsonb, ${token.expiresAt})
    on conflict (name) do nothing returning id`.execute(db);
  return rows.length === 0 ? undefined : value;
}

/** The token of this value, unless it has expired. */
export async function useApiToken(db: Kysely<Schema>, value: string): Promise<ApiToken | undefined> {
  const { rows } = await sql<TokenRow>`update api_token set used_at = clock_timestamp()
    where hash = ${hashOf(value)} and expires_at > clock_timestamp() returning *`.execute(db);
  return rows[0] === undefined ? undefined : tokenOf(rows[0]);
}

export async function listApiTokens(db: Kysely<Schema>): Promise<ApiToken[]> {
  const { rows } = await sql<TokenRow>`select * from api_token order by name`.execute(db);
  return rows.map(tokenOf);
}

export async function dropApiToken(db: Kysely<Schema>, name: string): Promise<boolean> {
  const { rows } = await sql`delete from api_token where name = ${name} returning id`.execute(db);
  return rows.length > 0;
}

/** 256 random bits need no slow hash. */
function hashOf(value: string): string {
  return createHash("sha256").update(value).digest("base64url");
}

interface SessionRow {
  readonly name: string;
  readonly role: string;
  readonly repositories: "all" | readonly string[];
  readonly provider: string;
  readonly created_at: Date;
  readonly seen_at: Date;
  readonly fresh_at: Date;
  readonly checked_at: Date;
}

interface TokenRow {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly repositories: readonly string[] | null;
  readonly created_at: Date;
  readonly expires_at: Date;
  readonly used_at: Date | null;
}

function tokenOf(row: TokenRow): ApiToken {
  return {
    name: row.name,
    scopes: row.scopes,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    ...(row.repositories === null ? {} : { repositories: row.repositories }),
    ...(row.used_at === null ? {} : { usedAt: row.used_at }),
  };
}
