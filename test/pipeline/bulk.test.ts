import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Finding } from "../../src/finding.ts";
import type { IncidentEvent } from "../../src/incident/event.ts";
import { silentLog } from "../../src/log.ts";
import { applyBulk, previewBulk, undoBulk } from "../../src/pipeline/bulk.ts";
import type { Rekey } from "../../src/pipeline/context.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { getIncident, openOrAddOccurrence, recordEvents } from "../../src/store/incidents.ts";
import { finding } from "../store/findings.ts";

const folder = mkdtempSync(join(tmpdir(), "rekey-bulk-"));
let database: Database;
let rekey: Rekey;
beforeAll(async () => {
  database = await openDatabase({ dataDir: folder });
  rekey = { database, log: silentLog } as unknown as Rekey;
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

const at = (path: string): Partial<Finding> => ({
  location: { kind: "file", path, startLine: 3, startColumn: 1, endLine: 3, endColumn: 9 },
  locator: { source: "git", path, blob: path, byteStart: 0, byteEnd: 9, decode: [] },
});

async function opened(
  repository: string,
  path: string,
  more: { preExisting?: boolean; also?: [string, string]; events?: IncidentEvent[] } = {},
): Promise<string> {
  const one = finding(at(path));
  const sighted = (where: string, of: Finding) => ({
    finding: of,
    repository: where,
    exposedAt: new Date().toISOString(),
    preExisting: more.preExisting ?? false,
  });
  return database.db.transaction().execute(async (trx) => {
    const { incident } = await openOrAddOccurrence(trx, sighted(repository, one));
    if (more.also !== undefined) await openOrAddOccurrence(trx, sighted(more.also[0], { ...one, ...at(more.also[1]) }));
    if (more.events !== undefined) await recordEvents(trx, incident.id, more.events);
    return incident.id;
  });
}

const alive: IncidentEvent = { type: "validity-observed", validity: "active", code: "200", control: "none" };

test("exactly what the preview showed is decided, nothing that lives or stands elsewhere too, and it can be taken back", async () => {
  const fixture = await opened("acme/app", "test/fixtures/a.env");
  const second = await opened("acme/app", "test/fixtures/b.env");
  const elsewhere = await opened("acme/app", "test/fixtures/c.env", { also: ["acme/other", "test/fixtures/c.env"] });
  const leaves = await opened("acme/app", "test/fixtures/d.env", { also: ["acme/app", "src/d.env"] });
  const lives = await opened("acme/app", "test/fixtures/e.env", { events: [alive] });
  const filter = { repository: "acme/app", path: "test/fixtures/**" };
  const preview = await previewBulk(rekey, "used-in-tests", filter);
  expect(new Set(preview.incidents.map(({ id }) => id))).toEqual(new Set([fixture, second]));
  expect(preview.alive).toBe(1);

  const order = { action: "used-in-tests" as const, filter, reason: "made up", by: "the operator" };
  const third = await opened("acme/app", "test/fixtures/f.env");
  await expect(applyBulk(rekey, { ...order, hash: preview.hash })).rejects.toThrow("has changed; look at it again (it is 3 incidents now)");
  expect(await getIncident(database.db, fixture)).toMatchObject({ state: "open" });

  const { hash } = await previewBulk(rekey, "used-in-tests", filter);
  const { bulk, changed } = await applyBulk(rekey, { ...order, hash });
  expect(changed).toBe(3);
  expect(await getIncident(database.db, third)).toMatchObject({
    resolution: "used_in_tests",
    dismissal: { by: "the operator", reason: `made up [${bulk}]` },
  });
  for (const id of [elsewhere, leaves, lives]) expect(await getIncident(database.db, id)).toMatchObject({ state: "open" });

  const before = await getIncident(database.db, second);
  await database.db.transaction().execute((trx) => recordEvents(trx, second, [alive, { type: "reopened", why: "it lives" }]));
  expect(await undoBulk(rekey, bulk, "the operator")).toEqual({ reopened: 2 });
  expect(await getIncident(database.db, fixture)).toMatchObject({ state: "open", clock: { detected: expect.any(String) } });
  expect((await getIncident(database.db, second))?.clock.detected).toBe(before?.clock.detected);
  await expect(undoBulk(rekey, bulk, "the operator")).rejects.toThrow("closed nothing that is still closed");
});

test("a bulk action is never about everything, and history can be named", async () => {
  await expect(previewBulk(rekey, "acknowledge", {})).rejects.toThrow("at least one of");
  const old = await opened("acme/old", "a.env", { preExisting: true });
  const preview = await previewBulk(rekey, "acknowledge", { repository: "acme/old", origin: "history" });
  expect(preview.incidents).toEqual([{ id: old, title: "OpenRouter API key", place: "a.env:3", repository: "acme/old" }]);
  await applyBulk(rekey, {
    action: "acknowledge",
    filter: { repository: "acme/old", origin: "history" },
    hash: preview.hash,
    reason: "looked at",
    by: "x",
  });
  expect((await getIncident(database.db, old))?.clock.acknowledged).toBeDefined();
});
