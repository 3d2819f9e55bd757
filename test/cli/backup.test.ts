import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { startServer } from "../../src/cli/server.ts";
import { parseServerConfig } from "../../src/config/server.ts";
import { silentLog } from "../../src/log.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { listIncidents, openOrAddOccurrence } from "../../src/store/incidents.ts";
import { finding } from "../store/findings.ts";

const cli = fileURLToPath(new URL("../../src/cli.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "rekey-backup-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function rekey(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [cli, ...args], { env: { PATH: process.env["PATH"] ?? "", HOME: folder } });
    let [out, err] = ["", ""];
    child.stdout.on("data", (part) => {
      out += part;
    });
    child.stderr.on("data", (part) => {
      err += part;
    });
    child.on("close", (code) => resolve({ code: code ?? -1, out, err }));
  });
}

async function leak({ db }: Database): Promise<void> {
  const seen = { finding: finding(), exposedAt: new Date().toISOString(), preExisting: false };
  await db.transaction().execute((trx) => openOrAddOccurrence(trx, seen));
}

const ids = async ({ db }: Database) => (await listIncidents(db)).map(({ id }) => id).toSorted();

test("what a running server knew at the backup is there after a restore, with its event log as it was written", {
  timeout: 60_000,
}, async () => {
  const [live, copy, restored] = [join(folder, "live"), join(folder, "copy"), join(folder, "restored")];
  const config = parseServerConfig("listen: { port: 0 }\n", "rekey.yml");
  const server = await startServer({ config, environment: { HOME: folder, XDG_CONFIG_HOME: folder }, dataDir: live, log: silentLog });
  for (let many = 0; many < 20; many++) await leak(server.rekey.database);
  const then = await ids(server.rekey.database);
  const made = await rekey("backup", copy, "--data", live);
  expect(made).toMatchObject({ code: 0, out: expect.stringContaining("40 events of the log") });
  expect(await rekey("backup", copy, "--data", live)).toMatchObject({ code: 2, err: expect.stringContaining("is there already") });
  await leak(server.rekey.database);
  await server.stop();

  expect(await rekey("restore", copy, "--data", live)).toMatchObject({ code: 2, err: expect.stringContaining("holds a database") });
  expect(await rekey("restore", copy, "--data", restored)).toMatchObject({ code: 0, out: expect.stringContaining("40 events") });
  const after = await openDatabase({ dataDir: restored });
  expect(await ids(after)).toEqual(then);
  await after.close();
  expect((await rekey("audit", "verify", "--data", restored)).out).toContain("Intact: 40 events");
});

test("a folder that is no backup is refused, and nothing is made", async () => {
  writeFileSync(join(folder, "rekey-backup.json"), "{}");
  const target = join(folder, "none");
  expect(await rekey("restore", folder, "--data", target)).toMatchObject({ code: 2, err: expect.stringContaining("is not a backup") });
  expect(existsSync(target)).toBe(false);
});
