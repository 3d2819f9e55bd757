import { createConnection } from "mysql2/promise";
import { HoldError, RetryError, UnknownOutcomeError } from "../errors.ts";
import type { Address } from "./address.ts";

export const mysqlPort = 3306;

export interface MysqlLogin {
  readonly address: Address;
  readonly user: string;
  readonly password: string;
  /** Milliseconds for the log-in, and for each statement. */
  readonly timeout: number;
}

export interface MysqlClient {
  /** Rows of one statement that changes nothing. Throws without the server's text, which repeats what it was given. */
  read(sql: string, parameters?: readonly string[]): Promise<Record<string, unknown>[]>;
  write(sql: string): Promise<void>;
}

/** One session: logs in, works, leaves. */
export async function withMysql<T>(login: MysqlLogin, work: (client: MysqlClient) => Promise<T>): Promise<T> {
  const session = await sessionOf(login).catch((error: unknown) => {
    const code = errorNumber(error);
    if (refused.has(code ?? 0))
      throw new HoldError("connection-refused", `the database refused the credential of this connection (${code})`);
    throw new RetryError(`the database did not let this connection in (${code ?? "no answer"}); nothing was changed`);
  });
  session.on("error", () => undefined); // the next statement says so
  const send = async (sql: string, safe: boolean, parameters: readonly string[] = []) => {
    try {
      const [rows] = await session.query({ sql, timeout: login.timeout }, [...parameters]);
      return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
    } catch (error) {
      throw statementFailure(error, safe);
    }
  };
  try {
    return await work({
      read: (sql, parameters) => send(sql, true, parameters),
      write: async (sql) => {
        await send(sql, false);
      },
    });
  } finally {
    session.destroy();
  }
}

/** `ok`, the server's error number, or undefined where no such server answered. */
export async function tryMysql(login: MysqlLogin): Promise<"ok" | number | undefined> {
  try {
    (await sessionOf(login)).destroy();
    return "ok";
  } catch (error) {
    return errorNumber(error);
  }
}

/** Access denied (1045, 1698), locked (4151 MariaDB, 3118 MySQL), host not allowed (1130). */
const refused = new Set([1045, 1698, 4151, 3118, 1130]);

function statementFailure(error: unknown, safe: boolean): Error {
  const code = errorNumber(error);
  if (code === undefined)
    return safe
      ? new RetryError("the database gave no answer")
      : new UnknownOutcomeError("the database gave no answer to a write; look what it did before anything else");
  if ([1044, 1142, 1143, 1227, 1370, 1410].includes(code))
    return new HoldError(
      "connection-refused",
      `the database says that this connection may not do this (${code}); rekey connect prints the rights that it needs`,
    );
  if ([1205, 1213, 1040, 1203].includes(code)) return new RetryError(`the database is busy (${code}); nothing was changed`);
  return new HoldError("unexpected-answer", `the database refused a statement (${code})`);
}

/** Numbers of the server only: those of the client and of sockets have names. */
function errorNumber(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("errno" in error) || !("sqlState" in error)) return undefined;
  return typeof error.errno === "number" && error.errno > 0 ? error.errno : undefined;
}

function sessionOf({ address: { host, port, tls }, user, password, timeout }: MysqlLogin) {
  return createConnection({
    host,
    port,
    user,
    password,
    connectTimeout: timeout,
    flags: ["-LOCAL_FILES"], // a server must not ask for our files
    ...(tls === false ? {} : { ssl: { rejectUnauthorized: true, verifyIdentity: true, ...(tls.ca === undefined ? {} : { ca: tls.ca }) } }),
  });
}
