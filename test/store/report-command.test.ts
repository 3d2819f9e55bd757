import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { getRequestListener } from "@hono/node-server";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDatabase } from "../../src/store/database.ts";
import { openOrAddOccurrence, recordEvents } from "../../src/store/incidents.ts";
import { storeReaders } from "../../src/store/readers.ts";
import { createWeb } from "../../src/web/app.ts";
import { finding } from "./findings.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "rekey-report-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));

function rekey(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }));
  });
}

async function fill() {
  const database = await openDatabase({ dataDir: directory });
  const { incident } = await database.db
    .transaction()
    .execute((trx) =>
      openOrAddOccurrence(trx, { finding: finding(), exposedAt: new Date().toISOString(), preExisting: false, pushedBy: "dev" }),
    );
  await database.db.transaction().execute((trx) =>
    recordEvents(trx, incident.id, [
      { type: "identity-linked", identity: "agent:x", kind: "agent", name: "triage-agent", owner: "@mara", grade: "strong" },
      { type: "validity-observed", validity: "active", code: "200", control: "none" },
    ]),
  );
  return { database, id: incident.id };
}

test("rekey report reads a database that nobody uses, and rekey audit verify finds it intact", async () => {
  const { database, id } = await fill();
  await database.close();
  const text = await rekey("report", "--data", directory);
  expect(text).toMatchObject({ code: 0, stderr: "" });
  expect(text.stdout).toMatch(new RegExp(`^1 leaked credential is alive; the oldest for .* \\(${id}, owned by @mara\\)\\.\\n`));
  const json = JSON.parse((await rekey("report", "--data", directory, "--format", "json")).stdout);
  expect(json).toMatchObject({ version: 1, open: { total: 1, live: 1 }, openIncidents: [{ id, identity: "triage-agent" }] });
  expect(await rekey("audit", "verify", "--data", directory)).toMatchObject({
    code: 0,
    stdout: "Intact: 4 events in 1 streams, 0 checkpoints.\n",
  });
});

test("rekey audit verify names what was changed and exits 1", async () => {
  const { database, id } = await fill();
  await sql`alter table event disable trigger user`.execute(database.db);
  await sql`update event set body = '{"type":"contained"}' where stream = ${id} and seq = 3`.execute(database.db);
  await database.close();
  expect(await rekey("audit", "verify", "--data", directory)).toMatchObject({
    code: 1,
    stdout: `Changed (4 events in 1 streams, 0 checkpoints):\n  ${id}: event 3 was changed\n`,
  });
});

test("while a server has the database, rekey report asks it on its socket", async () => {
  const { database, id } = await fill();
  const socket = join(directory, "api.sock");
  const server: Server = createServer(getRequestListener(createWeb({ readers: storeReaders(database.db) }).fetch));
  try {
    expect((await rekey("report", "--data", directory)).stderr).toContain(`is in use by process ${process.pid}`);
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    if (database.kind === "embedded") database.lock.announce(socket);
    const { code, stdout } = await rekey("report", "--data", directory);
    expect(code).toBe(0);
    expect(stdout).toContain(`(${id}, owned by @mara)`);
    expect(await rekey("audit", "verify", "--data", directory)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("stop it, or verify a copy"),
    });
  } finally {
    server.close();
    await database.close();
  }
});

test("a server that does not answer any more is named", async () => {
  const { database } = await fill();
  if (database.kind === "embedded") database.lock.announce(join(directory, "nobody.sock"));
  try {
    expect(await rekey("report", "--data", directory)).toMatchObject({ code: 2, stderr: expect.stringContaining("cannot be reached on") });
  } finally {
    await database.close();
  }
});
