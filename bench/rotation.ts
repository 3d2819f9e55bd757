/**
 * `node bench/rotation.ts [effects] [approvals]`: what the engine of rotations costs. Effects a second through the journal on the embedded
 * database and on PostgreSQL, how long the job of a killed worker waits for the next one, the memory of approvals that wait, and contain and
 * dead times by playbook on stand-ins: the engine's own waits (propagation, spacing of probes; no soak) on a clock that is moved forward, plus
 * what the work itself took.
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Driver, DriverContext } from "../src/driver.ts";
import { bedrock } from "../src/provider/bedrock.ts";
import { cloudflare } from "../src/provider/cloudflare.ts";
import { elevenlabs } from "../src/provider/elevenlabs.ts";
import { entra } from "../src/provider/entra.ts";
import { gitlab } from "../src/provider/gitlab.ts";
import { googleApiKey } from "../src/provider/google-api-key.ts";
import { googleServiceAccount } from "../src/provider/google-service-account.ts";
import { langsmith } from "../src/provider/langsmith.ts";
import { litellm } from "../src/provider/litellm.ts";
import { openrouter } from "../src/provider/openrouter.ts";
import { FencedError } from "../src/rotation/journal.ts";
import type { Secret } from "../src/secret.ts";
import { startBedrock } from "../src/stand-in/bedrock.ts";
import { startCloudflare } from "../src/stand-in/cloudflare.ts";
import { startElevenLabs } from "../src/stand-in/elevenlabs.ts";
import { startEntra } from "../src/stand-in/entra.ts";
import { startGitLab } from "../src/stand-in/gitlab.ts";
import { startGoogle } from "../src/stand-in/google.ts";
import { startLangSmith } from "../src/stand-in/langsmith.ts";
import { startLiteLlm } from "../src/stand-in/litellm.ts";
import { startOpenRouter } from "../src/stand-in/openrouter.ts";
import { type Database, openDatabase } from "../src/store/database.ts";
import { savePlan } from "../src/store/evidence.ts";
import { openOrAddOccurrence } from "../src/store/incidents.ts";
import { sqlJournal } from "../src/store/journal.ts";
import { openQueue } from "../src/store/queue.ts";
import { runsOf, wholeRun } from "../test/contract/whole-run.ts";
import { planOf } from "../test/rotation/rig.ts";
import { startPostgres } from "../test/servers/postgres.ts";
import { finding } from "../test/store/findings.ts";

const count = Number(process.argv[2] ?? 800);
const approvals = Number(process.argv[3] ?? 10_000);
const seconds = (since: number) => (performance.now() - since) / 1000;
const megabytes = () => process.memoryUsage().rss / 1e6;
const folder = mkdtempSync(join(tmpdir(), "rekey-bench-rotation-"));
console.log(`node ${process.version}, ${cpus().length} cores, ${cpus()[0]?.model ?? "unknown processor"}`);

const postgres = await startPostgres();
try {
  const embedded = await openDatabase({ dataDir: join(folder, "db") });
  const server = await openDatabase({ url: postgres.url });
  await effects("embedded database (PGlite)", embedded);
  await effects("PostgreSQL 18 on this machine", server);
  await passOn(server);
  await waiting(embedded);
  await embedded.close();
  await server.close();
  await times();
} finally {
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);

/** Intended, sent, confirmed: three writes each, one after the other in one run, then in four runs at once. */
async function effects(name: string, database: Database): Promise<void> {
  const journal = sqlJournal(database.db, (message) => new FencedError(message));
  const plan = planOf("key");
  const run = async () => {
    const id = `run-${randomBytes(6).toString("hex")}`;
    await journal.create({ id, incident: plan.facts.incident, credential: id, plan });
    const lease = await journal.claim(id, { ttl: 3_600_000, grace: 0 });
    if (lease === undefined) throw new Error("expected a lease");
    for (let at = 0; at < count / 4; at++) {
      const key = `effect-${at}`;
      await journal.intend(lease, { key, destroy: false });
      await journal.send(lease, key);
      await journal.settle(lease, key, "confirmed", { id: at });
    }
  };
  let since = performance.now();
  for (let part = 0; part < 4; part++) await run();
  const alone = count / seconds(since);
  since = performance.now();
  await Promise.all(Array.from({ length: 4 }, run));
  console.log(
    `journal on ${name}: ${count} effects, ${alone.toFixed(0)} a second in one run after the other, ${(count / seconds(since)).toFixed(0)} in four at once`,
  );
}

/** From kill -9 of the worker that holds a job until another has it. */
async function passOn(database: Database): Promise<void> {
  const queue = await openQueue(database, { queues: ["passed-on"] });
  await queue.enqueue("passed-on", { incident: "RK-BENCH" });
  const file = fileURLToPath(new URL("../test/store/failover-worker.ts", import.meta.url));
  const worker = spawn(process.execPath, [file, postgres.url], { stdio: ["ignore", "pipe", "inherit"] });
  await once(worker.stdout, "data");
  worker.kill("SIGKILL");
  const since = performance.now();
  await new Promise<void>((taken) => void queue.work("passed-on", async () => taken()));
  console.log(`fail-over: the job of a worker that was killed is with another after ${seconds(since).toFixed(1)} s`);
  await queue.close(1000);
}

/** Each with its incident and its plan, in the embedded database, in this process. */
async function waiting(database: Database): Promise<void> {
  const like = planOf("key");
  globalThis.gc?.();
  const before = megabytes();
  const since = performance.now();
  for (let at = 0; at < approvals; at += 250) {
    await database.db.transaction().execute(async (trx) => {
      for (let one = at; one < Math.min(at + 250, approvals); one++) {
        const seen = { finding: finding(), exposedAt: "2026-11-25T00:00:00Z", preExisting: false };
        const { incident } = await openOrAddOccurrence(trx, seen);
        const plan = { ...like, hash: randomBytes(32).toString("hex"), facts: { ...like.facts, incident: incident.id } };
        await savePlan(trx, { incident: incident.id, hash: plan.hash, playbook: "openrouter-key@1", body: plan });
      }
    });
  }
  globalThis.gc?.();
  const after = megabytes();
  console.log(
    `${approvals} plans that wait for an approval: ${(after - before).toFixed(0)} MB more (${((1000 * (after - before)) / approvals).toFixed(1)} KB each, with the database's cache), ${after.toFixed(0)} MB in all, made in ${seconds(since).toFixed(0)} s`,
  );
}

interface StandIn {
  readonly driver: Driver;
  readonly server: { readonly url: string; stop(): Promise<void> };
  readonly credential: Secret;
  readonly leaked: Secret;
  readonly attributes?: Record<string, string>;
}

async function standIns(): Promise<StandIn[]> {
  const account = "triage@agents.iam.gserviceaccount.com";
  const [router, labs, flare, lab, lite, smith, rock, tenant, google] = await Promise.all([
    startOpenRouter(),
    startElevenLabs(),
    startCloudflare(),
    startGitLab(),
    startLiteLlm(),
    startLangSmith(),
    startBedrock(),
    startEntra(),
    startGoogle(),
  ]);
  const { client } = tenant.createApplication();
  return [
    { driver: openrouter, server: router, credential: router.managementKey, leaked: router.createKey("agent", { limit: 25 }).secret },
    { driver: elevenlabs, server: labs, credential: labs.adminKey, leaked: labs.createKey("account-agent", "agent").secret },
    { driver: cloudflare, server: flare, credential: flare.adminToken, leaked: flare.createToken("agent").secret },
    { driver: gitlab, server: lab, credential: lab.adminToken, leaked: lab.createToken(7, "agent").secret },
    { driver: litellm, server: lite, credential: lite.masterKey, leaked: lite.createKey("agent", { models: ["gpt"] }).secret },
    { driver: langsmith, server: smith, credential: smith.adminKey, leaked: smith.createKey("agent").secret },
    { driver: bedrock, server: rock, credential: rock.admin, leaked: rock.createKey("triage") },
    { driver: entra, server: tenant, credential: tenant.principal, leaked: tenant.createSecret(client, "agent") },
    { driver: googleApiKey, server: google, credential: google.admin, leaked: google.createApiKey("agent").secret },
    {
      driver: googleServiceAccount,
      server: google,
      credential: google.admin,
      leaked: google.createAccountKey(account).secret,
      attributes: { client_email: account },
    },
  ];
}

/** One mode of each: contain-first where there is one. */
async function times(): Promise<void> {
  const all = await standIns();
  for (const { driver, server, credential, leaked, attributes = {} } of all) {
    const context: DriverContext = { host: server.url, credential, timeout: 5000 };
    const it = { driver, context, leaked, attributes, living: () => [], stop: () => undefined };
    const [record] = (await driver.match?.(context, { attributes, secret: leaked }))?.records ?? [];
    const runs = runsOf(it, record);
    const one = runs.find(({ mode }) => mode === "contain-first") ?? runs[0];
    if (one === undefined) continue;
    const since = performance.now();
    const { ended, after } = await wholeRun(it, one.plan, attributes);
    const contained = after["contained"];
    const work = seconds(since);
    console.log(
      `${one.playbook.name}, ${one.mode}: ${ended?.state}; ${contained === undefined ? "not contained before" : `contained after ${(contained / 1000).toFixed(2)} s`}, dead after ${((after["dead"] ?? Number.NaN) / 1000).toFixed(0)} s, of which ${work.toFixed(2)} s were work`,
    );
  }
  await Promise.allSettled(all.map(({ server }) => server.stop()));
}
