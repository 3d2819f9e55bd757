import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { parseServerConfig } from "../../src/config/server.ts";
import type { RepositoryClient } from "../../src/github/client.ts";
import { peopleOf } from "../../src/github/team.ts";
import { silentLog } from "../../src/log.ts";
import { rotateByPolicy, trustedRuns } from "../../src/pipeline/automatic.ts";
import type { Rekey } from "../../src/pipeline/context.ts";
import { keptPlan } from "../../src/pipeline/readiness.ts";
import { requestRotation, startDue } from "../../src/pipeline/start-rotation.ts";
import type { Plan } from "../../src/playbook/plan.ts";
import { fingerprintKey, Secret } from "../../src/secret.ts";
import { type Database, openDatabase } from "../../src/store/database.ts";
import { giveApproval, openApprovals, savePlan } from "../../src/store/evidence.ts";
import { getIncident, openOrAddOccurrence } from "../../src/store/incidents.ts";
import { pauseRotations, requestFor, resumeRotations } from "../../src/store/rotation-requests.ts";
import { saveRehearsal } from "../../src/store/track-record.ts";
import { planOf } from "../rotation/rig.ts";
import { finding } from "../store/findings.ts";

const folder = mkdtempSync(join(tmpdir(), "rekey-start-"));
let database: Database;
beforeAll(async () => {
  database = await openDatabase({ dataDir: join(folder, "db") });
});
afterAll(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  for (const table of ["rotation_effect", "rotation_run", "rotation_request", "rotation_pause", "rehearsal"])
    await sql`delete from ${sql.table(table)}`.execute(database.db);
});

const queued: { name: string; data: object }[] = [];

function server(policy = "", team = "[sven]"): Rekey {
  queued.length = 0;
  return {
    config: parseServerConfig(`security_team: ${team}\npolicy: { rollout: rotate${policy} }\n`, "rekey.yml"),
    database,
    drivers: [],
    fingerprintKeys: [fingerprintKey(Buffer.alloc(32, 1))],
    credential: () => Secret.from(""),
    queue: {
      enqueue: async (name: string, data: object) => {
        queued.push({ name, data });
      },
    },
    log: silentLog,
  } as unknown as Rekey;
}

/** An incident that `dev` leaked, with a plan for mara's agent. */
async function leaked(environment: string): Promise<{ id: string; plan: Plan }> {
  const seen = { finding: finding(), exposedAt: "2026-11-25T00:00:00Z", preExisting: false, pushedBy: "dev", authors: ["dev"] };
  const { incident } = await database.db.transaction().execute((trx) => openOrAddOccurrence(trx, seen));
  const identity = { id: `agent:${incident.id}`, kind: "agent", name: "triage", owner: "@mara", environment };
  const plan = planOf("hash", { incident: incident.id, identity, credential: incident.credential });
  const kept = { incident: incident.id, hash: plan.hash, playbook: "openrouter-key@1", body: plan };
  await database.db.transaction().execute((trx) => savePlan(trx, kept));
  const { name, version, digest } = plan.playbook;
  await saveRehearsal(database.db, { playbook: name, version, digest, connection: "openrouter", passed: true, body: {} });
  return { id: incident.id, plan };
}

let sources = 0;
const approve = (id: string, hash: string, by: string, role = "owner") =>
  database.db.transaction().execute((trx) => giveApproval(trx, { incident: id, planHash: hash, by, role, source: `test-${sources++}` }));

async function ask(rekey: Rekey, id: string, by: string, breakGlass = false) {
  const [incident, plan] = [await getIncident(database.db, id), await keptPlan(rekey, id, { breakGlass })];
  if (incident === undefined || plan === undefined) throw new Error("nothing to rotate");
  return requestRotation(rekey, incident, plan, { by, breakGlass });
}

test("in production a second person who did not leak it starts it, and neither the leaker nor the requester alone", async () => {
  const rekey = server();
  const { id, plan } = await leaked("production");
  await approve(id, plan.hash, "mara");
  expect(await ask(rekey, id, "mara")).toMatchObject({ state: "refused", sentence: expect.stringContaining("needs a second person") });
  await approve(id, plan.hash, "dev");
  expect(await ask(rekey, id, "mara")).toMatchObject({ state: "refused" });
  await approve(id, plan.hash, "sven", "security team");
  expect(await ask(rekey, id, "mara")).toMatchObject({ state: "started" });
  expect(queued.map(({ name }) => name)).toContain("rotation");
  expect(await openApprovals(database.db, id, plan.hash), "all are used up").toEqual([]);
  expect(await ask(rekey, id, "sven"), "a second run needs new ones").toMatchObject({ state: "refused" });
});

test("where there is no second person the one confirms, and it starts by itself when the time is over", async () => {
  const rekey = server("", "[]");
  const { id, plan } = await leaked("production");
  await approve(id, plan.hash, "mara");
  expect(await ask(rekey, id, "mara")).toMatchObject({ state: "waits", sentence: expect.stringContaining("confirmed alone; it starts") });
  expect((await startDue(rekey)).size).toBe(0);
  expect(
    queued.map(({ name }) => name),
    "somebody will look again",
  ).toContain("start");
  await sql`update approval set given_at = clock_timestamp() - interval '4 hours 1 minute' where incident_id = ${id}`.execute(database.db);
  await sql`update rotation_request set not_before = clock_timestamp()`.execute(database.db);
  expect((await startDue(rekey)).get(id)).toMatchObject({ state: "started" });
});

test("what a cap holds back waits with its approvals, and starts in its turn", async () => {
  const rekey = server(", caps: { runs_per_hour: 1 }");
  const [first, second] = [await leaked("staging"), await leaked("staging")];
  for (const { id, plan } of [first, second]) await approve(id, plan.hash, "mara");
  expect(await ask(rekey, first.id, "mara")).toMatchObject({ state: "started" });
  expect(await ask(rekey, second.id, "mara")).toMatchObject({
    state: "waits",
    sentence: expect.stringContaining("policy.caps.runs_per_hour"),
  });
  expect(await openApprovals(database.db, second.id, second.plan.hash), "not used up").toHaveLength(1);
  expect((await requestFor(database.db, second.id))?.waitsFor).toContain("The cap of 1 rotations an hour");
  await sql`update rotation_run set started_at = started_at - interval '2 hours', ended_at = clock_timestamp() - interval '2 hours', state = 'done'`.execute(
    database.db,
  );
  await sql`update rotation_request set not_before = clock_timestamp()`.execute(database.db);
  expect((await startDue(rekey)).get(second.id)).toMatchObject({ state: "started" });
});

test("a plan that changed while it waited is not started", async () => {
  const rekey = server();
  const { id, plan } = await leaked("staging");
  await approve(id, plan.hash, "mara");
  await pauseRotations(database.db, "the operator", "why");
  expect(await ask(rekey, id, "mara")).toMatchObject({ state: "waits" });
  const other = { ...plan, hash: "ffffffffffff" };
  const kept = { incident: id, hash: other.hash, playbook: "openrouter-key@1", body: other };
  await database.db.transaction().execute((trx) => savePlan(trx, kept));
  await resumeRotations(database.db);
  expect((await startDue(rekey)).get(id)).toMatchObject({ state: "refused", sentence: expect.stringContaining("`ffffffffffff`") });
});

test("two people break the glass past a pause and a missing rehearsal, one does not", async () => {
  const rekey = server("", "[sven, tara]");
  const { id, plan } = await leaked("production");
  await sql`delete from rehearsal`.execute(database.db);
  await pauseRotations(database.db, "the operator", "why");
  await approve(id, plan.hash, "mara", "break-glass");
  expect(await ask(rekey, id, "mara", true)).toMatchObject({
    state: "refused",
    sentence: expect.stringContaining("two people within an hour"),
  });
  await approve(id, plan.hash, "sven", "break-glass");
  expect(await ask(rekey, id, "sven", true)).toMatchObject({ state: "started" });
});

/** As many approved runs of this plan's playbook that ended well. */
async function history({ plan }: { plan: Plan }, count: number, holds = 0): Promise<void> {
  for (let index = 0; index < count; index++) {
    const other = await leaked("staging");
    const run = `run-${other.id}`;
    await sql`insert into rotation_run (id, incident_id, credential, plan, state, holds, started_at, ended_at)
      values (${run}, ${other.id}, ${run}, ${JSON.stringify(plan)}::jsonb, 'done', ${holds}, now() - interval '3 days', now() - interval '3 days')`.execute(
      database.db,
    );
    await approve(other.id, plan.hash, "mara");
    await sql`update approval set used_by_run = ${run} where incident_id = ${other.id}`.execute(database.db);
  }
}

test("the policy starts a rotation outside production after five approved runs without a hold, and never otherwise", async () => {
  const started = async (rekey: Rekey, id: string) => {
    await rotateByPolicy(rekey, id);
    return (await getIncident(database.db, id))?.run !== undefined;
  };
  const on = server(", automatic: on");
  const staging = await leaked("staging");
  await history(staging, trustedRuns - 1);
  await history(staging, 1, 1);
  expect(await started(on, staging.id), "four, and one that was held").toBe(false);
  await history(staging, 1);
  expect(await started(server(), staging.id), "not switched on").toBe(false);
  const production = await leaked("production");
  expect(await started(on, production.id), "production").toBe(false);
  expect(await started(on, staging.id)).toBe(true);
  expect((await getIncident(database.db, staging.id))?.approvals).toMatchObject([{ by: "the policy", role: "automatic" }]);
});

test("a team is its members, asked now; one that cannot be read is nobody", async () => {
  const pages = [Array.from({ length: 100 }, (_, index) => ({ login: `m${index}` })), [{ login: "last" }]];
  const client = (status?: number): RepositoryClient => ({
    owner: "acme",
    repo: "triage",
    client: {
      request: async (_route, parameters) => {
        if (status !== undefined) throw Object.assign(new Error("no"), { status });
        expect(parameters).toMatchObject({ org: "acme", team_slug: "agents" });
        return { data: pages[Number(parameters?.["page"]) - 1], status: 200 };
      },
    },
  });
  const people = await peopleOf(client(), ["@mara", "@acme/agents", "mara@acme.example"]);
  expect(people).toHaveLength(102);
  expect([people[0], people.at(-1)]).toEqual(["mara", "last"]);
  expect(await peopleOf(client(403), ["@acme/agents"])).toEqual([]);
  expect(await peopleOf(client(404), ["@acme/agents"])).toEqual([]);
  await expect(peopleOf(client(500), ["@acme/agents"]), "an outage is no answer").rejects.toThrow("did not answer");
});
