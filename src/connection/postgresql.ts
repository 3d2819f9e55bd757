import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";
import pg from "pg";
import { HoldError, RetryError, UnknownOutcomeError } from "../errors.ts";
import type { Address } from "./address.ts";

export const postgresPort = 5432;

export interface PostgresLogin {
  readonly address: Address;
  readonly user: string;
  readonly password: string;
  /** Milliseconds for the log-in, and for each query. */
  readonly timeout: number;
}

export interface PostgresClient {
  /** Rows of one statement. `safe` = it changes nothing. Throws as `postgresFailure` says, without the server's text. */
  read(sql: string, parameters?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  write(sql: string): Promise<void>;
}

/** One session: logs in, works, leaves. Everything is said aloud, so that no PG* variable and no ~/.pgpass takes part. */
export async function withPostgres<T>(login: PostgresLogin, work: (client: PostgresClient) => Promise<T>): Promise<T> {
  const client = sessionOf(login);
  try {
    await client.connect();
  } catch (error) {
    await client.end().catch(() => undefined);
    throw logInFailure(error);
  }
  try {
    return await work({
      read: async (sql, parameters = []) => {
        try {
          return (await client.query<Record<string, unknown>>(sql, [...parameters])).rows;
        } catch (error) {
          throw postgresFailure(error, { safe: true });
        }
      },
      write: async (sql) => {
        try {
          await client.query(sql);
        } catch (error) {
          throw postgresFailure(error, { safe: false });
        }
      },
    });
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** `ok`, the server's SQLSTATE, or undefined where no PostgreSQL server answered. */
export async function tryPostgres(login: PostgresLogin): Promise<string | undefined> {
  const client = sessionOf(login);
  try {
    await client.connect();
    return "ok";
  } catch (error) {
    return sqlState(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The stored form of a password (RFC 5803), so that the server, its logs and its statistics never see the password itself. */
export function scramVerifier(password: string, salt = randomBytes(16), iterations = 4096): string {
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const keyOf = (label: string) => createHmac("sha256", salted).update(label).digest();
  const stored = createHash("sha256").update(keyOf("Client Key")).digest("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${stored}:${keyOf("Server Key").toString("base64")}`;
}

/** Whether a stored form is this password's; undefined where it is of another kind. */
export function scramMatches(verifier: string, password: string): boolean | undefined {
  const [, iterations, salt] = /^SCRAM-SHA-256\$(\d{1,7}):([A-Za-z0-9+/=]+)\$/.exec(verifier) ?? [];
  if (iterations === undefined || salt === undefined) return undefined;
  const [a, b] = [Buffer.from(verifier), Buffer.from(scramVerifier(password, Buffer.from(salt, "base64"), Number(iterations)))];
  return a.length === b.length && timingSafeEqual(a, b);
}

export function identifier(name: string): string {
  return pg.escapeIdentifier(name);
}

export function literal(text: string): string {
  return pg.escapeLiteral(text);
}

function sessionOf({ address, user, password, timeout }: PostgresLogin): pg.Client {
  const { host, port, database = "postgres", tls } = address;
  const client = new pg.Client({
    host,
    port,
    user,
    password,
    database,
    ssl: tls === false ? false : { rejectUnauthorized: true, ...(tls.ca === undefined ? {} : { ca: tls.ca }) },
    connectionTimeoutMillis: timeout,
    query_timeout: timeout,
    statement_timeout: timeout,
    application_name: "rekey",
  });
  client.on("error", () => undefined); // the server may end the session at any time; the next call says so
  return client;
}

function logInFailure(error: unknown): Error {
  const state = sqlState(error);
  if (state !== undefined && (state.startsWith("28") || state === "42501"))
    return new HoldError("connection-refused", `PostgreSQL refused the credential of this connection (${state})`);
  if (state === "3D000") return new HoldError("bad-connection", "the database of this PostgreSQL connection does not exist");
  return new RetryError(`PostgreSQL did not let this connection in (${state ?? "no answer"}); nothing was changed`);
}

/** What an error of a statement means; only its SQLSTATE goes on, since the server's text repeats what it was given. */
function postgresFailure(error: unknown, { safe }: { safe: boolean }): Error {
  const state = sqlState(error);
  if (state === undefined || state.startsWith("57") || state.startsWith("08")) {
    const message = `PostgreSQL gave no usable answer (${state ?? "connection lost"})`;
    return safe ? new RetryError(message) : new UnknownOutcomeError(`${message} to a write; look what it did before anything else`);
  }
  if (state === "42501")
    return new HoldError(
      "connection-refused",
      "PostgreSQL says that this connection may not do this (42501); rekey connect prints the rights that it needs",
    );
  if (/^(40|53|55)/.test(state)) return new RetryError(`PostgreSQL is busy (${state}); nothing was changed`);
  return new PostgresError(state);
}

/** The server refused a statement for a reason that only its caller can judge. */
export class PostgresError extends HoldError {
  readonly state: string;

  constructor(state: string) {
    super("unexpected-answer", `PostgreSQL refused a statement (${state}); nothing was changed`);
    this.state = state;
  }
}

function sqlState(error: unknown): string | undefined {
  if (!(error instanceof pg.DatabaseError)) return undefined;
  return /^[0-9A-Z]{5}$/.test(error.code ?? "") ? error.code : undefined;
}
