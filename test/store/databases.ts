import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { startPostgres } from "../servers/postgres.ts";

/** Runs a suite on the embedded database and on a real PostgreSQL. The database is open while its tests run. */
export function onEachDatabase(suite: (open: () => Database) => void): void {
  describe("embedded", () => {
    let directory: string;
    let database: Database;
    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), "rekey-store-"));
      database = await openDatabase({ dataDir: directory });
    });
    afterAll(async () => {
      await database?.close();
      rmSync(directory, { recursive: true, force: true });
    });
    suite(() => database);
  });

  describe("postgresql", () => {
    let server: { url: string; stop: () => Promise<void> };
    let database: Database;
    beforeAll(async () => {
      server = await startPostgres();
      database = await openDatabase({ url: server.url });
    });
    afterAll(async () => {
      await database?.close();
      await server?.stop();
    });
    suite(() => database);
  });
}
