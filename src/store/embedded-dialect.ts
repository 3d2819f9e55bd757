import { AsyncLocalStorage } from "node:async_hooks";
import type { PGlite, Results } from "@electric-sql/pglite";
import {
  AbortedTransactionError,
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  type Transaction,
  type TransactionBuilder,
  type TransactionSettings,
} from "kysely";

/** The one session of an embedded database, used by one caller at a time. */
export interface Session {
  /** Runs `use` alone, in the order of the calls. Throws if awaited inside an open transaction, where it would wait for ever. */
  exclusive<T>(use: (database: PGlite) => Promise<T>): Promise<T>;
  /** Takes the session until `release` is called. */
  take(): Promise<() => void>;
  readonly database: PGlite;
}

interface OpenTransaction {
  open: boolean;
}

/** Which transaction the running code stands in, through every await. */
const scope = new AsyncLocalStorage<OpenTransaction>();

/** Transactions are serialized: PGlite has a single session, and a failed statement poisons whoever shares it. */
export function createSession(database: PGlite): Session {
  let last: Promise<void> = Promise.resolve();

  async function take(): Promise<() => void> {
    if (scope.getStore()?.open === true) {
      throw new Error(
        "a query outside the open transaction was awaited inside it, which would wait for ever on the embedded database; use the transaction that the callback was given",
      );
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = last;
    last = promise;
    await before;
    return resolve;
  }

  return {
    database,
    take,
    async exclusive(use) {
      const release = await take();
      try {
        return await use(database);
      } finally {
        release();
      }
    },
  };
}

/** A Kysely whose transactions know that they are open, so that `Session.take` can refuse what would hang. */
export class EmbeddedKysely<T> extends Kysely<T> {
  override transaction(): TransactionBuilder<T> {
    return scoped(super.transaction());
  }
}

function scoped<T>(builder: TransactionBuilder<T>): TransactionBuilder<T> {
  return new Proxy(builder, {
    get(target, property) {
      if (property === "execute") {
        const execute = <R>(callback: (transaction: Transaction<T>) => Promise<R>): Promise<R> =>
          target.execute(async (transaction) => {
            const state: OpenTransaction = { open: true };
            try {
              return await scope.run(state, () => callback(transaction));
            } finally {
              state.open = false;
            }
          });
        return execute;
      }
      const value: unknown = Reflect.get(target, property, target);
      if (typeof value !== "function") return value;
      return (...parameters: unknown[]) => scoped(Reflect.apply(value, target, parameters) as TransactionBuilder<T>);
    },
  });
}

export function embeddedDialect(session: Session): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new EmbeddedDriver(session),
    createIntrospector: (database) => new PostgresIntrospector(database),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
}

class EmbeddedDriver implements Driver {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    return new EmbeddedConnection(this.#session.database, await this.#session.take());
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const level = settings.isolationLevel === undefined ? "" : ` isolation level ${settings.isolationLevel}`;
    const access = settings.accessMode === undefined ? "" : ` ${settings.accessMode}`;
    await connection.executeQuery(CompiledQuery.raw(`begin${level}${access}`));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    // PostgreSQL answers COMMIT with ROLLBACK if a statement failed before: that must not look like success.
    if (connection instanceof EmbeddedConnection && (await connection.command("commit")) === "ROLLBACK")
      throw new AbortedTransactionError();
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("rollback"));
  }

  async savepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`savepoint ${quoted(name)}`));
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`rollback to savepoint ${quoted(name)}`));
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`release savepoint ${quoted(name)}`));
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    if (connection instanceof EmbeddedConnection) connection.release();
  }

  async destroy(): Promise<void> {}
}

class EmbeddedConnection implements DatabaseConnection {
  readonly #database: PGlite;
  readonly release: () => void;

  constructor(database: PGlite, release: () => void) {
    this.#database = database;
    this.release = release;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const result: Results<R> = await this.#database.query<R>(query.sql, [...query.parameters]);
    return { rows: result.rows, numAffectedRows: BigInt(result.affectedRows ?? 0) };
  }

  async command(statement: string): Promise<string | undefined> {
    return (await this.#database.query(statement)).command;
  }

  // biome-ignore lint/correctness/useYield: there is nothing to stream from
  async *streamQuery(): AsyncIterableIterator<never> {
    throw new Error("the embedded database does not stream; page by key instead");
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
