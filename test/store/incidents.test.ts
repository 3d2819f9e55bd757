import { sql } from "kysely";
import { expect, test } from "vitest";
import { latestConsumerReports, saveConsumerReport } from "../../src/store/consumers.ts";
import { finishDelivery, readDelivery, recordDelivery } from "../../src/store/deliveries.ts";
import { appendEvents, readEvents, verifyChain, writeCheckpoint } from "../../src/store/events.ts";
import { giveApproval, latestPlan, listReceipts, openApprovals, savePlan, saveReceipt, useApprovals } from "../../src/store/evidence.ts";
import { housekeep } from "../../src/store/housekeeping.ts";
import {
  expiredAcceptances,
  findIncident,
  getIncident,
  listIncidents,
  listOccurrences,
  openOrAddOccurrence,
  readTimeline,
  recordEvents,
} from "../../src/store/incidents.ts";
import { desire, listDue, markApplied, readDesired } from "../../src/store/outbox.ts";
import { forgetPerson } from "../../src/store/people.ts";
import {
  getPullRequest,
  incidentsOfPullRequest,
  pullRequestsOfIncident,
  savePullRequest,
  savePullRequestFindings,
} from "../../src/store/pull-requests.ts";
import { onEachDatabase } from "./databases.ts";
import { finding } from "./findings.ts";

const past = "2026-01-02T03:04:05.000Z";

onEachDatabase((open) => {
  const sight = (found = finding(), more: object = {}) =>
    open()
      .db.transaction()
      .execute((trx) => openOrAddOccurrence(trx, { finding: found, exposedAt: past, preExisting: false, ...more }));
  const record = (id: string, ...events: Parameters<typeof recordEvents>[2]) =>
    open()
      .db.transaction()
      .execute((trx) => recordEvents(trx, id, events));

  test("a credential seen at two places is one incident with two occurrences", async () => {
    const found = finding();
    const first = await sight(found, { repository: "github.com/acme/agents", pullRequest: 12, pushedBy: "dev", authors: ["dev"] });
    expect(first.opened).toBe(true);
    expect(first.incident.id).toMatch(/^RK-[0-9A-HJKMNP-TV-Z]{4,6}$/);

    const again = await sight(found, { repository: "github.com/acme/agents", pullRequest: 12 });
    expect(again).toMatchObject({ opened: false, added: false, incident: { id: first.incident.id } });

    const moved = finding({ ...found, location: { ...found.location, path: "b.env", startLine: 1 } });
    const second = await sight(moved, { repository: "github.com/acme/agents" });
    expect(second).toMatchObject({ opened: false, added: true, incident: { id: first.incident.id } });
    expect((await listOccurrences(open().db, first.incident.id)).map(({ path, pullRequest }) => [path, pullRequest])).toEqual([
      [".mcp.json", 12],
      ["b.env", undefined],
    ]);
    expect(await findIncident(open().db, found)).toEqual(second.incident);
  });

  test("the same password with another subject is another credential", async () => {
    const staging = finding({ subject: "app@staging:5432/db" });
    const production = finding({ ...staging, subject: "app@production:5432/db" });
    expect((await sight(staging)).incident.id).not.toBe((await sight(production)).incident.id);
  });

  test("two workers that see one credential at once open one incident", async () => {
    const found = finding();
    const results = await Promise.all(
      [1, 2, 3, 4].map((line) => sight(finding({ ...found, location: { ...found.location, path: `${line}.env` } }))),
    );
    expect(new Set(results.map(({ incident }) => incident.id)).size).toBe(1);
    expect(results.filter(({ opened }) => opened)).toHaveLength(1);
    const id = results[0]?.incident.id ?? "";
    expect((await getIncident(open().db, id))?.occurrences).toHaveLength(4);
    expect(await listOccurrences(open().db, id)).toHaveLength(4);
  });

  test("a rolled back transaction leaves neither event nor incident", async () => {
    const found = finding();
    await expect(
      open()
        .db.transaction()
        .execute(async (trx) => {
          await openOrAddOccurrence(trx, { finding: found, exposedAt: past, preExisting: false });
          throw new Error("stop");
        }),
    ).rejects.toThrow("stop");
    expect(await findIncident(open().db, found)).toBeUndefined();
  });

  test("file names that PostgreSQL cannot store are kept with a replacement character", async () => {
    const bad = finding();
    const { incident } = await sight({ ...bad, location: { ...bad.location, path: "a\0b\ud800.env" } });
    expect((await listOccurrences(open().db, incident.id))[0]?.path).toBe("a\ufffdb\ufffd.env");
  });

  test("the row follows the events", async () => {
    const { incident } = await sight(finding(), { tenant: "github.com/77" });
    await record(
      incident.id,
      { type: "identity-linked", identity: "agent:x#triage-agent", kind: "agent", name: "triage-agent", owner: "@mara", grade: "strong" },
      { type: "validity-observed", validity: "active", code: "200", control: "none" },
    );
    expect(await listIncidents(open().db, { tenant: "github.com/77", state: "open", owner: "@mara" })).toMatchObject([
      { id: incident.id, validity: "active", owner: "@mara" },
    ]);
    await record(incident.id, { type: "dead", proof: "probe", receipts: 3, whenFound: false });
    expect(await listIncidents(open().db, { tenant: "github.com/77", state: "open" })).toEqual([]);
    const row = await open()
      .db.selectFrom("incident")
      .select(["state", "resolution", "dead_at"])
      .where("id", "=", incident.id)
      .executeTakeFirst();
    expect(row).toMatchObject({ state: "resolved", resolution: "revoked", dead_at: expect.any(Date) });
    expect((await readTimeline(open().db, incident.id)).map(({ seq, event }) => `${seq} ${event.type}`)).toEqual([
      "1 opened",
      "2 occurrence-added",
      "3 identity-linked",
      "4 validity-observed",
      "5 dead",
    ]);
  });

  test("an acceptance that ran out is found", async () => {
    const { incident } = await sight();
    await record(incident.id, { type: "accepted", by: "mara", reason: "sandbox", until: "2026-02-01T00:00:00.000Z" });
    expect(await expiredAcceptances(open().db, new Date("2026-01-31T00:00:00Z"))).not.toContain(incident.id);
    expect(await expiredAcceptances(open().db, new Date("2026-02-01T00:00:00Z"))).toContain(incident.id);
    expect(await record(incident.id, { type: "acceptance-expired" })).toMatchObject({ state: "open" });
    expect(await expiredAcceptances(open().db, new Date("2027-01-01T00:00:00Z"))).not.toContain(incident.id);
  });

  test("events cannot be changed, removed or emptied", async () => {
    await sight();
    const { db } = open();
    await expect(sql`update event set body = '{}'`.execute(db)).rejects.toThrow("append-only");
    await expect(sql`delete from event`.execute(db)).rejects.toThrow("append-only");
    await expect(sql`truncate event`.execute(db)).rejects.toThrow("append-only");
  });

  test("events refuse what no real one holds", async () => {
    const append = (event: { type: string; [field: string]: unknown }) =>
      open()
        .db.transaction()
        .execute((trx) => appendEvents(trx, "test/bounds", [event]));
    await expect(append({ type: "said", text: "x".repeat(4001) })).rejects.toThrow("4001 characters");
    await expect(append({ type: "said", text: "a\0b" })).rejects.toThrow("well-formed");
    await expect(append({ type: "said", value: 0.5 })).rejects.toThrow("integers");
    await expect(append({ type: "Said" })).rejects.toThrow("kebab-case");
    expect(await readEvents(open().db, "test/bounds")).toEqual([]);
  });

  test("concurrent writers of one stream get numbers without gap or double", async () => {
    await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        open()
          .db.transaction()
          .execute((trx) =>
            appendEvents(trx, "test/race", [
              { type: "counted", index },
              { type: "counted", index },
            ]),
          ),
      ),
    );
    const events = await readEvents(open().db, "test/race");
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 16 }, (_, index) => index + 1));
    expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted());
  });

  test("a person can be erased everywhere and the chain still verifies", async () => {
    const found = finding();
    const authored = { ...found, location: { ...found.location, author: { name: "Carla C", email: "carla@example.org" } } };
    const { incident } = await sight(authored, { pushedBy: "carla", authors: ["carla", "dev"] });
    await record(
      incident.id,
      { type: "acknowledged", by: "carla" },
      { type: "acknowledged", by: "policy" },
      { type: "revoked-by-statement", by: "carla", how: "console" },
    );
    await open()
      .db.transaction()
      .execute((trx) => giveApproval(trx, { incident: incident.id, planHash: "p", by: "carla", role: "owner", source: "comment 99" }));
    const by = async () => (await readTimeline(open().db, incident.id)).flatMap(({ event }) => ("by" in event ? [event.by] : []));
    expect(await by()).toEqual(["carla", "policy", "carla", "carla"]);
    const events = await sql<{ text: string }>`select string_agg(body::text, '') as text from event where stream = ${incident.id}`.execute(
      open().db,
    );
    expect(events.rows[0]?.text).not.toContain("carla");

    expect(Object.fromEntries(await forgetPerson(open().db, "@Carla"))).toMatchObject({ actor: 1, approval: 1, occurrence: 2 });
    expect(await by()).toEqual(["erased", "policy", "erased", "erased"]);
    expect((await listOccurrences(open().db, incident.id))[0]?.authors).toEqual(["dev"]);
    for (const table of ["event", "actor", "incident", "occurrence", "approval"]) {
      const { rows } = await sql<{ text: string }>`select coalesce(string_agg(t::text, ''), '') as text from ${sql.table(table)} t`.execute(
        open().db,
      );
      expect(rows[0]?.text.toLowerCase(), table).not.toContain("carla");
    }
    expect((await forgetPerson(open().db, "carla")).size).toBe(0);
    expect((await verifyChain(open().db)).problems).toEqual([]);
  });

  test("housekeeping reopens what was accepted for a time, once, and keeps each consumer's last report", async () => {
    const { db } = open();
    const { incident } = await sight();
    await record(incident.id, { type: "accepted", by: "mara", reason: "sandbox", until: "2026-02-01T00:00:00.000Z" });
    const place = { connection: "c", path: "kept", name: "a" };
    await saveConsumerReport(db, { ...place, version: "1" });
    await saveConsumerReport(db, { ...place, version: "2" });
    const later = new Date(Date.now() + 40 * 86_400_000);
    expect(await housekeep(db, later)).toContain(incident.id);
    expect(await housekeep(db, later)).toEqual([]);
    expect(await getIncident(db, incident.id)).toMatchObject({ state: "open" });
    expect(await latestConsumerReports(db, place)).toMatchObject([{ version: "2" }]);
    const { n } = await db
      .selectFrom("consumer_report")
      .select(db.fn.countAll<number>().as("n"))
      .where("path", "=", "kept")
      .executeTakeFirstOrThrow();
    expect(n).toBe(1);
  });

  test("a webhook is recorded once, whatever its redelivery says", async () => {
    const envelope = {
      guid: "d0c2",
      event: "push",
      installation: 5,
      repository: 9,
      fields: { ref: "refs/heads/main", after: "a".repeat(40) },
    };
    const deliver = (fields: object) =>
      open()
        .db.transaction()
        .execute((trx) => recordDelivery(trx, { ...envelope, fields: { ...envelope.fields, ...fields } }));
    expect(await Promise.all([deliver({}), deliver({ ref: "other" })])).toContain(false);
    expect(await deliver({ ref: "third" })).toBe(false);
    expect((await readDelivery(open().db, "d0c2"))?.envelope).toMatchObject({ guid: "d0c2", installation: 5 });
    await finishDelivery(open().db, "d0c2");
    expect(
      (await open().db.selectFrom("delivery").select("handled_at").where("guid", "=", "d0c2").executeTakeFirst())?.handled_at,
    ).toBeInstanceOf(Date);
  });

  test("an approval binds to one plan hash and serves one run", async () => {
    const { incident } = await sight();
    const { db } = open();
    const plan = { incident: incident.id, hash: "p1", playbook: "openrouter@1", body: { steps: [] } };
    expect(await db.transaction().execute((trx) => savePlan(trx, plan))).toBe(true);
    expect(await db.transaction().execute((trx) => savePlan(trx, plan))).toBe(false);
    expect(await latestPlan(db, incident.id)).toMatchObject({ hash: "p1", body: { steps: [] } });

    const give = (source: string, planHash = "p1") =>
      db.transaction().execute((trx) => giveApproval(trx, { incident: incident.id, planHash, by: "mara", role: "owner", source }));
    expect(await give("comment 1")).toMatchObject({ approvals: [{ planHash: "p1", by: "mara", role: "owner" }] });
    expect(await give("comment 1")).toBeUndefined();
    expect(await openApprovals(db, incident.id, "p2")).toEqual([]);
    const ids = (await openApprovals(db, incident.id, "p1")).map(({ id }) => id);
    expect(ids).toHaveLength(1);
    const use = (run: string) => db.transaction().execute((trx) => useApprovals(trx, ids, run));
    expect(await use("run-1")).toBe(true);
    expect(await use("run-1")).toBe(true);
    expect(await use("run-2")).toBe(false);
    expect(await openApprovals(db, incident.id, "p1")).toEqual([]);
  });

  test("receipts keep their order and their control", async () => {
    const { incident } = await sight();
    const receipt = { incident: incident.id, round: 1, control: "new-credential", via: "probe" } as const;
    await saveReceipt(open().db, { ...receipt, subject: "control", answer: "alive", code: "200" });
    await saveReceipt(open().db, { ...receipt, subject: "old", answer: "invalid", code: "401 user_not_found" });
    expect((await listReceipts(open().db, incident.id)).map(({ subject, answer, code }) => [subject, answer, code])).toEqual([
      ["control", "alive", "200"],
      ["old", "invalid", "401 user_not_found"],
    ]);
  });

  test("the last report of each consumer counts", async () => {
    const place = { connection: "demo-store", path: "secret/agents/triage" };
    for (const [name, version] of [
      ["a", "1"],
      ["b", "1"],
      ["a", "2"],
    ] as const)
      await saveConsumerReport(open().db, { ...place, name, version });
    await saveConsumerReport(open().db, { ...place, path: "secret/other", name: "a", version: "9" });
    expect((await latestConsumerReports(open().db, place)).map(({ name, version }) => [name, version])).toEqual([
      ["a", "2"],
      ["b", "1"],
    ]);
  });

  test("a finding whose line was removed stays with its pull request", async () => {
    const key = { host: "github.com", repositoryId: 9, number: 12 };
    const { db } = open();
    await savePullRequest(db, key, { installation_id: 5, repository: "acme/agents", head_sha: "h1" });
    const [a, b] = [finding(), finding()];
    const [first, second] = [(await sight(a)).incident.id, (await sight(b)).incident.id];
    const save = (head: string, ...found: { finding: typeof a; incident: string }[]) =>
      db.transaction().execute((trx) => savePullRequestFindings(trx, key, head, found));
    await save("h1", { finding: a, incident: first }, { finding: b, incident: second });
    await save("h2", { finding: b, incident: second });
    await savePullRequest(db, key, { head_sha: "h2", check_run_id: 77 });
    const shown = (await incidentsOfPullRequest(db, key)).map(({ incident, findings }) => [
      incident.id,
      findings.map(({ present }) => present),
    ]);
    expect(shown).toEqual(
      expect.arrayContaining([
        [first, [false]],
        [second, [true]],
      ]),
    );
    expect(await getPullRequest(db, key)).toMatchObject({ head_sha: "h2", check_run_id: 77, repository: "acme/agents" });
    expect((await pullRequestsOfIncident(db, first)).map(({ number }) => number)).toEqual([12]);
  });

  test("wishes for one surface fold into the last", async () => {
    const { db } = open();
    const comment = { key: "comment/9/12", kind: "comment" };
    expect(await desire(db, { ...comment, desired: { body: "one" } })).toBe(true);
    const old = await readDesired(db, comment.key);
    expect(await desire(db, { ...comment, desired: { body: "two" } })).toBe(true);
    await markApplied(db, comment.key, old?.hash ?? "", "c1");
    expect(await listDue(db, "comment")).toMatchObject([{ key: comment.key, desired: { body: "two" }, externalId: "c1" }]);
    await markApplied(db, comment.key, (await readDesired(db, comment.key))?.hash ?? "");
    expect(await listDue(db, "comment")).toEqual([]);
    expect(await desire(db, { ...comment, desired: { body: "two" } })).toBe(false);
  });

  // Last: it damages the log on purpose.
  test("a changed event, a cut end and a forged checkpoint are named", async () => {
    const { db } = open();
    const { incident } = await sight();
    await record(incident.id, { type: "acknowledged", by: "mara" }, { type: "contained" });
    await writeCheckpoint(db);
    await record(incident.id, { type: "dead", proof: "probe", receipts: 3, whenFound: false });
    await writeCheckpoint(db);
    expect((await verifyChain(db)).problems).toEqual([]);
    expect((await verifyChain(db)).checkpoints).toBeGreaterThanOrEqual(2);

    const tamper = async (statement: string) => {
      await sql`alter table event disable trigger user`.execute(db);
      await sql.raw(statement).execute(db);
      await sql`alter table event enable trigger user`.execute(db);
    };
    await tamper(`delete from event where stream = '${incident.id}' and seq = 5`);
    expect((await verifyChain(db)).problems.join("\n")).toContain(`event 5 of ${incident.id} is gone`);
    await tamper(`update event set body = '{"type":"acknowledged","by":"policy"}' where stream = '${incident.id}' and seq = 3`);
    expect((await verifyChain(db)).problems).toContain(`${incident.id}: event 3 was changed`);
  });
});
