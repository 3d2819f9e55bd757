import { expect, test } from "vitest";
import { incidentIndex } from "../../src/store/incident-index.ts";
import { openOrAddOccurrence, recordEvents } from "../../src/store/incidents.ts";
import { onEachDatabase } from "./databases.ts";
import { finding } from "./findings.ts";

onEachDatabase((open) => {
  test("the index shows what was written since it looked, of its tenant only", async () => {
    const { db } = open();
    const index = incidentIndex(db, "index-test");
    const write = (name: string, repository: string) =>
      db.transaction().execute((trx) =>
        openOrAddOccurrence(trx, {
          finding: finding({ fingerprint: `fp1:index:${name}` }),
          tenant: "index-test",
          exposedAt: "2026-03-01T10:00:00.000Z",
          preExisting: false,
          repository,
        }),
      );
    expect(await index.all()).toEqual([]);
    const { incident } = await write("a", "acme/one");
    expect(await index.all()).toMatchObject([{ id: incident.id, state: "open", repositories: ["acme/one"] }]);

    await write("a", "acme/two");
    const { incident: second } = await write("b", "acme/one");
    await db.transaction().execute((trx) => recordEvents(trx, incident.id, [{ type: "acknowledged", by: "mara" }]));
    const rows = await index.all();
    expect(rows.map(({ id, repositories }) => [id, repositories])).toEqual([
      [incident.id, ["acme/one", "acme/two"]],
      [second.id, ["acme/one"]],
    ]);
    expect(rows[0]?.clock.acknowledged).toBeDefined();
    expect(rows[0]).not.toHaveProperty("occurrences");
    expect(await index.all()).toBe(rows);
    expect(await incidentIndex(db, "somebody-else").all()).toEqual([]);
  });
});
